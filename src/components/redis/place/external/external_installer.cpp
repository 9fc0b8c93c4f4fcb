#include "components/redis/place/external/external_installer.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/external/doctor_external.hpp"
#include "components/redis/place/external/setup_external.hpp"
#include "components/redis/place/external/teardown_external.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/settings/record.hpp"
#include "sys/random.hpp"

namespace raibid {

SetupOutcome ExternalInstaller::setup() { return setup_redis_external(m_context, m_settings); }

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
  if (target.service) report.data()["service"] = target.service->name.text();
  report.data()["redis"] = {{"pong", false}};
  Expectation expected;
  expected.streams = record.preset.empty() ? settings.streams : record.streams;
  expected.foreign = true;
  try {
    examine_redis(*server.connect(context.deadline), expected, report);
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
