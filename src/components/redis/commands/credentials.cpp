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
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "config/yaml.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* rotate_command = "credentials rotate";

/// `credentials rotate redis` and `credentials rotate` are the same.
void expect_redis(const std::vector<std::string>& words) {
  if (words.empty() || (words.size() == 1 && words.front() == "redis")) return;
  throw Error(ExitCode::usage, fmt::format("there is no {} to change credentials of", in_quotes(words.front())),
              "redis is all that has some");
}

struct Options {
  bool finish, now, internal, kick, yes;
  std::string password_file;
};

Options options_of(const Context& context) {
  const auto flag = [&](const char* name) { return context.settings.flag(name); };
  Options options{flag("finish"), flag("now"), flag("internal"), flag("kick"), flag("yes"), {}};
  if (context.settings.is_set("password-file")) options.password_file = context.settings.text("password-file");
  const auto contradict = [](const char* one, const char* other) {
    throw Error(ExitCode::usage, fmt::format("{} and {} contradict each other", one, other), "leave one of them out");
  };
  if (options.finish && options.now) contradict("--finish", "--now");
  if (options.internal && options.now) contradict("--internal", "--now");
  if (options.finish && !options.password_file.empty()) contradict("--finish", "--password-file");
  if (options.internal && !options.password_file.empty()) contradict("--internal", "--password-file");
  if (options.internal && options.kick) contradict("--internal", "--kick");
  if (options.kick && !options.finish && !options.now)
    throw Error(ExitCode::usage, "--kick closes the connections that came with the old password, and it still holds",
                "add --finish or --now");
  return options;
}

/// Changes nothing without a yes: on a terminal it is asked for.
void agree(Context& context, const std::string& what, const std::string& flags) {
  if (context.settings.flag("yes") || context.guard.dry_run()) return;
  const std::optional<bool> answer = context.reporter.confirm(what + ". Go on?");
  context.signals.check();  // Ctrl-C at the question is no answer
  if (answer && *answer) return;
  if (answer) throw Error(ExitCode::failure, "nothing was changed");
  throw Error(ExitCode::failure, what + "; there is no terminal to ask on, and nothing was changed",
              "to do it: " + context.scope().command(rotate_command, flags + " --yes"));
}

/// One Redis whose passwords are to change.
class Rotation {
 public:
  explicit Rotation(Context& context) : m_context(context), m_options(options_of(context)) {
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

 private:
  void refuse_what_cannot(const InstalledRedis& installed) const {
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
      throw Error(ExitCode::preflight, m_place->subject() + " asks for no password: there is nothing to rotate");
  }

  /// An earlier change of the users was killed. What Redis knows may differ from users.acl then, so that the content
  /// tells nothing; the next change takes back first what that run left.
  bool was_interrupted() const { return m_content.contains(previous_users_key); }

  /// What is to be done once applications have the new password.
  std::string next_steps() const {
    std::string text = fmt::format("Both passwords hold. Hand the new one to the applications:\n  {}\n",
                                   m_context.scope().command("export secret"));
    return text + fmt::format("Then end the old one:\n  {}\n", m_context.scope().command(rotate_command, "--finish"));
  }

  std::optional<CommandResult> change(const std::string& what, const UserChange& change) {
    const std::string plan = open_installer(m_context, m_settings)->change_users({rotate_command, what, change});
    if (!m_context.guard.dry_run()) return std::nullopt;
    return CommandResult{plan};
  }

  Secret next_password() const {
    if (m_options.password_file.empty()) return generate_password(m_context.random);
    const Secret wanted = read_password_file(m_options.password_file, m_context.deadline);
    if (wanted == value_of(m_content, password_key))
      throw Error(ExitCode::usage,
                  fmt::format("--password-file {}: it has the present password", printable(m_options.password_file)));
    return wanted;
  }

  CommandResult rotate() {
    if (const auto since = rotated_at(m_content)) {
      throw Error(ExitCode::failure, fmt::format("two passwords hold already, since {}", rfc3339(*since)),
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
    agree(m_context, "the present password ends at once: clients that log in with it are refused", "--now");
    const auto done = change("another password instead of the present one", [next, now](const SecretContent& present) {
      return with_one_password(with_second_password(present, next, now));
    });
    if (done) return *done;
    const std::string kicked = m_options.kick ? kick(connections(now)) : "";
    return result("replaced",
                  kicked + fmt::format("The new password holds, and no other. Hand it to the applications:\n  {}\n",
                                       m_context.scope().command("export secret")));
  }

  CommandResult finish() {
    const auto since = rotated_at(m_content);
    if (!since && !was_interrupted())
      return result("unchanged", "One password holds, and no other: nothing to finish.\n");
    const std::vector<UserConnection> older = since ? connections(*since) : std::vector<UserConnection>();
    if (!older.empty() && !m_options.kick)
      agree(m_context,
            describe(older) + ": they stay until they end, and are refused when they come back with the old password",
            "--finish");
    const auto done =
        change("the older password ends", [](const SecretContent& present) { return with_one_password(present); });
    if (done) return *done;
    const std::string kicked = m_options.kick ? kick(older) : "";
    return result("finished", kicked + "The password that applications are handed holds, and no other.\n");
  }

  CommandResult rotate_internal() {
    if (const auto since = internal_rotated_at(m_content)) {
      throw Error(ExitCode::failure, fmt::format("two internal passwords hold already, since {}", rfc3339(*since)),
                  "end the older ones first: " + m_context.scope().command(rotate_command, "--internal --finish"));
    }
    const auto done = change("second passwords of admin, exporter and trim", [this](const SecretContent& present) {
      return with_second_internal_passwords(present, m_context.random, m_context.clock.wall());
    });
    if (done) return *done;
    return result("rotated",
                  fmt::format("Both hold of each. The exporter takes the new one at its next start. Then end the "
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
    return result("finished", restarted
                                  ? "The new passwords hold, and no others.\n"
                                  : "The new passwords of admin and trim hold. The exporter has not restarted since "
                                    "then, and keeps its old one as well: run this again after its next start.\n");
  }

  /// Those of the application's user that were there before then.
  std::vector<UserConnection> connections(WallTime since) {
    const auto admin = m_place->administer(question_deadline(m_context));
    std::vector<UserConnection> older =
        connections_before(checked(*admin, {"CLIENT", "LIST"}).text, shown_user(application_login(m_content)), since,
                           m_context.clock.wall());
    const std::string own = std::to_string(checked(*admin, {"CLIENT", "ID"}).integer);
    std::erase_if(older, [&](const UserConnection& one) { return one.id == own; });
    return older;
  }

  std::string kick(const std::vector<UserConnection>& older) {
    const auto admin = m_place->administer(question_deadline(m_context));
    std::size_t closed = 0;
    for (const UserConnection& one : older)
      closed += static_cast<std::size_t>(checked(*admin, {"CLIENT", "KILL", "ID", one.id}).integer);
    return fmt::format("Closed {} from before the rotation.\n",
                       counted(static_cast<std::int64_t>(closed), "connection", "connections"));
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
    return {m_context.format() == OutputFormat::yaml ? to_yaml(object) : json_text(object, 2) + "\n"};
  }

  Context& m_context;
  Options m_options;
  std::unique_ptr<Place> m_place;
  RedisSettings m_settings;
  SecretContent m_content;
};

CommandResult rotate_credentials(Context& context, const std::vector<std::string>& words) {
  expect_redis(words);
  return Rotation(context).run();
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
  return {context.format() == OutputFormat::yaml ? to_yaml(list) : json_text(list, 2) + "\n"};
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
  return {context.format() == OutputFormat::yaml ? to_yaml(object) : json_text(object, 2) + "\n"};
}

std::vector<OptionSpec> rotate_options() {
  const auto flag = [](const char* name, const char* help) {
    return OptionSpec{.name = name, .help = help, .kind = OptionKind::flag, .flag_only = true};
  };
  return {flag("finish", "End the older password: log in with it no more"),
          flag("now", "Replace the password at once, without a time in which both hold"),
          flag("internal", "Of raibid-cli's own users: admin, exporter, trim"),
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
      row("rotate", "Change the password without a refused connection: both hold until --finish", rotate_options(),
          rotate_credentials),
      row("ls", "The credentials files of this machine, without passwords", {}, list_credentials),
      row("show", "What this machine's credentials file has of a Redis",
          {{.name = "with-password", .help = "With the password", .kind = OptionKind::flag, .flag_only = true}},
          show_credentials),
  };
}

}  // namespace raibid
