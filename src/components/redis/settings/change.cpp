#include "components/redis/settings/change.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "config/redis_directives.hpp"

namespace raibid {

namespace {

/// The values of each directive, in the order of its lines.
std::map<std::string, std::string> by_name(const Directives& directives) {
  std::map<std::string, std::string> values;
  for (const auto& [name, value] : directives) {
    std::string& all = values[name];
    all += (all.empty() ? "" : ", ") + value;
  }
  return values;
}

std::string shown(const std::string& value) { return value.empty() ? "none" : value; }

/// Collects "what old → new" for what differs.
class Changes {
 public:
  void compare(const std::string& what, const std::string& before, const std::string& after) {
    if (before != after) m_all.push_back(fmt::format("{} {} → {}", what, shown(before), shown(after)));
  }
  void compare(const std::string& what, bool before, bool after) {
    compare(what, std::string(before ? "on" : "off"), std::string(after ? "on" : "off"));
  }
  void add(const std::vector<std::string>& more) { m_all.insert(m_all.end(), more.begin(), more.end()); }
  std::vector<std::string> all() const { return m_all; }

 private:
  std::vector<std::string> m_all;
};

/// Whether clients need a certificate is changed while Redis runs; ports and mounted files are not.
TlsChoice of_the_start(TlsChoice tls) {
  tls.client_certificates = false;
  return tls;
}

}  // namespace

std::vector<std::string> restart_directives(const Spec& before, const Spec& after) {
  const std::map<std::string, std::string> old = by_name(before.directives);
  const std::map<std::string, std::string> wanted = by_name(after.directives);
  Changes changes;
  for (const auto& [name, value] : wanted) {
    if (!needs_restart(name)) continue;
    const auto present = old.find(name);
    changes.compare(name, present == old.end() ? "" : present->second, value);
  }
  for (const auto& [name, value] : old) {
    if (needs_restart(name) && !wanted.contains(name)) changes.compare(name, value, "its default");
  }
  return changes.all();
}

std::vector<std::string> restart_reasons(const Spec& before, const Spec& after) {
  Changes changes;
  changes.compare("nodes", std::to_string(before.replicas + 1), std::to_string(after.replicas + 1));
  changes.compare("image", before.image, after.image);
  changes.compare("memory request", before.memory_request, after.memory_request);
  changes.compare("memory limit", before.memory_limit, after.memory_limit);
  changes.compare("CPU request", before.cpu_request, after.cpu_request);
  changes.compare("CPU limit", before.cpu_limit, after.cpu_limit);
  changes.compare("password", before.auth, after.auth);
  changes.compare("TLS", describe(of_the_start(before.tls)), describe(of_the_start(after.tls)));
  changes.compare("metrics", before.metrics, after.metrics);
  if (before.metrics && after.metrics) changes.compare("exporter's image", before.exporter_image, after.exporter_image);
  changes.compare("security context", before.security_context, after.security_context);
  changes.add(restart_directives(before, after));
  return changes.all();
}

std::vector<std::string> dropped_directives(const Spec& before, const Spec& after) {
  const std::map<std::string, std::string> wanted = by_name(after.directives);
  std::vector<std::string> dropped;
  for (const auto& [name, value] : by_name(before.directives)) {
    if (!wanted.contains(name) && !needs_restart(name)) dropped.push_back(fmt::format("{} {}", name, shown(value)));
  }
  return dropped;
}

}  // namespace raibid
