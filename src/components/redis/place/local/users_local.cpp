#include "components/redis/place/local/users_local.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/connect.hpp"
#include "ui/reporter.hpp"

namespace raibid {

std::string change_users_local(Context& context, const RedisSettings& settings, const UsersPlan& plan) {
  const LocalInstance instance(context, settings.release);
  const auto state = instance.state();
  const std::string subject = fmt::format("release {} on this machine", settings.release);
  if (!state) throw_not_installed(context, subject);
  context.reporter.heading(fmt::format("This machine, {}", context.paths.shown(instance.folder())));
  LocalConnector connector(context.redis, instance);
  LocalUserStore store(context, instance);
  LocalNodes nodes(context, instance, *state);
  const auto servers_until = [&](const std::function<TimePoint()>& until) {
    if (instance.several()) return nodes.servers(until);
    return UserServers([&, until](const Login& login) -> std::unique_ptr<RedisConnection> {
      if (!instance.pid()) return nullptr;  // it reads the files when it starts
      const Duration left = std::chrono::duration_cast<Duration>(until() - context.runner.now());
      return connect_redis(connector, {"127.0.0.1", state->port, login.username, login.password},
                           std::clamp(left, Duration(100), reply_limit));
    });
  };
  JournaledRun run(context,
                   {plan.operation, subject, journal_key("", settings.name_space, settings.release), instance.folder()},
                   undo_limit);
  refuse_left_of_another_command(context, run, "credentials ");
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a change of the users alone leaves nothing in Redis to undo");
  });
  add_users_undo(run.undos(), store, servers_until([&run] { return run.undo_until(); }));
  auto file = find_credentials(context.paths, "local", "", settings.name_space, settings.release);
  const Plan steps = credentials_plan(context, store, servers_until([&context] { return context.deadline; }),
                                      plan.change, plan.what, run.id(), file, settings.preset);
  if (context.guard.dry_run()) return describe_plan(steps);
  const bool interrupted = run.open();
  run.before([&] {
    if (interrupted) run.recover();
  });
  run.execute(steps);
  forget_previous_users(store);
  return "";
}

}  // namespace raibid
