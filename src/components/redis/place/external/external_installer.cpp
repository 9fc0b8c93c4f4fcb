#include "components/redis/place/external/external_installer.hpp"

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/external/doctor_external.hpp"
#include "components/redis/place/external/setup_external.hpp"
#include "components/redis/place/external/teardown_external.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/random.hpp"

namespace raibid {

SetupOutcome ExternalInstaller::setup(const SetupRequest& request) {
  return setup_redis_external(m_context, m_settings, request);
}

CommandResult ExternalInstaller::teardown() { return teardown_redis_external(m_context, m_settings); }

void ExternalInstaller::examine_ground(HealthReport& report) { examine_external_ground(m_context, m_settings, report); }

std::string ExternalInstaller::rights() const {
  throw Error(ExitCode::usage, "--role is for a cluster; it gives no rights in an external Redis",
              "what its user may do is shown by `doctor` without --role");
}

std::string external_title(const ExternalTarget& target) {
  return (target.service ? target.identity() : target.address.text()) + " (external)";
}

std::string external_journal_key(const ExternalTarget& target) {
  const RedisAddress& address = target.address;
  if (target.service) {
    const AdoptedService& service = target.service->name;
    // a context's name can have any character
    const std::string cluster = sha256_hex(target.service->kube_context).substr(0, 12);
    return journal_key(fmt::format("service-{}-{}-{}", service.name_space, service.name, cluster), target.name_space,
                       target.release);
  }
  return journal_key(fmt::format("external-{}-{}-{}", address.host, address.port, address.database), target.name_space,
                     target.release);
}

namespace {

/// By the connection that is there: a handshake of its own, without a certificate, would end a port-forward where
/// clients have to show one.
CertificateFacts shown_certificate(Context& context, const RedisConnection& redis, ExternalServer& server) {
  const std::string shown = redis.peer_certificate();
  if (!shown.empty()) return read_der_certificate(shown, server.target().subject());
  return read_certificate(context.redis.served_certificate(server.endpoint(), reply_limit), server.target().subject());
}

/// How long its certificate is valid; who renews it is not for us to say.
void examine_certificate(const CertificateFacts& facts, bool shows_own, WallTime now, HealthReport& report) {
  const long days = days_left(facts.not_after, now);
  report.data()["tls"] = {{"days_left", days}, {"not_after", rfc3339(facts.not_after)}, {"issuer", facts.issuer}};
  report.add(
      {"tls", days >= days_to_be_unhealthy,
       fmt::format("on · {} left{}", counted(days, "day", "days"), shows_own ? " · with a client certificate" : ""),
       "whoever runs this Redis has to renew its certificate"},
      CheckReason::bad_certificate);
}

}  // namespace

StatusReport examine_external(Context& context, ExternalServer& server, const RedisSettings& settings, int unfinished) {
  const ExternalTarget& target = server.target();
  const Spec record = target.saved ? parse_spec(target.saved->record) : Spec{};
  StatusFacts facts{target.release, target.name_space, record.preset.empty() ? settings.preset : record.preset,
                    unfinished,
                    StatusFacts::Elsewhere{target.address.host, target.address.port, target.address.database,
                                           target.service ? target.service->name.text() : std::string()}};
  Expectation expected;
  expected.streams = record.preset.empty() ? settings.streams : record.streams;
  expected.foreign = true;
  std::optional<CertificateFacts> certificate;
  bool shows_own = false;
  try {
    const std::unique_ptr<RedisConnection> redis = server.connect(context.deadline);
    shows_own = target.address.tls && !server.endpoint().tls->certificate.empty();
    if (target.address.tls) certificate = shown_certificate(context, *redis, server);
    read_redis_facts(*redis, expected, facts.redis);
  } catch (const Error& error) {
    facts.redis.failure = {error.message(), error.hint()};
  }
  take_trend(context, "external " + target.address.text(), facts.redis, facts.storage);
  StatusReport report = report_on(std::move(facts), server.scope());
  if (certificate) examine_certificate(*certificate, shows_own, context.clock.wall(), report.health);
  examine_redis(report.facts.redis, report.health);
  return report;
}

CommandResult ExternalInstaller::status() {
  ExternalServer server(m_context, find_external(m_context, m_settings));
  const int unfinished = mention_unfinished(m_context);
  const ExternalTarget& target = server.target();
  if (target.saved) refuse_other_preset(m_context, parse_spec(target.saved->record).preset);
  StatusReport report = examine_external(m_context, server, m_settings, unfinished);
  return render_report(m_context, external_title(target), report.health);
}

}  // namespace raibid
