#include "components/redis/settings/tls.hpp"

#include <fmt/format.h>

namespace raibid {

std::string_view to_string(TlsChoice::From from) {
  switch (from) {
    case TlsChoice::From::none:
      break;
    case TlsChoice::From::own:
      return "own";
    case TlsChoice::From::secret:
      return "secret";
    case TlsChoice::From::issuer:
      return "issuer";
  }
  return "";
}

Directives tls_directives(const TlsChoice& tls) {
  if (!tls.enabled()) return {};
  return {{"tls-auth-clients", tls.client_certificates ? "yes" : "no"}};
}

std::string describe(const TlsChoice& tls) {
  if (!tls.enabled()) return "off";
  std::string text = "on";
  if (tls.from == TlsChoice::From::secret) text += fmt::format(" (certificate of {})", tls.secret);
  if (tls.from == TlsChoice::From::issuer) text += fmt::format(" ({} {})", tls.issuer_kind, tls.issuer);
  if (tls.client_certificates) text += ", client certificates required";
  if (tls.migrate) text += ", plain port open";
  return text;
}

}  // namespace raibid
