#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/setup.hpp"
#include "components/redis/commands/teardown.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/credentials.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

CommandResult tear_down(Context& context, const RedisSettings& settings, const LocalInstance& instance) {
  const bool delete_data = context.settings.flag("delete-data");
  const std::string folder = context.paths.shown(instance.folder());
  const std::string subject = fmt::format("release {} on this machine", settings.release);
  const auto credentials = find_credentials(context.paths, "local", "", settings.name_space, settings.release);
  std::vector<Removal> removals;
  std::vector<std::string> stays;
  if (const auto pid = instance.pid()) {
    removals.push_back({"server", fmt::format("the running Redis (pid {})", *pid), [&context, &instance, pid] {
                          instance.stop(context.runner, context.deadline);
                          return fmt::format("pid {} stopped", *pid);
                        }});
  }
  const auto decide = [&](const std::string& name, const fs::path& path, const std::string& what) {
    if (!delete_data) {
      stays.push_back(what);
      return;
    }
    removals.push_back({name, what, [&context, path] {
                          remove_tree(path);
                          return context.paths.shown(path) + " removed";
                        }});
  };
  if (fs::exists(instance.folder())) decide("data", instance.folder(), folder + " (data, password and settings)");
  if (credentials && delete_data) {
    removals.push_back({"credentials", context.paths.shown(credentials->path),
                        [&context, credentials] { return remove_credentials(context, *credentials); }});
  } else if (credentials) {
    stays.push_back(context.paths.shown(credentials->path));
  }
  if (removals.empty()) {
    CommandResult nothing = nothing_to_tear_down(context, subject);
    if (!stays.empty()) context.reporter.note("its data stays in " + folder + "; --delete-data removes it");
    return nothing;
  }
  return remove_all(context, subject, removals, stays);
}

}  // namespace

CommandResult teardown_redis_local(Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  const JournalHeader header =
      journal_header(context, "teardown redis", fmt::format("release {} on this machine", settings.release));
  Journal journal = open_journal(context, journal_key("", settings), header);
  UndoTable undos;
  const auto stop = [&](const auto&) { instance.stop(context.runner, context.deadline); };
  undos["local.stop"] = stop;
  undos["local.restart"] = stop;  // it is about to be taken away: it need not come back
  std::unique_ptr<RedisConnection> redis;
  LocalConnector connector(context.redis, instance);
  add_common_undos(undos, context.paths, [&]() -> RedisConnection& {
    const InstalledRedis installed = find_local(context, settings);
    RedisEndpoint endpoint{installed.host, installed.port, "", installed.password};
    redis = connect_redis(connector, endpoint, std::chrono::seconds(5));
    return *redis;
  });
  Executor executor({context.clock, context.signals, context.reporter, undos, nullptr, false});
  recover_interrupted(context, executor, journal, header);
  try {
    CommandResult result = tear_down(context, settings, instance);
    journal.close();
    return result;
  } catch (const Error&) {
    journal.close();  // nothing to undo: running teardown again goes on where this stopped
    throw;
  }
}

}  // namespace raibid
