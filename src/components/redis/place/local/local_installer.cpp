#include "components/redis/place/local/local_installer.hpp"

#include "base/error.hpp"
#include "components/redis/place/local/certificates_local.hpp"
#include "components/redis/place/local/doctor_local.hpp"
#include "components/redis/place/local/failover_local.hpp"
#include "components/redis/place/local/history_local.hpp"
#include "components/redis/place/local/restore_local.hpp"
#include "components/redis/place/local/setup_local.hpp"
#include "components/redis/place/local/status_local.hpp"
#include "components/redis/place/local/teardown_local.hpp"
#include "components/redis/place/local/users_local.hpp"
#include "sys/files.hpp"

namespace raibid {

SetupOutcome LocalInstaller::setup(const SetupRequest& request) {
  return setup_redis_local(m_context, m_settings, request);
}

std::vector<std::pair<std::string, std::string>> LocalInstaller::evidence() {
  const LocalInstance instance(m_context, m_settings.release);
  constexpr std::size_t most = 200'000;  // of the log's end
  std::vector<std::pair<std::string, std::string>> files;
  for (const LocalProcess& process : instance.processes()) {
    if (process.log.empty()) continue;
    std::string log = read_file(process.log).value_or("");
    if (log.size() > most) log.erase(0, log.size() - most);
    const std::string name = process.log.filename();
    files.emplace_back(instance.several() ? std::to_string(process.ordinal) + "-" + name : name, std::move(log));
  }
  files.emplace_back("redis.conf", read_file(instance.conf()).value_or(""));
  files.emplace_back("state.json", read_file(instance.state_file()).value_or(""));
  return files;
}

std::vector<Revision> LocalInstaller::history() { return history_local(m_context, m_settings); }

CommandResult LocalInstaller::teardown() { return teardown_redis_local(m_context, m_settings); }

void LocalInstaller::examine_ground(HealthReport& report) { examine_local(m_context, m_settings, report); }

std::string LocalInstaller::rights() const {
  throw Error(ExitCode::usage, "--role is for a cluster; --target local needs no rights", "leave --target local out");
}

std::string LocalInstaller::change_users(const UsersPlan& plan) {
  return change_users_local(m_context, m_settings, plan);
}

FailoverOutcome LocalInstaller::fail_over(const FailoverRequest& request) {
  return fail_over_local(m_context, m_settings, request);
}

SecretContent LocalInstaller::certificates() { return certificates_local(m_context, m_settings); }

CertificateSpec LocalInstaller::certificate_spec() {
  return LocalInstance(m_context, m_settings.release).certificate_spec(m_context);
}

std::string LocalInstaller::change_certificates(const CertificatesPlan& plan) {
  return change_certificates_local(m_context, m_settings, plan);
}

std::string LocalInstaller::restore(const RestorePlan& plan) { return restore_local(m_context, m_settings, plan); }

CommandResult LocalInstaller::status() { return status_redis_local(m_context, m_settings); }

}  // namespace raibid
