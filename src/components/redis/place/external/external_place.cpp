#include "components/redis/place/external/external_place.hpp"

#include <fmt/format.h>

#include "base/error.hpp"

namespace raibid {

ExternalPlace::ExternalPlace(Context& context, const RedisSettings& settings)
    : m_server(context, find_external(context, settings)) {}

std::string ExternalPlace::heading() const {
  return fmt::format("{} (from {})", m_server.target().subject(), m_server.target().origin);
}

std::string ExternalPlace::subject() const { return m_server.target().subject(); }

std::vector<Node> ExternalPlace::nodes() const { return {{m_server.target().subject(), "master"}}; }

const InstalledRedis& ExternalPlace::installed() {
  if (!m_installed) {
    const ExternalTarget& target = m_server.target();
    m_installed = InstalledRedis{target.address.host,     target.address.port,
                                 target.address.password, target.saved ? parse_spec(target.saved->record) : Spec{},
                                 target.name_space,       target.address.username,
                                 target.address.database};
    m_installed->tls = m_server.endpoint().tls;
  }
  return *m_installed;
}

RedisEndpoint ExternalPlace::endpoint(TimePoint deadline) {
  connect(deadline);  // it can be reached, and the password is known
  return m_server.endpoint();
}

std::unique_ptr<RedisConnection> ExternalPlace::connect(TimePoint deadline) { return m_server.connect(deadline); }

std::unique_ptr<Victim> ExternalPlace::victim() {
  throw Error(ExitCode::usage, fmt::format("{} is not ours to kill", subject()),
              "--durability is for --target kubernetes and --target local");
}

}  // namespace raibid
