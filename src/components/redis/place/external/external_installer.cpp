#include "components/redis/place/external/external_installer.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/external/doctor_external.hpp"
#include "components/redis/place/external/setup_external.hpp"
#include "components/redis/place/external/teardown_external.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/redis/settings/record.hpp"

namespace raibid {

SetupOutcome ExternalInstaller::setup() { return setup_redis_external(m_context, m_settings); }

CommandResult ExternalInstaller::teardown() { return teardown_redis_external(m_context, m_settings); }

void ExternalInstaller::examine_ground(HealthReport& report) { examine_external_ground(m_context, m_settings, report); }

std::string ExternalInstaller::rights() const {
  throw Error(ExitCode::usage, "--role is for a cluster; it gives no rights in an external Redis",
              "what its user may do is shown by `doctor` without --role");
}

std::string external_title(const ExternalTarget& target) { return target.address.text() + " (external)"; }

std::string external_journal_key(const ExternalTarget& target) {
  const RedisAddress& address = target.address;
  return journal_key(fmt::format("external-{}-{}-{}", address.host, address.port, address.database), target.name_space,
                     target.release);
}

namespace {

/// How long its certificate is valid; who renews it is not for us to say.
void examine_certificate(Context& context, ExternalServer& server, HealthReport& report) {
  const std::string where = server.target().subject();
  const CertificateFacts facts =
      read_certificate(context.redis.served_certificate(server.endpoint(), reply_limit), where);
  const long days = days_left(facts.not_after, context.clock.wall());
  const bool known_client = !server.target().tls_certificate.empty();
  report.data()["tls"] = {{"days_left", days}, {"not_after", rfc3339(facts.not_after)}, {"issuer", facts.issuer}};
  report.add(
      {"tls", days >= days_to_be_unhealthy,
       fmt::format("on · {} left{}", counted(days, "day", "days"), known_client ? " · with a client certificate" : ""),
       "whoever runs this Redis has to renew its certificate"});
}

}  // namespace

HealthReport examine_external(Context& context, ExternalServer& server, const RedisSettings& settings, int unfinished) {
  const ExternalTarget& target = server.target();
  const Spec record = target.saved ? parse_spec(target.saved->record) : Spec{};
  HealthReport report;
  report.set_scope(server.scope());
  report.data() = {{"target", "external"},
                   {"namespace", target.name_space},
                   {"preset", record.preset.empty() ? settings.preset : record.preset},
                   {"release", {{"name", target.release}}},
                   {"host", target.address.host},
                   {"port", target.address.port},
                   {"database", target.address.database},
                   {"unfinished_runs", unfinished}};
  if (unfinished > 0)
    report.add({"journal", false, counted(unfinished, "interrupted run is", "interrupted runs are") + " not undone",
                "setup undoes that first: " + report.scope().command("setup redis")});
  report.data()["redis"] = {{"pong", false}};
  Expectation expected;
  expected.streams = record.preset.empty() ? settings.streams : record.streams;
  expected.foreign = true;
  try {
    const std::unique_ptr<RedisConnection> redis = server.connect(context.deadline);
    if (target.address.tls) examine_certificate(context, server, report);
    examine_redis(*redis, expected, report);
  } catch (const Error& error) {
    report.add({"redis", false, error.message(), error.hint()});
  }
  return report;
}

CommandResult ExternalInstaller::status() {
  ExternalServer server(m_context, find_external(m_context, m_settings));
  const int unfinished = mention_unfinished(m_context);
  const ExternalTarget& target = server.target();
  if (target.saved) refuse_other_preset(m_context, parse_spec(target.saved->record).preset);
  HealthReport report = examine_external(m_context, server, m_settings, unfinished);
  return render_report(m_context, external_title(target), report);
}

}  // namespace raibid
