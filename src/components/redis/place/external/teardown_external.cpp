#include "components/redis/place/external/teardown_external.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/external/external_installer.hpp"
#include "components/redis/place/external/external_lock.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/removal.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/script.hpp"

namespace raibid {

namespace {

/// Removes a group for which nobody works, of a stream that is empty, and the stream with its last group. Answers why
/// not, or "".
constexpr const char* remove_unused = R"(
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then return 'gone' end
if redis.call('XLEN', KEYS[1]) > 0 then return 'it has jobs' end
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
local found = false
for _, group in ipairs(groups) do
  local facts = {}
  for i = 1, #group, 2 do facts[group[i]] = group[i + 1] end
  if facts.name == ARGV[1] then
    if facts.consumers + facts.pending > 0 then return 'someone works in it' end
    found = true
  end
end
if not found then return 'gone' end
if ARGV[2] == 'look' then return '' end
redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
if #groups == 1 then redis.call('DEL', KEYS[1]) end
return '')";

std::string ask(RedisConnection& redis, const std::string& stream, const std::string& group, const std::string& what) {
  const RedisReply reply = what == "look" ? eval_reading(redis, remove_unused, {stream}, {group, what})
                                          : redis.command({"EVAL", remove_unused, "1", stream, group, what});
  expect_no_error(reply, fmt::format("group {} of stream {}", printable(group), printable(stream)));
  return reply.text;
}

/// Whether a client waits for jobs at this moment: a group knows its consumers only once they were given one. False
/// also where CLIENT LIST is forbidden.
bool someone_waits(RedisConnection& redis) {
  const RedisReply clients = redis.command({"CLIENT", "LIST"});
  if (clients.is_error()) return false;
  const std::vector<std::string> lines = split(clients.text, '\n');
  return std::any_of(lines.begin(), lines.end(),
                     [](const std::string& line) { return line.find(" cmd=xreadgroup ") != std::string::npos; });
}

class ExternalTeardown {
 public:
  ExternalTeardown(Context& context, ExternalServer& server) : m_context(context), m_server(server) {}

  RedisConnection& connection() {
    if (!m_redis) m_redis = m_server.connect(m_context.deadline);
    return *m_redis;
  }

  Removals plan() {
    Removals removals;
    const std::optional<Credentials>& saved = m_server.target().saved;
    if (!saved) return removals;
    const bool groups = m_context.settings.flag("delete-data");
    for (const auto& [stream, group] : saved->made) {
      const std::string name = fmt::format("{}/{}", printable(stream), printable(group));
      const std::string what = fmt::format("group {} of stream {}", printable(group), printable(stream));
      std::string why = groups ? ask(connection(), stream, group, "look") : "";
      if (groups && why.empty() && someone_waits(connection())) why = "a client reads jobs of a group of this Redis";
      if (why == "gone") continue;
      if (!groups || !why.empty()) {
        removals.stays.push_back({"Group", name, what + (why.empty() ? "" : ": " + why)});
        continue;
      }
      removals.goes.push_back({"group",
                               {"Group", name, what + ", which setup made and nobody uses"},
                               [this, stream = stream, group = group] {
                                 const std::string kept = ask(connection(), stream, group, "remove");
                                 return kept.empty() || kept == "gone" ? std::string("removed") : "kept: " + kept;
                               }});
    }
    const std::string file = m_context.paths.shown(saved->path);
    removals.goes.push_back(
        {"credentials", {"File", file, file}, [this, saved] { return remove_credentials(m_context, *saved); }});
    const std::string redis = m_server.target().subject();
    removals.stays.push_back({"Redis", redis, redis + " itself, and all that is in it"});
    return removals;
  }

 private:
  Context& m_context;
  ExternalServer& m_server;
  std::unique_ptr<RedisConnection> m_redis;
};

}  // namespace

CommandResult teardown_redis_external(Context& context, const RedisSettings& settings) {
  ExternalServer server(context, find_external(context, settings));
  // the journal of a Service has its cluster in its name; one that is saved is known without asking
  if (server.target().service && server.target().service->kube_context.empty()) server.reach();
  const std::string subject = fmt::format("what setup made of {}", server.target().subject());
  ExternalTeardown teardown(context, server);
  JournaledRun run(context, {"teardown redis", server.target().subject(), external_journal_key(server.target())},
                   Duration::zero());
  const Removals agreed = teardown.plan();
  const auto left = run.left();
  if (auto ended = ask_before_teardown(context, subject, left, agreed)) return *ended;
  add_common_undos(run.undos(), context, [&teardown]() -> RedisConnection& { return teardown.connection(); });
  ExternalLock lock(context, server.target().release, lock_holder(context, "teardown redis", run.id()),
                    [&teardown]() -> RedisConnection& { return teardown.connection(); });
  const bool interrupted = run.open();
  run.before([&] {
    if (!interrupted && !context.settings.flag("delete-data")) return;  // a file of this machine alone
    lock.acquire();
    run.also_hold([&lock](Before) { return lock.taken_over(); });
  });
  if (interrupted) run.recover();
  return remove_agreed(context, run, subject, agreed, [&teardown] { return teardown.plan(); });
}

}  // namespace raibid
