#pragma once

#include "components/redis/place/external/external_server.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/place/status_facts.hpp"

namespace raibid {

/// What setup and teardown mean for a Redis that is there already: its streams and groups, and the credentials file.
class ExternalInstaller final : public Installer {
 public:
  ExternalInstaller(Context& context, const RedisSettings& settings) : m_context(context), m_settings(settings) {}
  SetupOutcome setup(const SetupRequest& request) override;
  CommandResult teardown() override;
  void examine_ground(HealthReport& report) override;
  std::string rights() const override;
  CommandResult status() override;

 private:
  Context& m_context;
  RedisSettings m_settings;
};

/// What `status` says of it: one that cannot be reached is a check that fails.
StatusReport examine_external(Context& context, ExternalServer& server, const RedisSettings& settings, int unfinished);
std::string external_title(const ExternalTarget& target);

/// The name of the journal of its runs.
std::string external_journal_key(const ExternalTarget& target);

}  // namespace raibid
