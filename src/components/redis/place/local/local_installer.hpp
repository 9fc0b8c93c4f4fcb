#pragma once

#include "components/redis/place/place.hpp"

namespace raibid {

/// A redis-server of this machine, made and removed by this program.
class LocalInstaller final : public Installer {
 public:
  LocalInstaller(Context& context, const RedisSettings& settings) : m_context(context), m_settings(settings) {}

  SetupOutcome setup(const SetupRequest& request) override;
  std::vector<Revision> history() override;
  std::vector<std::pair<std::string, std::string>> evidence() override;
  CommandResult teardown() override;
  void examine_ground(HealthReport& report) override;
  std::string rights() const override;
  std::string change_users(const UsersPlan& plan) override;
  FailoverOutcome fail_over(const FailoverRequest& request) override;
  SecretContent certificates() override;
  CertificateSpec certificate_spec() override;
  std::string change_certificates(const CertificatesPlan& plan) override;
  std::string restore(const RestorePlan& plan) override;
  CommandResult status() override;

 private:
  Context& m_context;
  RedisSettings m_settings;
};

}  // namespace raibid
