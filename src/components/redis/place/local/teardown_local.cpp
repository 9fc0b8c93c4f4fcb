#include "components/redis/place/local/teardown_local.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/place/local/restore_local.hpp"
#include "components/redis/place/local/undo_local.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/removal.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// Of all its processes that run; "" for none.
std::string pids_of(const LocalInstance& instance) {
  std::vector<std::string> pids;
  for (const LocalProcess& process : instance.processes()) {
    const auto pid = instance.several() ? process.pid() : instance.pid();
    if (pid) pids.push_back(std::to_string(*pid));
  }
  return join(pids, ", ");
}

/// What there is now of a release of this machine.
Removals plan_removals(Context& context, const RedisSettings& settings, const LocalInstance& instance) {
  const bool delete_data = context.settings.flag("delete-data");
  const std::string folder = context.paths.shown(instance.folder());
  const auto credentials = find_credentials(context.paths, "local", "", settings.name_space, settings.release);
  // for `status`: its files stay, and it is not one that was stopped
  const auto mark_removed = [&context, &instance, delete_data] {
    if (!delete_data && fs::exists(instance.folder())) context.files.write_atomic(instance.removed_file(), "");
  };
  Removals removals;
  if (const std::string pids = pids_of(instance); !pids.empty()) {
    removals.goes.push_back({"server",
                             {"Process", pids, fmt::format("the running Redis (pid {})", pids)},
                             [&context, &instance, pids, mark_removed] {
                               instance.stop(context.runner, context.deadline);
                               mark_removed();
                               return fmt::format("pid {} stopped", pids);
                             }});
  } else if (instance.exists() && !instance.removed() && !delete_data) {
    removals.goes.push_back(
        {"release",
         {"Release", settings.release, fmt::format("release {}, which is stopped", settings.release)},
         [mark_removed, &settings] {
           mark_removed();
           return settings.release + " removed";
         }});
  }
  const auto decide = [&](const std::string& name, const fs::path& path, const std::string& what) {
    const Named object{"Folder", context.paths.shown(path), what};
    if (!delete_data) {
      removals.stays.push_back(object);
      return;
    }
    removals.goes.push_back({name, object, [&context, path] {
                               context.files.remove_tree(path);
                               return context.paths.shown(path) + " removed";
                             }});
  };
  if (fs::exists(instance.folder()))
    decide("data", instance.folder(),
           folder + (fs::exists(instance.tls()) ? " (data, password, certificates and settings)"
                                                : " (data, password and settings)"));
  if (credentials && delete_data) {
    const std::string file = context.paths.shown(credentials->path);
    removals.goes.push_back({"credentials", {"File", file, file}, [&context, credentials] {
                               return remove_credentials(context, *credentials);
                             }});
  } else if (credentials) {
    const std::string file = context.paths.shown(credentials->path);
    removals.stays.push_back({"File", file, file});
  }
  return removals;
}

/// A damaged state file says nothing, and is no reason to keep the rest.
void refuse_contradiction(const Context& context, const LocalInstance& instance) {
  std::string preset;
  try {
    if (const auto state = instance.state()) preset = state->spec.preset;
  } catch (const Error&) {
    return;
  }
  refuse_other_preset(context, preset);
}

void mention_data(const Context& context, const LocalInstance& instance, const Removals& removals) {
  if (!removals.goes.empty() || removals.stays.empty()) return;
  context.reporter.note(
      fmt::format("its data is kept in {}; --delete-data removes it", context.paths.shown(instance.folder())));
}

}  // namespace

CommandResult teardown_redis_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  refuse_contradiction(context, instance);
  const std::string subject = fmt::format("release {} on this machine", settings.release);
  JournaledRun run(
      context, {"teardown redis", subject, journal_key("", settings.name_space, settings.release), instance.folder()},
      Duration::zero());
  const Removals agreed = plan_removals(context, settings, instance);
  const auto left = run.left();
  if (!left) mention_data(context, instance, agreed);
  if (auto ended = ask_before_teardown(context, subject, left, agreed)) return *ended;

  const auto stop = [&](const auto&) { instance.stop(context.runner, context.deadline); };
  run.undos()["local.stop"] = stop;
  run.undos()["local.stop_process"] = stop;
  add_restore_undos(run.undos(), context, instance, [&context] { return context.deadline; });
  run.undos()["restore.local_start"] = stop;
  run.undos()["local.restart"] = stop;  // it is about to be taken away: it need not come back
  std::unique_ptr<RedisConnection> redis;
  LocalConnector connector(context.redis, instance);
  add_common_undos(run.undos(), context, [&]() -> RedisConnection& {
    const InstalledRedis installed = find_local(context, settings);
    RedisEndpoint endpoint{installed.host, installed.port, installed.admin.username, installed.admin.password};
    redis = connect_redis(connector, endpoint, std::chrono::seconds(5));
    return *redis;
  });
  LocalUserStore store(context, instance);
  std::optional<LocalNodes> nodes;
  add_users_undo(run.undos(), store, UserServers([&]() -> std::vector<UserServer> {
                   const auto state = instance.state();
                   if (!state) return {};
                   if (instance.several()) {
                     if (!nodes) nodes.emplace(context, instance, *state);
                     return nodes->servers([&context] { return context.deadline; }).running();
                   }
                   const int port = state->port;
                   return {{UserServer::Kind::alone,
                            [&connector, &instance, port](const Login& login) -> std::unique_ptr<RedisConnection> {
                              if (!instance.pid()) return nullptr;
                              return connect_redis(connector, {"127.0.0.1", port, login.username, login.password},
                                                   std::chrono::seconds(5));
                            }}};
                 }));
  LocalCertificateStore certificates(context, instance);
  add_certificates_undo(run.undos(), certificates, [](const auto&) {});  // the server is about to go
  keep_left_data(run.undos(), instance, "", "");                         // whether it goes is said by --delete-data
  if (run.open()) run.recover();
  return remove_agreed(context, run, subject, agreed, [&] {
    Removals now = plan_removals(context, settings, instance);
    mention_data(context, instance, now);
    return now;
  });
}

}  // namespace raibid
