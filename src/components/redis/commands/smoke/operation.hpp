#pragma once

#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/preset.hpp"
#include "sys/process.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// An operation throws this when this Redis does not permit what it has to do: it is shown as –, and nothing failed.
class NotPermitted : public std::exception {
 public:
  explicit NotPermitted(std::string why) : m_why(std::move(why)) {}
  const char* what() const noexcept override { return m_why.c_str(); }

 private:
  std::string m_why;
};

using SmokeParameters = std::map<std::string, std::string>;
using SmokeClients = std::vector<std::unique_ptr<RedisConnection>>;

/// What a smoke operation works with: connections to the real server, and names that are taken away afterwards.
class SmokeBench {
 public:
  using Connect = std::function<std::unique_ptr<RedisConnection>()>;

  /// `id` makes the names of this run its own: lower-case hex. `connect` logs in as the application, `administer` as
  /// raibid-cli itself; without it that is the same.
  SmokeBench(Connect connect, const Preset& preset, std::string id, Runner& runner, Connect administer = {});

  /// The connection for whatever needs only one.
  RedisConnection& redis() { return *m_redis; }
  /// Another client, or several.
  std::unique_ptr<RedisConnection> connect() { return m_connect(); }
  SmokeClients clients(int count);
  /// For what an application does not do: looking at the settings, cutting a connection, cleaning up.
  RedisConnection& admin();
  const Preset& preset() const { return m_preset; }

  /// The prefix of the keys of a run, without its id. That is a hash tag, {id}: in cluster mode all are in one slot.
  static constexpr std::string_view prefix = "raibid-smoke:";
  /// A key (or channel) under the prefix of this run.
  std::string key(const std::string& name) const { return m_prefix + name; }
  /// A name for where no prefix can be: "raibid-smoke-<id>-name".
  std::string own_name(const std::string& name) const;
  /// Something else to be taken away: keys by a pattern of SCAN, or what a command removes.
  void also_remove(std::string pattern) { m_patterns.push_back(std::move(pattern)); }
  void also_run(std::vector<std::string> command) { m_last_commands.push_back(std::move(command)); }

  /// Waits; a signal ends it (Interrupted).
  void wait(Duration duration);
  TimePoint now() const { return m_runner.now(); }

  /// Takes everything away again, over a new connection when the present one is broken. Throws Error when something
  /// stays.
  void clean();

 private:
  void remove(RedisConnection& redis, const std::string& pattern) const;
  void remove_all(RedisConnection& redis) const;

  Connect m_connect;
  Connect m_administer;
  const Preset& m_preset;
  std::string m_id, m_prefix;
  Runner& m_runner;
  std::vector<std::string> m_patterns;
  std::vector<std::vector<std::string>> m_last_commands;
  std::unique_ptr<RedisConnection> m_redis;
  std::unique_ptr<RedisConnection> m_admin;
};

/// Something an application does with its Redis, done for real: what a preset's SmokeOperation of that name means.
struct SmokeTest {
  std::string_view name;
  std::string_view summary;
  /// Returns what was proved, with numbers; throws Error (failure) when it does not hold.
  std::string (*run)(SmokeBench& bench, const SmokeParameters& parameters);
  std::string_view touches = {};  ///< what it writes outside the prefix of the run, for --dry-run
};

/// All of them, by name; a preset's `smoke` picks.
const std::vector<SmokeTest>& smoke_tests();

/// Throws Error (failure) with `what` unless `holds`.
void expect(bool holds, const std::string& what);

/// A parameter of the preset, or what is usual; as a time or a list with commas. Throws Error (usage) for no time.
std::string parameter(const SmokeParameters& parameters, const std::string& name, const std::string& usual);
Duration time_parameter(const SmokeParameters& parameters, const std::string& name, Duration usual);
std::vector<std::string> list_parameter(const SmokeParameters& parameters, const std::string& name,
                                        const std::string& usual);

/// Every client asks its own before any of them reads an answer: the server has them all at once. Throws Error as
/// `checked`.
std::vector<RedisReply> ask_at_once(const SmokeClients& clients,
                                    const std::function<std::vector<std::string>(std::size_t)>& command);

/// EVAL with keys and arguments; throws Error as `checked`.
RedisReply run_script(RedisConnection& redis, const std::string& script, const std::vector<std::string>& keys,
                      const std::vector<std::string>& arguments);

/// A time as PEXPIRE and SET PX take it.
std::string milliseconds(Duration duration);

/// Throws Error (failure) unless the key lives for about `ttl`.
void expect_ttl(RedisConnection& redis, const std::string& key, Duration ttl);

/// Throws Error (failure) when this Redis may drop what must not be lost; `what` says what that is ("a lock"). Asks
/// CONFIG, which an application's user need not be allowed.
void expect_no_eviction(RedisConnection& admin, const std::string& what);

}  // namespace raibid
