#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/doctor.hpp"
#include "components/redis/commands/status/status.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/health.hpp"

namespace raibid {

namespace {

std::string subject(const RedisSettings& settings) {
  return fmt::format("release {} on this machine", settings.release);
}

}  // namespace

InstalledRedis find_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  const auto state = instance.state();
  if (!state) throw_not_installed(subject(settings));
  return {"127.0.0.1", state->port, instance.password_of(*state)};
}

HealthReport examine_instance(Context& context, const LocalInstance& instance, const LocalInstance::State& state,
                              int unfinished) {
  const auto pid = instance.pid();
  HealthReport report;
  report.data() = {{"target", "local"},
                   {"folder", instance.folder().string()},
                   {"namespace", state.name_space},
                   {"preset", state.spec.preset},
                   {"release", {{"name", instance.release()}}},
                   {"port", state.port},
                   {"pid", pid ? nlohmann::ordered_json(*pid) : nlohmann::ordered_json()},
                   {"unfinished_runs", unfinished}};
  if (unfinished > 0)
    report.add({"journal", false, fmt::format("{} killed run(s) not undone", unfinished),
                "raibid-cli setup redis, or teardown redis, undoes them"});
  const std::string start = "start it, with its data: raibid-cli setup redis --target local";
  report.add(
      {"server", pid.has_value(), pid ? fmt::format("pid {} at 127.0.0.1:{}", *pid, state.port) : "stopped", start});
  report.data()["redis"] = {{"pong", false}};
  if (pid) {
    try {
      const RedisEndpoint endpoint{"127.0.0.1", state.port, "", instance.password_of(state)};
      examine_redis(*connect_redis(context.redis, endpoint, reply_limit), {state.spec.directives, state.spec.streams},
                    report);
    } catch (const Error& error) {
      report.add({"redis", false, error.message(), error.hint()});
    }
  }
  return report;
}

std::string report_title(const Context& context, const LocalInstance& instance) {
  return fmt::format("{} (this machine, {})", instance.release(), context.paths.shown(instance.folder()));
}

CommandResult status_redis_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  auto state = instance.state();
  const int unfinished = mention_unfinished(context);
  if (!state) throw_not_installed(subject(settings));
  if (state->name_space.empty()) state->name_space = settings.name_space;
  HealthReport report = examine_instance(context, instance, *state, unfinished);
  return render_report(context, report_title(context, instance), report);
}

void examine_local(Context& context, const RedisSettings& settings, HealthReport& report) {
  try {
    const LocalServer server = find_local_server(context);
    report.add({"server", true, server.program + " " + server.version});
  } catch (const Error& error) {
    if (error.signal() != 0) throw;
    report.add({"server", false, error.message(), error.hint()});
  }
  const LocalInstance instance(context, settings.release);
  const auto state = instance.state();
  const auto pid = instance.pid();
  const int port = state ? state->port : choose_port();
  report.add({"port", true,
              fmt::format("127.0.0.1:{} {}", port, pid ? fmt::format("(this Redis, pid {})", *pid) : "is free")});
}

}  // namespace raibid
