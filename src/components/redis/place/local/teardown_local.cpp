#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/commands/setup.hpp"
#include "components/redis/commands/teardown.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/undo_local.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/credentials.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

CommandResult tear_down(Context& context, const RedisSettings& settings, const LocalInstance& instance,
                        const StillOurs& still_ours) {
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
  if (credentials) decide("credentials", credentials->path, context.paths.shown(credentials->path));
  if (removals.empty()) {
    CommandResult nothing = nothing_to_tear_down(context, subject);
    if (!stays.empty()) context.reporter.note("its data stays in " + folder + "; --delete-data removes it");
    return nothing;
  }
  return remove_all(context, subject, removals, stays, still_ours);
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
  add_common_undos(undos, [&]() -> RedisConnection& {
    const InstalledRedis installed = find_local(context, settings);
    RedisEndpoint endpoint{installed.host, installed.port, "", installed.password};
    redis = connect_redis(context.redis, endpoint, std::chrono::seconds(5));
    return *redis;
  });
  keep_left_data(undos, instance, "", "");  // whether it goes is said by --delete-data
  const StillOurs still_ours = [&journal](Before) { return journal.taken_over(); };
  Executor executor({context.clock, context.signals, context.reporter, undos, nullptr, false, still_ours});
  recover_interrupted(context, executor, journal, header);
  try {
    CommandResult result = tear_down(context, settings, instance, still_ours);
    journal.close();
    return result;
  } catch (const Error&) {
    journal.close();  // nothing to undo: running teardown again goes on where this stopped
    throw;
  }
}

}  // namespace raibid
