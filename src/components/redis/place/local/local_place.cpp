#include "components/redis/place/local/local_place.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/place/local/victim_local.hpp"
#include "components/redis/server/connect.hpp"
#include "sys/new_file.hpp"

namespace raibid {

LocalPlace::LocalPlace(Context& context, const RedisSettings& settings)
    : m_context(context), m_settings(settings), m_instance(context, settings.release) {}

std::string LocalPlace::heading() const {
  return fmt::format("This machine, {}", m_context.paths.shown(m_instance.folder()));
}

std::string LocalPlace::subject() const { return fmt::format("release {} on this machine", m_settings.release); }

Abilities LocalPlace::can() const {
  return {.install = true, .restart = true, .crash = true, .copy_out = true, .rotate = true, .grow = false};
}

std::vector<Node> LocalPlace::nodes() const { return {{"the server on this machine", "master"}}; }

const InstalledRedis& LocalPlace::installed() {
  if (!m_installed) m_installed = find_local(m_context, m_settings);
  return *m_installed;
}

void LocalPlace::prepare(int) {}

RedisEndpoint LocalPlace::endpoint(TimePoint) {
  const InstalledRedis& redis = installed();
  m_instance.require_running(redis.port);  // who asks hands the password to what listens there
  return {redis.host, redis.port, redis.username, redis.password, redis.database, redis.tls};
}

std::unique_ptr<RedisConnection> LocalPlace::connect(TimePoint deadline) {
  LocalConnector connector(m_context.redis, m_instance);
  return connect_redis(connector, endpoint(deadline), reply_limit);
}

std::unique_ptr<RedisConnection> LocalPlace::administer(TimePoint deadline) {
  LocalConnector connector(m_context.redis, m_instance);
  RedisEndpoint redis = endpoint(deadline);
  redis.username = installed().admin.username;
  redis.password = installed().admin.password;
  return connect_redis(connector, redis, reply_limit);
}

std::vector<std::unique_ptr<RedisConnection>> LocalPlace::administer_all(TimePoint deadline) {
  installed();
  if (m_instance.several()) return LocalNodes(m_context, m_instance, *m_instance.state()).administer_all(deadline);
  return Place::administer_all(deadline);
}

void LocalPlace::read_data_file(const std::string& name, const std::function<void(std::string_view)>& take) {
  if (m_instance.several())
    throw Error(ExitCode::usage, "with several nodes on this machine there is no going back to a moment",
                "restore a backup: " + m_context.scope().command("restore redis", "."));
  read_in_pieces(m_instance.data() / name, take);
}

void LocalPlace::look_after() {}

Process* LocalPlace::keep_open() { return nullptr; }

void LocalPlace::note_trim(const std::string& stream, std::int64_t removed) {
  m_instance.note_trim(m_context, stream, removed);
}

Command LocalPlace::logs(const LogLines& lines) {
  if (lines.previous)
    throw Error(ExitCode::usage, "a server of this machine has one log, over all its starts", "leave --previous out");
  installed();
  Command command;
  command.argv = {"tail", "-n", lines.last ? std::to_string(*lines.last) : "+1"};
  if (lines.follow) command.argv.emplace_back("-F");
  for (const LocalProcess& process : m_instance.processes()) {
    if (!process.log.empty()) command.argv.push_back(process.log.string());
  }
  return command;
}

std::unique_ptr<Victim> LocalPlace::victim() { return local_victim(m_context, m_settings); }

}  // namespace raibid
