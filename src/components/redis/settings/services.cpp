#include "components/redis/settings/services.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace raibid {

std::string application_host(const RedisSettings& settings, const RedisNames& names) {
  if (settings.services.empty()) return names.host;
  const std::string& service = settings.services.front();
  const std::size_t slash = service.find('/');
  const std::string space = slash == std::string::npos ? settings.name_space : service.substr(0, slash);
  const std::string name = slash == std::string::npos ? service : service.substr(slash + 1);
  const bool beside =
      !settings.clients.empty() && std::all_of(settings.clients.begin(), settings.clients.end(),
                                               [&](const Client& client) { return client.name_space == space; });
  return beside ? name : fmt::format("{}.{}.svc.cluster.local", name, space);
}

}  // namespace raibid
