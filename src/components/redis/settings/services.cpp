#include "components/redis/settings/services.hpp"

#include <fmt/format.h>

namespace raibid {

std::string application_namespace(const RedisSettings& settings) {
  return settings.clients.empty() ? settings.name_space : settings.clients.front().name_space;
}

std::string application_host(const RedisSettings& settings, const RedisNames& names,
                             const std::string& application_namespace) {
  if (settings.services.empty()) return names.host;
  const std::string& service = settings.services.front();
  const std::size_t slash = service.find('/');
  const std::string space = slash == std::string::npos ? settings.name_space : service.substr(0, slash);
  const std::string name = slash == std::string::npos ? service : service.substr(slash + 1);
  return application_namespace == space ? name : fmt::format("{}.{}.svc.{}", name, space, settings.cluster_domain);
}

std::string application_host(const RedisSettings& settings, const RedisNames& names) {
  return application_host(settings, names, application_namespace(settings));
}

}  // namespace raibid
