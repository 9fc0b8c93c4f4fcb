#include <nlohmann/json.hpp>

#include <signal.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/commands/status/status.hpp"
#include "components/redis/commands/url.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/local/instance.hpp"
#include "config/yaml.hpp"
#include "sys/foreground.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

// redis-cli takes the server from its arguments alone; other programs find it in their environment.
Command aimed_at(const std::vector<std::string>& arguments, const std::string& host, int port, const Secret& password) {
  Command command;
  command.argv = arguments;
  const std::string program = arguments[0].substr(arguments[0].rfind('/') + 1);
  if (program == "redis-cli" || program == "valkey-cli") {
    command.argv.insert(command.argv.begin() + 1, {"-h", host, "-p", std::to_string(port)});
  }
  command.environment = {{"REDIS_HOST", host}, {"REDIS_PORT", std::to_string(port)}};
  // the one place where a secret enters an environment: the user asked for this command to be logged in
  if (!password.empty()) command.environment.push_back({"REDISCLI_AUTH", password.reveal()});
  return command;
}

CommandResult run_command(Context& context, const std::vector<std::string>& arguments, const std::string& host,
                          int port, const Secret& password, const std::function<void()>& idle) {
  return {"", run_foreground(aimed_at(arguments, host, port, password), context.signals, idle)};
}

// Restarted Redis, moved pod: the same local port comes back as soon as there is a pod to forward to.
CommandResult keep_open(Context& context, KubernetesRedis& redis, const std::string& name) {
  PortForward& tunnel = redis.tunnel();
  constexpr Duration pause = std::chrono::milliseconds(500);
  try {
    for (;;) {
      if (tunnel.finished()) {
        context.reporter.note(
            fmt::format("{}: the port-forward ended ({}); opening it again", name, tunnel.last_error()));
        context.runner.wait({}, context.runner.now() + pause);
        tunnel.ensure();
      }
      Process* const process = tunnel.process();
      context.runner.wait({&process, 1}, context.runner.now() + std::chrono::hours(1));
      tunnel.port();
    }
  } catch (const Error& error) {
    if (error.signal() == SIGINT) return {};  // Ctrl-C is how this command ends
    throw;
  }
}

}  // namespace

std::vector<OptionSpec> connect_options() {
  return {{.name = "port",
           .help = "Local port (default: a free one)",
           .kind = OptionKind::integer,
           .metavar = "PORT",
           .flag_only = true}};
}

CommandResult connect_redis_command(Context& context, const std::vector<std::string>& arguments) {
  mention_unfinished(context);
  const RedisSettings settings = redis_settings(context);
  if (settings.target == Target::local) {
    const InstalledRedis installed = find_local(context, settings);
    LocalInstance(context, settings.release).require_running(installed.port);
    if (!arguments.empty())
      return run_command(context, arguments, installed.host, installed.port, installed.password, [] {});
    return {fmt::format("{} listens at {}:{}; nothing needs to be kept open\n", settings.release, installed.host,
                        installed.port)};
  }
  const RedisNames names(settings.release, settings.name_space);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const InstalledRedis installed = find_on_kubernetes(context, session.kubectl, names, settings);
  const int wanted_port = context.settings.is_set("port") ? static_cast<int>(context.settings.integer("port")) : 0;
  KubernetesRedis redis(context, session.kubectl, names, wanted_port);
  redis.prepare();
  const RedisEndpoint endpoint = redis.endpoint(installed.password, question_deadline(context));
  const auto look_after = [&redis] {
    if (redis.tunnel().finished()) redis.prepare();
    redis.tunnel().port();
  };
  if (!arguments.empty())
    return run_command(context, arguments, endpoint.host, endpoint.port, installed.password, look_after);
  context.reporter.heading(describe(session.kubectl));
  context.reporter.note(fmt::format("{} is at {}:{} until Ctrl-C; its password: raibid-cli url redis --with-password",
                                    settings.release, endpoint.host, endpoint.port));
  return keep_open(context, redis, settings.release);
}

std::vector<OptionSpec> url_options() {
  return {{.name = "with-password",
           .help = "Put the password into the address",
           .kind = OptionKind::flag,
           .flag_only = true}};
}

CommandResult url_redis(Context& context, const std::vector<std::string>&) {
  mention_unfinished(context);
  const RedisSettings settings = redis_settings(context);
  const InstalledRedis installed = [&] {
    if (settings.target == Target::local) return find_local(context, settings);
    const RedisNames names(settings.release, settings.name_space);
    ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
    return find_on_kubernetes(context, session.kubectl, names, settings);
  }();
  const bool with_password = context.settings.flag("with-password");
  const std::string url = redis_url(installed.host, installed.port, with_password ? installed.password : Secret());
  if (context.format() == OutputFormat::table) return {url + "\n"};
  const nlohmann::ordered_json object = {{"url", url}, {"host", installed.host}, {"port", installed.port}};
  return {context.format() == OutputFormat::yaml ? to_yaml(object) : object.dump(2) + "\n"};
}

}  // namespace raibid
