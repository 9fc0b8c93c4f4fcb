#include "components/redis/place/external/external_place.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "ui/reporter.hpp"

namespace raibid {

ExternalPlace::ExternalPlace(Context& context, const RedisSettings& settings)
    : m_context(context), m_server(context, find_external(context, settings)) {}

std::string ExternalPlace::heading() const {
  return fmt::format("{} (from {})", m_server.target().subject(), m_server.target().origin);
}

std::string ExternalPlace::subject() const { return m_server.target().subject(); }

std::vector<Node> ExternalPlace::nodes() const { return {{m_server.target().subject(), "master"}}; }

const InstalledRedis& ExternalPlace::installed() {
  if (!m_installed) {
    m_server.reach();
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

void ExternalPlace::look_after() {
  PortForward* const tunnel = m_server.tunnel();
  if (tunnel == nullptr) return;
  // whether the port-forward has ended is seen by a wait for it alone
  if (Process* const process = tunnel->process(); process && !process->finished())
    m_context.runner.wait({&process, 1}, m_context.runner.now());
  if (tunnel->finished()) tunnel->ensure();
  tunnel->port();
}

Process* ExternalPlace::keep_open() {
  PortForward* const tunnel = m_server.tunnel();
  if (tunnel == nullptr) return nullptr;
  if (tunnel->finished()) {
    constexpr Duration pause = std::chrono::milliseconds(500);
    m_context.reporter.note(fmt::format("{}: the port-forward ended ({}); opening it again",
                                        m_server.target().subject(), tunnel->last_error()));
    m_context.runner.wait({}, m_context.runner.now() + pause);
    m_server.endpoint();  // to whichever pod there is by now
  }
  m_server.tunnel()->port();
  return m_server.tunnel()->process();
}

std::unique_ptr<Victim> ExternalPlace::victim() {
  throw Error(ExitCode::usage, fmt::format("{} is not managed by raibid-cli, so it is not killed", subject()),
              "--durability is for --target kubernetes and --target local");
}

}  // namespace raibid
