#include "components/redis/server/certificates.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/clock.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr std::chrono::hours one_day{24};
constexpr std::size_t longest_client_name = 64;

std::string text_of(const SecretContent& content, const char* key) { return value_of(content, key).reveal(); }

/// The first certificate of a key; std::nullopt when there is no certificate, or it cannot be parsed.
std::optional<CertificateFacts> facts_at(const SecretContent& content, const char* key) {
  const std::vector<std::string> all = each_certificate(text_of(content, key));
  if (all.empty()) return std::nullopt;
  return read_certificate(all.front(), key);
}

std::string since_and_now(WallTime begins, WallTime now) {
  return fmt::format("it begins at {}, and this machine's clock says {}", rfc3339(begins), rfc3339(now));
}

/// Why clients refuse a certificate at this time; "" when they do not.
std::string why_not_now(const CertificateFacts& facts, WallTime now) {
  if (now >= facts.not_after) return "it has expired on " + rfc3339(facts.not_after);
  if (now < facts.not_before) return "it is not yet valid: " + since_and_now(facts.not_before, now);
  return "";
}

}  // namespace

std::string why_unfit(const SecretContent& content) {
  for (const char* const key : served_keys) {
    if (value_of(content, key).empty()) return fmt::format("{} is missing", key);
  }
  for (const char* const key : {tls_certificate_key, tls_trusted_key}) {
    if (each_certificate(text_of(content, key)).empty())
      return fmt::format("{} holds no certificate that can be read", key);
  }
  const std::string certificate = text_of(content, tls_certificate_key);
  if (!belong_together(certificate, value_of(content, tls_private_key_key)))
    return fmt::format("{} and {} do not belong together", tls_certificate_key, tls_private_key_key);
  const std::string unsigned_ = why_not_signed_by(certificate, text_of(content, tls_trusted_key));
  return unsigned_.empty() ? ""
                           : fmt::format("{} is not signed by {}: {}", tls_certificate_key, tls_trusted_key, unsigned_);
}

namespace {

KeyPair own_ca(const SecretContent& content) {
  return {text_of(content, ca_certificate_key), value_of(content, ca_private_key_key)};
}

/// Why our CA can sign nothing now, with what to do; std::nullopt when it can.
std::optional<Error> why_no_ca(const SecretContent& present, const CertificateSpec& spec, WallTime now) {
  const std::string new_ca =
      spec.removal.empty()
          ? "make a new one, which clients have to trust then: " + spec.scope.command("tls rotate redis", "--ca")
          : "remove what is left of it and run setup again, which makes a new one that clients have to trust then: " +
                spec.removal;
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    return std::optional(Error(ExitCode::preflight,
                               fmt::format("the CA in {} {}", spec.where_ca.empty() ? spec.where : spec.where_ca, why),
                               hint));
  };
  const std::optional<CertificateFacts> facts = facts_at(present, ca_certificate_key);
  for (const char* const key : {ca_certificate_key, ca_private_key_key}) {
    if (value_of(present, key).empty()) return refuse(fmt::format("is lost: {} is missing", key), new_ca);
  }
  if (!facts || !belong_together(text_of(present, ca_certificate_key), value_of(present, ca_private_key_key)))
    return refuse(fmt::format("is damaged: {} and {} do not belong together", ca_certificate_key, ca_private_key_key),
                  "put back what was there before, or " + new_ca);
  if (now >= facts->not_after) return refuse("has expired on " + rfc3339(facts->not_after), new_ca);
  if (now < facts->not_before)
    return refuse("is not yet valid: " + since_and_now(facts->not_before, now),
                  "look at the clock of this machine (date); if it is right, " + new_ca);
  return std::nullopt;
}

/// Certificates that the server shows behind its own one.
std::string chain_of(const SecretContent& content) {
  std::vector<std::string> all = each_certificate(text_of(content, tls_certificate_key));
  if (all.empty()) return "";
  all.erase(all.begin());
  return join(all, "");
}

void issue(SecretContent& content, const std::string& chain, const CertificateSpec& spec, WallTime now) {
  const CertificateRequest request{spec.common_name,  spec.names,       true, true,
                                   now - clock_slack, now + ca_lifetime};  // cut to the CA's end
  KeyPair pair = issue_certificate(own_ca(content), request, spec.where);
  content[tls_certificate_key] = Secret(pair.certificate + chain);
  content[tls_private_key_key] = std::move(pair.key);
}

void make_own_ca(SecretContent& content, const CertificateSpec& spec, WallTime now) {
  KeyPair ca = make_ca(spec.common_name + " CA", now - clock_slack, now + ca_lifetime);
  content[ca_certificate_key] = Secret(ca.certificate);
  content[ca_private_key_key] = std::move(ca.key);
}

/// Nothing of TLS that a client could know.
bool is_new(const SecretContent& present) {
  return std::all_of(present.begin(), present.end(), [](const auto& entry) {
    return entry.first == previous_certificates_key || entry.second.empty();
  });
}

std::vector<std::string> missing_names(const CertificateFacts& facts, const CertificateSpec& spec) {
  std::vector<std::string> missing;
  std::copy_if(spec.names.begin(), spec.names.end(), std::back_inserter(missing),
               [&](const std::string& name) { return !covers_name(facts, name); });
  return missing;
}

}  // namespace

long days_left(WallTime until, WallTime now) {
  return static_cast<long>(std::chrono::floor<std::chrono::duration<long, std::ratio<86400>>>(until - now).count());
}

std::string why_renew(const SecretContent& present, const CertificateSpec& spec, WallTime now) {
  if (const std::string unfit = why_unfit(present); !unfit.empty()) return unfit;
  const CertificateFacts facts = *facts_at(present, tls_certificate_key);
  if (const std::string dates = why_not_now(facts, now); !dates.empty()) return dates;
  if (const auto missing = missing_names(facts, spec); !missing.empty())
    return "it does not name " + join(missing, ", ");
  if (!facts.server || !facts.client) return "it is not for server and client";
  // one that ends with its CA is not renewed for its age: the new one would end on the same day
  const std::optional<CertificateFacts> ca = facts_at(present, ca_certificate_key);
  const bool is_short = (facts.not_after - now) * 3 < facts.not_after - facts.not_before;
  if (is_short && ca && ca->not_after - facts.not_after > one_day) return "less than a third of its time is left";
  if (now - facts.not_before > renewal_age + clock_slack) return "it is older than a year";
  return "";
}

bool can_go_on(const SecretContent& present, const CertificateSpec& spec, WallTime now) {
  if (!why_unfit(present).empty()) return false;
  const CertificateFacts facts = *facts_at(present, tls_certificate_key);
  return why_not_now(facts, now).empty() && covers_name(facts, spec.names.front());
}

SecretContent with_own_certificate(SecretContent present, const CertificateSpec& spec, WallTime now) {
  if (is_new(present)) {
    make_own_ca(present, spec, now);
    present[tls_trusted_key] = present.at(ca_certificate_key);
  } else if (const auto error = why_no_ca(present, spec, now)) {
    throw *error;
  }
  const std::string ca = text_of(present, ca_certificate_key);
  // ca.crt was lost or changed by hand: what we issue has to be trusted
  const std::string trusted = text_of(present, tls_trusted_key);
  if (!why_not_signed_by(ca, trusted).empty()) present[tls_trusted_key] = Secret(ca + only_certificates(trusted));
  issue(present, trusts_two(present) ? chain_of(present) : "", spec, now);
  return present;
}

SecretContent with_renewed_certificate(SecretContent present, const CertificateSpec& spec, WallTime now) {
  if (const auto error = why_no_ca(present, spec, now)) throw *error;
  return with_own_certificate(std::move(present), spec, now);
}

SecretContent with_given_certificate(SecretContent present, const SecretContent& given, const CertificateSpec& spec,
                                     const std::string& given_in, bool client_certificates, WallTime now) {
  const auto refuse = [&](const std::string& why, const std::string& hint) {
    throw Error(ExitCode::preflight, fmt::format("the certificate in {}: {}", given_in, why), hint);
  };
  for (const char* const key : served_keys) {
    if (!value_of(given, key).empty()) continue;
    refuse(fmt::format("{} is missing", key),
           key == std::string_view(tls_trusted_key)
               ? "put the certificate of the CA there, which clients trust: for a public CA copy "
                 "/etc/ssl/certs/ca-certificates.crt"
               : "it needs tls.crt (the certificate, with its chain), tls.key and ca.crt, all PEM");
  }
  check_private_key(value_of(given, tls_private_key_key), fmt::format("{} in {}", tls_private_key_key, given_in));
  if (const std::string unfit = why_unfit(given); !unfit.empty())
    refuse(unfit, "put the certificate, the key that was made for it, and the CA that signed it together");
  const CertificateFacts facts = *facts_at(given, tls_certificate_key);
  if (const std::string dates = why_not_now(facts, now); !dates.empty())
    refuse(dates, now < facts.not_before ? "set the clock of this machine: date" : "have it renewed where it was made");
  const std::string names = facts.names.empty() ? "no names at all" : "the names " + join(facts.names, ", ");
  if (!covers_name(facts, spec.names.front()))
    refuse(fmt::format("it does not name {}, under which applications reach this Redis; it has {}", spec.names.front(),
                       names),
           "have one made for " + join(spec.names, ", "));
  if (!facts.server) refuse("it is not for servers (no serverAuth)", "have one made with serverAuth and clientAuth");
  if (client_certificates && !facts.client)
    refuse("it is not for clients (no clientAuth), and raibid-cli shows it where client certificates are required",
           "have one made with serverAuth and clientAuth, or leave --tls-client-certs out");
  for (const char* const key : served_keys) present[key] = given.at(key);
  present.erase(ca_certificate_key);
  present.erase(ca_private_key_key);
  return present;
}

bool old_ca_can_sign(const SecretContent& present, WallTime now) { return !why_no_ca(present, {}, now); }

SecretContent with_second_ca(SecretContent present, const CertificateSpec& spec, WallTime now) {
  if (trusts_two(present) && old_ca_can_sign(present, now))
    throw Error(ExitCode::preflight, fmt::format("{} trusts two CAs already", spec.where),
                "end the older one first: " + spec.scope.command("tls rotate redis", "--ca --finish"));
  const KeyPair before = own_ca(present);
  const bool can_sign = old_ca_can_sign(present, now);
  const std::string trusted = only_certificates(text_of(present, tls_trusted_key));
  make_own_ca(present, spec, now);
  const std::string next = text_of(present, ca_certificate_key);
  present[tls_trusted_key] = Secret(next + trusted);
  issue(present, can_sign ? cross_sign(before, next, spec.where) : "", spec, now);
  return present;
}

SecretContent with_one_ca(SecretContent present, const CertificateSpec& spec) {
  if (!trusts_two(present)) return present;
  const std::vector<std::string> shown = each_certificate(text_of(present, tls_certificate_key));
  present[tls_trusted_key] = value_of(present, ca_certificate_key);
  if (!shown.empty()) present[tls_certificate_key] = Secret(shown.front());
  if (const std::string unfit = why_unfit(present); !unfit.empty())
    throw Error(ExitCode::preflight, fmt::format("{}: {}", spec.where, unfit),
                "make a new certificate first: " + spec.scope.command("tls rotate redis"));
  return present;
}

bool trusts_two(const SecretContent& present) {
  return !value_of(present, ca_certificate_key).empty() &&
         each_certificate(only_certificates(text_of(present, tls_trusted_key))).size() > 1;
}

TlsClient tls_client(const SecretContent& present, const TlsChoice& choice, const std::string& server_name) {
  TlsClient client;
  client.server_name = server_name;
  client.ca = text_of(present, tls_trusted_key);
  if (only_certificates(client.ca).empty() && !value_of(present, ca_certificate_key).empty())
    client.ca = text_of(present, ca_certificate_key);
  if (!choice.client_certificates) return client;
  client.certificate = text_of(present, tls_certificate_key);
  client.key = value_of(present, tls_private_key_key);
  const KeyPair ca = own_ca(present);
  if (belong_together(client.certificate, client.key) || !belong_together(ca.certificate, ca.key)) return client;
  const CertificateFacts facts = read_certificate(ca.certificate, ca_certificate_key);
  KeyPair own = issue_certificate(ca, {"raibid-cli", {}, false, true, facts.not_before, facts.not_after}, "");
  client.certificate = std::move(own.certificate);
  client.key = std::move(own.key);
  return client;
}

bool changes_trust(const SecretContent& before, const SecretContent& after) {
  const std::string known =
      only_certificates(text_of(before, tls_trusted_key)) + only_certificates(text_of(before, ca_certificate_key));
  return !why_not_signed_by(text_of(after, tls_certificate_key), known).empty();
}

KeyPair issue_client_certificate(const SecretContent& present, const std::string& name, int days,
                                 const CertificateSpec& spec, WallTime now) {
  const bool usable = !name.empty() && name.size() <= longest_client_name && printable(name) == name;
  if (!usable)
    throw Error(ExitCode::usage, fmt::format("{} is not a name for a client certificate", in_quotes(name)),
                "use 1 to 64 characters, for instance the application's name");
  if (days <= 0) throw Error(ExitCode::usage, fmt::format("--days {}: must be greater than 0", days));
  if (value_of(present, ca_certificate_key).empty() && !value_of(present, tls_certificate_key).empty())
    throw Error(ExitCode::preflight, fmt::format("the CA of {} is not raibid-cli's: it signs nothing here", spec.where),
                "ask whoever issued the server's certificate for one with clientAuth");
  if (const auto error = why_no_ca(present, spec, now)) throw *error;
  CertificateRequest request{
      name, {}, false, true, now - clock_slack, now + std::min<std::chrono::hours>(days * one_day, ca_lifetime)};
  KeyPair pair = issue_certificate(own_ca(present), request, spec.where);
  return pair;
}

namespace {

/// What a line of `status` says, with its hint; `failed` is empty for what passes.
struct TlsVerdict {
  std::string failed;
  std::string hint;
};

/// The end of what clients have to accept: the certificate's, or before that of the CA of ours.
struct End {
  WallTime at;
  bool of_ca = false;
};

End end_of(const TlsFacts& facts, const CertificateFacts& certificate) {
  const std::optional<CertificateFacts> ca = facts_at(facts.kept, ca_certificate_key);
  const bool ends_with_ca = ca && ca->not_after - certificate.not_after < one_day;
  return {ends_with_ca ? std::min(ca->not_after, certificate.not_after) : certificate.not_after, ends_with_ca};
}

std::string hint_to_renew(const TlsFacts& facts, const Scope& scope, bool ca_ends) {
  if (facts.choice.from == TlsChoice::From::own)
    return ca_ends ? "it ends with its CA; make a new CA: " + scope.command("tls rotate redis", "--ca")
                   : "make a new one, without a restart: " + scope.command("tls rotate redis");
  return fmt::format("have it renewed where it was made{}, then: {}",
                     facts.choice.from == TlsChoice::From::issuer ? fmt::format(" ({})", describe(facts.choice)) : "",
                     scope.command("setup redis"));
}

TlsVerdict judge(const TlsFacts& facts, const CertificateSpec& spec, WallTime now, const Scope& scope) {
  const std::string again = scope.command("setup redis");
  const bool is_own = facts.choice.from == TlsChoice::From::own;
  if (!facts.kept.empty()) {
    if (const std::string unfit = why_unfit(facts.kept); !unfit.empty()) {
      const std::string hint =
          is_own ? "setup issues another one: " + again : "put the right files there, then: " + again;
      return {fmt::format("{}: {}", spec.where, unfit), hint};
    }
  }
  if (!facts.served)
    return {facts.no_handshake,
            "if it was turned on just now or changed by hand, setup brings it to what was asked: " + again};
  const CertificateFacts& served = *facts.served;
  const End end = end_of(facts, served);
  if (now < served.not_before)
    return {"the certificate is not yet valid: " + since_and_now(served.not_before, now),
            "look at the clock of this machine (date); if it is right: " + scope.command("tls rotate redis")};
  if (now >= served.not_after)
    return {fmt::format("the certificate has expired on {}", rfc3339(served.not_after)),
            hint_to_renew(facts, scope, end.of_ca && now >= end.at)};
  const auto kept = facts_at(facts.kept, tls_certificate_key);
  if (kept && kept->fingerprint != served.fingerprint)
    return {fmt::format("Redis serves another certificate than {} has", spec.where), "let Redis read it: " + again};
  const long left = days_left(end.at, now);
  if (left < days_to_be_unhealthy)
    return {fmt::format("the certificate ends in {}", counted(left, "day", "days")),
            hint_to_renew(facts, scope, end.of_ca)};
  if (is_own && kept) {
    if (const auto missing = missing_names(served, spec); !missing.empty())
      return {"the certificate does not name " + join(missing, ", "), "setup issues another one: " + again};
  }
  return {};
}

std::string describe_end(const TlsFacts& facts, const Scope& scope, WallTime now) {
  const End end = end_of(facts, *facts.served);
  const long left = days_left(end.at, now);
  std::string text = counted(left, "day", "days") + " left";
  if (left < days_to_warn) text += ", soon too few: " + hint_to_renew(facts, scope, end.of_ca);
  return text;
}

ordered_json tls_data(const TlsFacts& facts, WallTime now) {
  ordered_json data = {{"from", to_string(facts.choice.from)},
                       {"port", facts.port},
                       {"client_certificates", facts.choice.client_certificates},
                       {"plain_port", facts.choice.migrate},
                       {"cas", each_certificate(text_of(facts.kept, tls_trusted_key)).size()}};
  if (!facts.served) {
    data["days_left"] = nullptr;
    return data;
  }
  data["days_left"] = days_left(facts.served->not_after, now);
  data["not_before"] = rfc3339(facts.served->not_before);
  data["not_after"] = rfc3339(facts.served->not_after);
  data["subject"] = facts.served->subject;
  data["issuer"] = facts.served->issuer;
  data["names"] = facts.served->names;
  data["fingerprint"] = facts.served->fingerprint;
  return data;
}

}  // namespace

void examine_tls(const TlsFacts& facts, const CertificateSpec& spec, WallTime now, HealthReport& report) {
  report.data()["tls"] = tls_data(facts, now);
  const TlsVerdict verdict = judge(facts, spec, now, report.scope());
  if (!verdict.failed.empty())
    return report.add({"tls", false, verdict.failed, verdict.hint}, CheckReason::bad_certificate);
  std::string text = "on · " + describe_end(facts, report.scope(), now);
  if (facts.choice.client_certificates) text += " · client certificates required";
  if (facts.choice.migrate) text += " · plain port open";
  if (trusts_two(facts.kept))
    text += " · two CAs are trusted; end the older one when every client has the new one: " +
            report.scope().command("tls rotate redis", "--ca --finish");
  if (facts.choice.from == TlsChoice::From::own && !facts.kept.empty()) {
    if (const auto error = why_no_ca(facts.kept, spec, now)) text += " · " + error->message();
  }
  if (!facts.remark.empty()) text += " · " + facts.remark;
  report.add({"tls", true, text});
}

}  // namespace raibid
