#include "components/redis/place/local/doctor_local.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "sys/listener.hpp"

namespace raibid {

void examine_local(Context& context, const RedisSettings& settings, HealthReport& report) {
  examine_certificates_before(context, settings, report);
  try {
    const LocalServer server = find_local_server(context);
    report.add({"server", true, server.program + " " + server.version});
  } catch (const Error& error) {
    report.add({"server", false, error.message(), error.hint()}, CheckReason::missing);
  }
  if (settings.ha()) {
    try {
      const LocalProxy proxy = find_local_proxy(context);
      report.add({"proxy", true, "haproxy " + proxy.version});
    } catch (const Error& error) {
      report.add({"proxy", false, error.message(), error.hint()}, CheckReason::missing);
    }
  }
  const LocalInstance instance(context, settings.release);
  const auto state = instance.state();
  const auto pid = instance.pid();
  const int port = state ? state->port : choose_port();
  const auto listener = find_listener(port);
  if (!listener || (pid && instance.listens(port))) {
    report.add(
        {"port", true,
         fmt::format("127.0.0.1:{} {}", port, listener ? fmt::format("(this Redis, pid {})", *pid) : "is free")});
  } else {
    const Error taken = instance.not_running(port);
    report.add({"port", false, taken.message(), taken.hint()}, CheckReason::in_use);
  }
}

}  // namespace raibid
