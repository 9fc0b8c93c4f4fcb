#include "components/redis/settings/tls_options.hpp"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

/// How strongly a value was asked for, as with_record puts the sources over one another.
int strength(const Origin& origin) {
  switch (origin.source) {
    case Source::default_value:
      return 0;
    case Source::preset:
      return 1;
    case Source::record:
      return origin.recorded_from <= Source::file ? 2 : 4;
    case Source::file:
      return 3;
    case Source::environment:
      return 5;
    case Source::flag:
      break;
  }
  return 6;
}

/// One way of asking for TLS, or for none (--tls=false).
struct TlsWish {
  std::string_view option;
  TlsChoice::From from;
  int strength = 0;
};

/// Every option that says where the certificate comes from, the strongest first. Of two that are as strong, --tls says
/// less: it goes with both others.
std::vector<TlsWish> tls_wishes(const OptionReader& reader) {
  std::vector<TlsWish> wishes;
  const auto add = [&](std::string_view option, TlsChoice::From from) {
    if (!reader.has(option)) return;
    const Origin& origin = reader.settings().origin(option);
    if (strength(origin) > 0) wishes.push_back({option, from, strength(origin)});
  };
  if (!reader.text("tls-secret").empty()) add("tls-secret", TlsChoice::From::secret);
  if (!reader.text("tls-issuer").empty()) add("tls-issuer", TlsChoice::From::issuer);
  add("tls", reader.flag("tls") ? TlsChoice::From::own : TlsChoice::From::none);
  for (const char* const more : {"tls-client-certs", "tls-migrate"}) {  // which is TLS, too
    if (wishes.empty() && reader.flag(more)) add(more, TlsChoice::From::own);
  }
  std::stable_sort(wishes.begin(), wishes.end(),
                   [](const TlsWish& left, const TlsWish& right) { return left.strength > right.strength; });
  return wishes;
}

/// "ClusterIssuer/NAME" or "NAME", which is an Issuer of the namespace.
void take_issuer(TlsChoice& tls, const OptionReader& reader) {
  const std::string text = reader.text("tls-issuer");
  const std::size_t slash = text.find('/');
  tls.issuer_kind = slash == std::string::npos ? "Issuer" : text.substr(0, slash);
  tls.issuer = slash == std::string::npos ? text : text.substr(slash + 1);
  const bool known = tls.issuer_kind == "Issuer" || tls.issuer_kind == "ClusterIssuer";
  if (!known || !is_dns_subdomain(tls.issuer))
    reader.refuse("tls-issuer", "names no issuer", "the form is NAME, Issuer/NAME or ClusterIssuer/NAME");
}

/// Why a Redis that is installed this way cannot be given this TLS, with what to do; empty when it can.
std::optional<std::pair<std::string, std::string>> why_no_tls(const RedisSettings& redis, TlsChoice::From from) {
  if (redis.target == Target::kubernetes && redis.chart.kind != ChartChoice::Kind::embedded)
    return std::pair(
        "only the embedded chart is set up with TLS; a chart's own tls.* values are not understood, and "
        "raibid-cli could not reach such a Redis",
        "leave it out, or use --chart embedded");
  if (redis.target == Target::local && from == TlsChoice::From::issuer)
    return std::pair("cert-manager issues certificates in a cluster, and this Redis is on this machine",
                     "use --tls, or --tls-secret FOLDER with a certificate that you have");
  return std::nullopt;
}

}  // namespace

void take_tls(RedisSettings& redis, const OptionReader& reader) {
  const std::vector<TlsWish> wishes = tls_wishes(reader);
  const TlsWish wish = wishes.empty() ? TlsWish{"tls", TlsChoice::From::none} : wishes.front();
  for (const TlsWish& other : wishes) {
    const bool goes_with_it = other.from == wish.from || other.from == TlsChoice::From::own;
    if (other.strength == wish.strength && !goes_with_it && reader.chosen(wish.option))
      reader.refuse_both(wish.option, other.option);
  }
  TlsChoice tls;
  tls.from = wish.from;
  if (tls.enabled()) {
    if (const auto why = why_no_tls(redis, tls.from)) {
      if (!reader.chosen(wish.option)) return;  // the preset's own holds where it can
      throw Error(ExitCode::usage, fmt::format("{}: {}", reader.named(wish.option), why->first), why->second);
    }
  }
  if (tls.from == TlsChoice::From::issuer) take_issuer(tls, reader);
  if (tls.from == TlsChoice::From::secret) {
    tls.secret = reader.text("tls-secret");
    if (redis.target == Target::local) tls.secret = std::filesystem::absolute(tls.secret).lexically_normal();
    if (redis.target != Target::local && !is_dns_subdomain(tls.secret))
      reader.refuse("tls-secret", "is not a name of a Secret", "kubectl get secrets lists them");
  }
  for (const auto& [option, value] :
       {std::pair("tls-client-certs", &tls.client_certificates), std::pair("tls-migrate", &tls.migrate)}) {
    *value = reader.flag(option);
    if (!*value || tls.enabled()) continue;
    // one that was recorded, or is a preset's, ends with TLS
    if (reader.chosen(option) && strength(reader.settings().origin(option)) >= std::max(wish.strength, 3)) {
      throw Error(ExitCode::usage, fmt::format("{} needs TLS, which is off", reader.named(option)),
                  fmt::format("add --tls, or leave --{} out", option));
    }
    *value = false;
  }
  redis.tls = std::move(tls);
}

}  // namespace raibid
