#include "components/redis/commands/connect.hpp"

#include <nlohmann/json.hpp>

#include <signal.h>

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/export/tls_files.hpp"
#include "components/redis/commands/export/variables.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/settings/services.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"
#include "sys/files.hpp"
#include "sys/foreground.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// What of TLS programs take from files alone: in a private folder, for as long as the command runs.
struct ClientFiles {
  std::unique_ptr<TemporaryDirectory> folder;
  UniqueFd key_file{};               ///< in memory: nothing of a key stays, however we end
  std::string ca, certificate, key;  ///< paths; "" for none
};

ClientFiles client_files(const Context& context, const std::optional<TlsClient>& tls) {
  ClientFiles files;
  if (!tls || (tls->ca.empty() && tls->certificate.empty())) return files;
  files.folder = std::make_unique<TemporaryDirectory>(temporary_folder(context.environment), "connect");
  const auto write = [&](const char* name, const std::string& text) {
    const fs::path path = files.folder->path() / name;
    context.files.write_own_file(path, text);
    return path.string();
  };
  if (!tls->ca.empty()) files.ca = write("ca.crt", tls->ca);
  if (!tls->certificate.empty()) {
    files.certificate = write("tls.crt", tls->certificate);
    files.key_file = memory_file(tls->key.reveal());
    files.key = fmt::format("/proc/self/fd/{}", files.key_file.get());
  }
  return files;
}

// redis-cli takes the server from its arguments alone; other programs find it in their environment, under general names
// and under those of the preset's application.
Command aimed_at(const Context& context, const RedisSettings& settings, const std::vector<std::string>& arguments,
                 const RedisEndpoint& endpoint, const ClientFiles& files) {
  const auto& [host, port, username, password, database, tls, way] = endpoint;
  Command command;
  command.argv = arguments;
  const std::string program = arguments[0].substr(arguments[0].rfind('/') + 1);
  if (program == "redis-cli" || program == "valkey-cli") {
    std::vector<std::string> where = {"-h", host, "-p", std::to_string(port)};
    if (!username.empty()) where.insert(where.end(), {"--user", username});
    if (database != 0) where.insert(where.end(), {"-n", std::to_string(database)});
    if (tls) where.push_back("--tls");
    if (tls && tls->server_name != host) where.insert(where.end(), {"--sni", tls->server_name});
    if (!files.ca.empty()) where.insert(where.end(), {"--cacert", files.ca});
    if (!files.certificate.empty()) where.insert(where.end(), {"--cert", files.certificate, "--key", files.key});
    command.argv.insert(command.argv.begin() + 1, where.begin(), where.end());
  }
  InstalledRedis redis{host, port, password};
  redis.username = username;
  redis.database = database;
  redis.tls = tls;
  // the one place where a secret enters an environment: the user asked for this command to be logged in
  command.environment = {{"REDIS_HOST", host},
                         {"REDIS_PORT", std::to_string(port)},
                         {"REDIS_URL", redis_url(host, port, password, username.empty() ? "default" : username,
                                                 database, tls.has_value())}};
  if (!password.empty()) {
    command.environment.push_back({"REDIS_USERNAME", username.empty() ? "default" : username});
    command.environment.push_back({"REDIS_PASSWORD", password.reveal()});
    command.environment.push_back({"REDISCLI_AUTH", password.reveal()});
  }
  if (!files.ca.empty()) {
    for (const Variable& variable : trust_variables(files.ca))
      command.environment.push_back({variable.name, variable.value.reveal()});
  }
  const std::string service = RedisNames(settings.release, settings.name_space, settings.cluster_domain).workload;
  for (const Variable& variable : application_variables(context.preset, settings, redis, service))
    command.environment.push_back({variable.name, variable.value.reveal()});
  return command;
}

/// What the caller's environment says of some Redis: it may be another one.
std::vector<std::string> foreign_variables(const Environment& environment) {
  std::vector<std::string> names;
  for (const auto& [name, value] : environment) {
    if (name.starts_with("REDIS_") || name.starts_with("REDISCLI_")) names.push_back(name);
  }
  return names;
}

/// What --dry-run says.
CommandResult would_connect(const std::vector<std::string>& arguments, const std::string& subject) {
  const std::string what = arguments.empty()
                               ? fmt::format("Would forward a local port to {} until Ctrl-C", subject)
                               : fmt::format("Would run {}, logged in to {}", shell_join(arguments), subject);
  return told(what + ". Nothing was done (--dry-run).\n");
}

// Until Ctrl-C, which is how this command ends.
CommandResult keep_open(Context& context, Place& place) {
  try {
    for (;;) {
      Process* const process = place.keep_open();
      context.runner.wait({&process, 1}, context.runner.now() + std::chrono::hours(1));
    }
  } catch (const Interrupted& stop) {
    if (stop.signal() == SIGINT) return {};
    throw;
  }
}

}  // namespace

std::vector<OptionSpec> connect_options() {
  return {{.name = "port",
           .help = "Local port (default: a free one)",
           .kind = OptionKind::integer,
           .metavar = "PORT",
           .flag_only = true},
          {.name = "admin",
           .help = "Log in as raibid-cli's own user, which may do everything, instead of the application's",
           .kind = OptionKind::flag,
           .flag_only = true}};
}

CommandResult connect_redis_command(Context& context, const std::vector<std::string>& arguments) {
  mention_unfinished(context);
  const auto [place, settings] = open_recorded(context, NeedsPreset::no);
  if (context.guard.dry_run()) return would_connect(arguments, place->subject());
  place->prepare(context.settings.is_set("port") ? static_cast<int>(context.settings.integer("port")) : 0);
  RedisEndpoint endpoint = place->endpoint(question_deadline(context));
  if (const Login& admin = place->installed().admin; context.settings.flag("admin") && !admin.password.empty()) {
    endpoint.username = admin.username;
    endpoint.password = admin.password;
  }
  if (!arguments.empty()) {
    const ClientFiles files = client_files(context, endpoint.tls);
    const Command command = aimed_at(context, settings, arguments, endpoint, files);
    return {"", run_foreground(
                    context.guard, command, context.signals, [&place] { place->look_after(); },
                    foreign_variables(context.environment), files.key_file.get())};
  }
  if (place->keep_open() == nullptr) {
    return {fmt::format("{} listens at {}:{}; nothing needs to be kept open\n", settings.release, endpoint.host,
                        endpoint.port)};
  }
  context.reporter.heading(place->heading());
  context.reporter.note(fmt::format("{} is at {}:{} until Ctrl-C; its password: {}", settings.release, endpoint.host,
                                    endpoint.port, context.scope().command("url redis", "--with-password")));
  return keep_open(context, *place);
}

std::vector<OptionSpec> url_options() {
  return {{.name = "with-password",
           .help = "Put the password into the address",
           .kind = OptionKind::flag,
           .flag_only = true},
          {.name = "local",
           .help = "The address on this machine, for a GUI: a port-forward is kept open until Ctrl-C",
           .kind = OptionKind::flag,
           .flag_only = true},
          {.name = "port",
           .help = "With --local: the local port (default: a free one)",
           .kind = OptionKind::integer,
           .metavar = "PORT",
           .flag_only = true}};
}

namespace {

/// For a program on this machine that takes a URL, such as a GUI.
CommandResult local_url(Context& context, Place& place) {
  if (context.guard.dry_run()) return would_connect({}, place.subject());
  place.prepare(context.settings.is_set("port") ? static_cast<int>(context.settings.integer("port")) : 0);
  const RedisEndpoint endpoint = place.endpoint(question_deadline(context));
  const Secret password = context.settings.flag("with-password") ? endpoint.password : Secret();
  const std::string user = endpoint.username.empty() ? "default" : endpoint.username;
  const std::string url =
      redis_url(endpoint.host, endpoint.port, password, user, endpoint.database, endpoint.tls.has_value());
  const nlohmann::ordered_json object = {
      {"url", url}, {"host", endpoint.host}, {"port", endpoint.port}, {"username", user}};
  context.results << (context.format() == OutputFormat::table ? url + "\n" : formatted(object, context.format()))
                  << std::flush;
  if (place.keep_open() == nullptr) return {};
  context.reporter.note("it is open until Ctrl-C");
  return keep_open(context, place);
}

}  // namespace

CommandResult url_redis(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const auto [place, settings] = open_recorded(context, NeedsPreset::no);
  if (context.settings.flag("local")) return local_url(context, *place);
  const InstalledRedis installed = place->installed();
  const bool with_password = context.settings.flag("with-password");
  // the name that the application expects, as `export` hands it over
  const std::string host =
      settings.target == Target::kubernetes
          ? application_host(settings, RedisNames(settings.release, settings.name_space, settings.cluster_domain))
          : installed.host;
  const std::string url = redis_url(host, installed.port, with_password ? installed.password : Secret(),
                                    installed.username.empty() ? "default" : installed.username, installed.database,
                                    installed.tls.has_value());
  if (context.format() == OutputFormat::table) return {url + "\n"};
  const nlohmann::ordered_json object = {
      {"url", url}, {"host", host}, {"port", installed.port}, {"username", shown_user(installed.login())}};
  return {formatted(object, context.format())};
}

}  // namespace raibid
