#include "components/redis/settings/adopted_service.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

AdoptedService parse_adopted_service(const std::string& text, const std::string& name_space, const std::string& what) {
  const std::size_t at = text.rfind('@');
  const std::string place = at == std::string::npos ? text : text.substr(at + 1);
  const std::size_t slash = place.find('/');
  AdoptedService service;
  service.user = at == std::string::npos || text.substr(0, at) == "default" ? "" : text.substr(0, at);
  service.name_space = slash == std::string::npos ? name_space : place.substr(0, slash);
  service.name = slash == std::string::npos ? place : place.substr(slash + 1);
  const bool has_user = at != std::string::npos;
  const bool user_fits = !has_user || (at > 0 && printable(text.substr(0, at)) == text.substr(0, at) &&
                                       text.substr(0, at).find(' ') == std::string::npos);
  if (user_fits && is_dns_label(service.name_space) && is_dns_label(service.name)) return service;
  throw Error(ExitCode::usage, fmt::format("{}: {} names no Service", what, in_quotes(text)),
              "the form is [USER@][NAMESPACE/]NAME; to see them: kubectl get services --all-namespaces");
}

}  // namespace raibid
