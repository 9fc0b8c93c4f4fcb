#include "components/redis/commands/credentials.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/agree.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/options.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* rotate_command = "credentials rotate";
constexpr const char* sync_command = "credentials sync";

/// `credentials rotate redis` and `credentials rotate` are the same.
void expect_redis(const std::vector<std::string>& words) {
  if (words.empty() || (words.size() == 1 && words.front() == "redis")) return;
  throw Error(ExitCode::usage, fmt::format("there is no {} to change credentials of", in_quotes(words.front())),
              "only redis has credentials");
}

struct Options {
  bool finish, now, internal, kick, yes;
  std::string password_file;
};

Options options_of(const Context& context) {
  const auto flag = [&](const char* name) {
    return context.settings.all().contains(name) && context.settings.flag(name);  // sync has some of them
  };
  Options options{flag("finish"), flag("now"), flag("internal"), flag("kick"), flag("yes"), {}};
  if (context.settings.all().contains("password-file") && context.settings.is_set("password-file"))
    options.password_file = context.settings.text("password-file");
  const auto contradict = [](const char* one, const char* other) {
    throw Error(ExitCode::usage, fmt::format("{} and {} contradict each other", one, other), "leave one of them out");
  };
  if (options.finish && options.now) contradict("--finish", "--now");
  if (options.internal && options.now) contradict("--internal", "--now");
  if (options.finish && !options.password_file.empty()) contradict("--finish", "--password-file");
  if (options.internal && !options.password_file.empty()) contradict("--internal", "--password-file");
  if (options.internal && options.kick) contradict("--internal", "--kick");
  if (options.kick && !options.finish && !options.now)
    throw Error(ExitCode::usage,
                "--kick closes the connections that came with the old password, and that one is still valid",
                "add --finish or --now");
  return options;
}

/// One Redis whose passwords are to change.
class Rotation {
 public:
  /// `command`: rotate_command, or sync_command.
  Rotation(Context& context, const char* command)
      : m_context(context), m_command(command), m_options(options_of(context)) {
    mention_unfinished(context);
    auto [place, settings] = open_recorded(context, NeedsPreset::no);
    m_place = std::move(place);
    m_settings = std::move(settings);
    const InstalledRedis& installed = m_place->installed();
    refuse_what_cannot(installed);
    m_content = installed.content;
  }

  CommandResult run() {
    if (m_options.internal) return m_options.finish ? finish_internal() : rotate_internal();
    return m_options.finish ? finish() : rotate();
  }

  /// Takes over what the Secret of --existing-secret has.
  CommandResult sync() {
    const StoreState store = open_installer(m_context, m_settings)->look_at_store();
    if (store.is_own) return m_options.finish ? finish_own(store) : sync_own(store);
    if (m_options.finish) return finish();
    // of a run that was killed the Secret may have it, and the rest not: then it is done again, after the recovery
    if (store.password == value_of(m_content, password_key) && !was_interrupted()) {
      const auto since = rotated_at(m_content);
      return result("unchanged",
                    since ? fmt::format("Redis has the password of Secret {} already. ", store.secret) + next_steps()
                          : fmt::format("Redis has the password of Secret {}, and no other: nothing to "
                                        "do.\n",
                                        store.secret));
    }
    // what a killed run left says nothing of what Redis knows: then it is looked at after the recovery
    if (!was_interrupted() && !knows(m_content, store.password)) refuse_third_password(m_context, m_content);
    const WallTime now = m_context.clock.wall();
    const auto done = change(fmt::format("the password of Secret {} beside the one of before", store.secret),
                             [this, next = store.password, now](const SecretContent& present) {
                               if (!knows(present, next)) refuse_third_password(m_context, present);
                               return with_second_password(present, next, now);
                             });
    return done ? *done : result("synced", next_steps());
  }

 private:
  static bool knows(const SecretContent& content, const Secret& password) {
    const std::vector<std::string> hashes = password_hashes(content);
    return std::find(hashes.begin(), hashes.end(), sha256_hex(password.reveal())) != hashes.end();
  }

  /// The release's own Secret is the store's: what is compared with it is the running server.
  CommandResult sync_own(const StoreState& store) {
    const bool both = store.known && store.passwords > 1;
    const std::string plan = open_installer(m_context, m_settings)->take_over_users(m_command, false);
    if (m_context.guard.dry_run()) return told(plan);
    if (store.known && !both)
      return result("unchanged",
                    fmt::format("Redis has the password of Secret {}, and no other: nothing to do.\n", store.secret));
    return result(both ? "unchanged" : "synced", next_steps());
  }

  CommandResult finish_own(const StoreState& store) {
    if (store.known && store.passwords == 1)
      return result("unchanged", "Only one password is valid: nothing to finish.\n");
    agree(m_context, "the older password ends: clients that log in with it are refused", m_command, "--finish");
    const std::string plan = open_installer(m_context, m_settings)->take_over_users(m_command, true);
    if (m_context.guard.dry_run()) return told(plan);
    return result("finished", fmt::format("Only the password of Secret {} is valid now.\n", store.secret));
  }

  bool is_sync() const { return m_command == std::string_view(sync_command); }

  /// The password of a store is changed there; what raibid-cli does with it has its own command.
  void refuse_other_source() const {
    const auto& existing = m_settings.existing_secret;
    if (is_sync() && !m_place->can().store)
      throw Error(ExitCode::usage, m_place->subject() + ": its password is in no Secret of a cluster",
                  "for another password: " + m_context.scope().command(rotate_command));
    if (is_sync() && !existing)
      throw Error(ExitCode::preflight, m_place->subject() + " takes its password from no other Secret",
                  "--existing-secret of setup names one: " + m_context.scope().command("setup redis"));
    if (is_sync() || !existing) return;
    const bool own = existing->name == RedisNames(m_settings.release, m_settings.name_space).full;
    if (!own && (m_options.finish || m_options.internal)) return;
    throw Error(ExitCode::preflight,
                fmt::format("the password is that of Secret {}, which something else keeps", existing->text()),
                "change it there, then take it over: " +
                    m_context.scope().command(sync_command, m_options.finish ? "--finish" : ""));
  }

  void refuse_what_cannot(const InstalledRedis& installed) const {
    refuse_other_source();
    if (!m_place->can().rotate) {
      throw Error(ExitCode::preflight, m_place->subject() + ": its passwords are changed where it comes from",
                  "then save the new one: " + m_context.scope().command("setup redis"));
    }
    const std::string chart = installed.record.chart;
    if (!chart.empty() && chart != "embedded") {
      throw Error(ExitCode::preflight,
                  fmt::format("chart {}: its pods hold the password in their arguments and environment, so another one "
                              "needs a restart",
                              chart),
                  "change it with that chart, or move to the embedded one: " +
                      m_context.scope().command("setup redis", "--chart embedded"));
    }
    if (installed.password.empty())
      throw Error(ExitCode::preflight, m_place->subject() + " has no password: there is nothing to rotate");
  }

  /// An earlier change of the users was killed. What Redis knows may differ from users.acl then, so that the content
  /// tells nothing; the next change takes back first what that run left.
  bool was_interrupted() const { return m_content.contains(previous_users_key); }

  /// What is to be done once applications have the new password.
  std::string next_steps() const {
    std::string text = fmt::format("Both passwords are valid. Hand the new one to the applications:\n  {}\n",
                                   m_context.scope().command("export secret"));
    return text + fmt::format("Then end the old one:\n  {}\n", m_context.scope().command(m_command, "--finish"));
  }

  std::optional<CommandResult> change(const std::string& what, const UserChange& change) {
    const std::string plan = open_installer(m_context, m_settings)->change_users({m_command, what, change});
    if (!m_context.guard.dry_run()) return std::nullopt;
    return told(plan);
  }

  Secret next_password() const {
    if (m_options.password_file.empty()) return generate_password(m_context.random);
    const Secret wanted = read_password_file(m_options.password_file, m_context.deadline);
    if (wanted == value_of(m_content, password_key))
      throw Error(ExitCode::usage,
                  fmt::format("--password-file {}: it has the current password", printable(m_options.password_file)));
    return wanted;
  }

  CommandResult rotate() {
    if (const auto since = rotated_at(m_content); since && !was_interrupted()) {
      throw Error(ExitCode::failure, fmt::format("two passwords are already valid, since {}", rfc3339(*since)),
                  "end the older one first: " + m_context.scope().command(rotate_command, "--finish"));
    }
    const Secret next = next_password();
    const WallTime now = m_context.clock.wall();
    if (!m_options.now) {
      const auto done = change("a second password", [this, next, now](const SecretContent& present) {
        refuse_third_password(m_context,
                              present);  // what a killed run left was taken back: it may have been a --finish
        return with_second_password(present, next, now);
      });
      return done ? *done : result("rotated", next_steps());
    }
    agree(m_context, "the current password ends at once: clients that log in with it are refused", m_command, "--now");
    const auto done = change("another password instead of the current one", [next, now](const SecretContent& present) {
      return with_one_password(with_second_password(present, next, now));
    });
    if (done) return *done;
    const std::string kicked = m_options.kick ? kick(now) : "";
    return result("replaced",
                  kicked + fmt::format("Only the new password is valid now. Hand it to the applications:\n  {}\n",
                                       m_context.scope().command("export secret")));
  }

  CommandResult finish() {
    const auto since = rotated_at(m_content);
    if (!since && !was_interrupted()) return result("unchanged", "Only one password is valid: nothing to finish.\n");
    const std::vector<UserConnection> older = since ? connections(*since) : std::vector<UserConnection>();
    if (!older.empty() && !m_options.kick)
      agree(m_context,
            describe(older) + ": they stay until they end, and are refused when they come back with the old password",
            m_command, "--finish");
    const auto done =
        change("the older password ends", [](const SecretContent& present) { return with_one_password(present); });
    if (done) return *done;
    const std::string kicked = m_options.kick && since ? kick(*since) : "";
    return result("finished", kicked + "Only the password that applications were given is valid now.\n");
  }

  CommandResult rotate_internal() {
    if (const auto since = internal_rotated_at(m_content); since && !was_interrupted()) {
      throw Error(ExitCode::failure, fmt::format("two internal passwords are already valid, since {}", rfc3339(*since)),
                  "end the older ones first: " + m_context.scope().command(rotate_command, "--internal --finish"));
    }
    const auto done = change("second passwords of raibid-cli's own users", [this](const SecretContent& present) {
      if (internal_rotated_at(present))
        throw Error(ExitCode::preflight, "two internal passwords are already valid: a third one has to wait",
                    "end the older ones first: " + m_context.scope().command(rotate_command, "--internal --finish"));
      return with_second_internal_passwords(present, m_context.random, m_context.clock.wall());
    });
    if (done) return *done;
    return result("rotated",
                  fmt::format("Both of each are valid. The exporter takes the new one at its next start. Then end the "
                              "old ones:\n  {}\n",
                              m_context.scope().command(rotate_command, "--internal --finish")));
  }

  CommandResult finish_internal() {
    const auto since = internal_rotated_at(m_content);
    if (!since && !was_interrupted())
      return result("unchanged", "Each internal user has one password: nothing to finish.\n");
    const bool restarted = since && m_place->exporter_started_after(*since);
    const auto done = change("the older internal passwords end", [restarted](const SecretContent& present) {
      return with_one_internal_password(present, restarted);
    });
    if (done) return *done;
    return result("finished",
                  restarted
                      ? "Only the new passwords are valid now.\n"
                      : "Only the new passwords are valid now, except for the exporter: it has not restarted since "
                        "then, and keeps its old one as well. Run this again after its next start.\n");
  }

  /// Those of the application's user that were there before then, on every node.
  std::vector<UserConnection> connections(WallTime since) {
    std::vector<UserConnection> all;
    for (const auto& node : m_place->administer_all(question_deadline(m_context))) {
      for (UserConnection& one : connections_of(*node, since)) all.push_back(std::move(one));
    }
    return all;
  }

  std::vector<UserConnection> connections_of(RedisConnection& node, WallTime since) const {
    std::vector<UserConnection> older =
        connections_before(checked(node, {"CLIENT", "LIST"}).text, shown_user(application_login(m_content)), since,
                           m_context.clock.wall());
    const std::string own = std::to_string(checked(node, {"CLIENT", "ID"}).integer);
    std::erase_if(older, [&](const UserConnection& one) { return one.id == own; });
    return older;
  }

  std::string kick(WallTime since) {
    std::int64_t closed = 0;
    // the password that raibid-cli itself logs in with may be another one by now
    const auto place = open_place(m_context, m_settings);
    for (const auto& node : place->administer_all(question_deadline(m_context))) {
      for (const UserConnection& one : connections_of(*node, since))
        closed += checked(*node, {"CLIENT", "KILL", "ID", one.id}).integer;
    }
    return fmt::format("Closed {} from before the rotation.\n", counted(closed, "connection", "connections"));
  }

  static std::string describe(const std::vector<UserConnection>& older) {
    std::map<std::string, std::int64_t> by_address;
    for (const UserConnection& one : older) ++by_address[one.address];
    std::vector<std::string> parts;
    for (const auto& [address, count] : by_address)
      parts.push_back(fmt::format("{} of {}", counted(count, "connection", "connections"), printable(address)));
    return join(parts, ", ") + " from before the rotation";
  }

  CommandResult result(const std::string& state, const std::string& text) const {
    if (m_context.format() == OutputFormat::table) return {text};
    const SecretContent now = open_place(m_context, m_settings)->installed().content;
    const auto since = rotated_at(now);
    const ordered_json object = {{"state", state},
                                 {"username", shown_user(application_login(now))},
                                 {"passwords", password_hashes(now).size()},
                                 {"since", since ? ordered_json(rfc3339(*since)) : ordered_json()}};
    return {formatted(object, m_context.format())};
  }

  Context& m_context;
  const char* m_command;
  Options m_options;
  std::unique_ptr<Place> m_place;
  RedisSettings m_settings;
  SecretContent m_content;
};

CommandResult rotate_credentials(Context& context, const std::vector<std::string>& words) {
  expect_redis(words);
  return Rotation(context, rotate_command).run();
}

CommandResult sync_credentials(Context& context, const std::vector<std::string>& words) {
  expect_redis(words);
  return Rotation(context, sync_command).sync();
}

std::string where_of(const Credentials& credentials) {
  return credentials.target == "local" ? "this machine" : credentials.context;
}

ordered_json as_object(const Context& context, const Credentials& credentials, bool with_password) {
  ordered_json object = {{"release", credentials.release},   {"target", credentials.target},
                         {"context", credentials.context},   {"namespace", credentials.name_space},
                         {"host", credentials.host},         {"port", credentials.port},
                         {"username", credentials.username}, {"file", context.paths.shown(credentials.path)}};
  if (with_password) object["password"] = credentials.password.reveal();
  return object;
}

CommandResult list_credentials(Context& context, const std::vector<std::string>& words) {
  expect_redis(words);
  const std::vector<Credentials> all = all_credentials(context.paths);
  if (context.format() == OutputFormat::table) {
    if (all.empty()) return {fmt::format("No credentials in {}.\n", context.paths.shown(context.paths.home))};
    Table table({"RELEASE", "WHERE", "NAMESPACE", "USER", "FILE"});
    for (const Credentials& one : all)
      table.add({one.release, where_of(one), one.name_space, one.username, context.paths.shown(one.path)});
    return {table.text()};
  }
  ordered_json list = ordered_json::array();
  for (const Credentials& one : all) list.push_back(as_object(context, one, false));
  return {formatted(list, context.format())};
}

CommandResult show_credentials(Context& context, const std::vector<std::string>& words) {
  expect_redis(words);
  const RedisSettings settings = settings_to_find(context);
  const std::string target(target_name(settings.target));
  const std::string wanted = context.settings.text("context");
  std::vector<Credentials> found;
  for (Credentials& one : all_credentials(context.paths)) {
    const bool same =
        one.target == target && one.release == settings.release &&
        (target == "local" || (one.name_space == settings.name_space && (wanted.empty() || one.context == wanted)));
    if (same) found.push_back(std::move(one));
  }
  if (found.empty()) {
    throw Error(ExitCode::not_installed, fmt::format("this machine has no credentials of release {}", settings.release),
                "see which it has: " + context.scope().command("credentials ls"));
  }
  const bool with_password = context.settings.flag("with-password");
  ordered_json list = ordered_json::array();
  std::string text;
  for (const Credentials& one : found) {
    const ordered_json object = as_object(context, one, with_password);
    list.push_back(object);
    for (const auto& [key, value] : object.items())
      text += fmt::format("{:<10} {}\n", key, value.is_string() ? printable(value.get<std::string>()) : value.dump());
    if (!with_password) text += "password   *** (--with-password shows it)\n";
  }
  if (context.format() == OutputFormat::table) return {text};
  const ordered_json& object = list.size() == 1 ? list.front() : list;
  return {formatted(object, context.format())};
}

std::vector<OptionSpec> sync_options() {
  const auto flag = [](const char* name, const char* help) {
    return OptionSpec{.name = name, .help = help, .kind = OptionKind::flag, .flag_only = true};
  };
  std::vector<OptionSpec> options = {flag("finish", "Remove the older password"),
                                     flag("kick", "Close the connections from before, with --finish")};
  for (const OptionSpec& option : redis_options()) {
    if (option.name == "existing-secret") options.push_back(option);
  }
  return options;
}

std::vector<OptionSpec> rotate_options() {
  const auto flag = [](const char* name, const char* help) {
    return OptionSpec{.name = name, .help = help, .kind = OptionKind::flag, .flag_only = true};
  };
  return {flag("finish", "Remove the older password"),
          flag("now", "Replace the password at once, with no time in which both are valid"),
          flag("internal", "Of raibid-cli's own users: admin, exporter, trim, tls, backup, and those of several nodes"),
          flag("kick", "Close the connections from before the rotation, with --finish or --now"),
          {.name = "password-file",
           .help = "Take the new password from the first line of this file instead of making one",
           .metavar = "FILE",
           .flag_only = true,
           .is_path = true}};
}

}  // namespace

std::vector<ComponentCommand> credentials_commands() {
  const auto row = [](std::string_view what, std::string_view summary, std::vector<OptionSpec> options, auto run) {
    return ComponentCommand{"credentials", summary, std::move(options), run, "[redis]", what, nullptr};
  };
  return {
      row("rotate", "Change the password without a refused connection: both are valid until --finish", rotate_options(),
          rotate_credentials),
      row("sync",
          "Take over the password that a secret store has changed (--existing-secret); both are valid until --finish",
          sync_options(), sync_credentials),
      row("ls", "The credentials files of this machine, without passwords", {}, list_credentials),
      row("show", "What this machine's credentials file has of a Redis",
          {{.name = "with-password", .help = "With the password", .kind = OptionKind::flag, .flag_only = true}},
          show_credentials),
  };
}

}  // namespace raibid
