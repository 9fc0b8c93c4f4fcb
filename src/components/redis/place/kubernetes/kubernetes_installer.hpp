#pragma once

#include "components/redis/place/place.hpp"

namespace raibid {

/// A Helm release in a cluster, made and removed by this program.
class KubernetesInstaller final : public Installer {
 public:
  KubernetesInstaller(Context& context, const RedisSettings& settings) : m_context(context), m_settings(settings) {}

  SetupOutcome setup(const SetupRequest& request) override;
  std::vector<Revision> history() override;
  std::vector<std::pair<std::string, std::string>> evidence() override;
  std::vector<std::string> names() override;
  CommandResult teardown() override;
  void examine_ground(HealthReport& report) override;
  FailoverOutcome fail_over(const FailoverRequest& request) override;
  std::string rights() const override;
  std::string change_users(const UsersPlan& plan) override;
  StoreState look_at_store() override;
  std::string take_over_users(const std::string& operation, bool finish) override;
  std::string restore(const RestorePlan& plan) override;
  CommandResult status() override;
  SecretContent certificates() override;
  CertificateSpec certificate_spec() override;
  std::string change_certificates(const CertificatesPlan& plan) override;

 private:
  Context& m_context;
  RedisSettings m_settings;
};

}  // namespace raibid
