#pragma once

#include <optional>

#include "components/redis/place/external/external_server.hpp"
#include "components/redis/place/place.hpp"

namespace raibid {

/// A Redis that is there already: a managed service, or one that someone else runs.
class ExternalPlace final : public Place {
 public:
  ExternalPlace(Context& context, const RedisSettings& settings);

  std::string heading() const override;
  std::string subject() const override;
  Abilities can() const override { return {}; }
  std::vector<Node> nodes() const override;
  const InstalledRedis& installed() override;
  void prepare(int local_port) override { m_server.tunnel(local_port); }
  RedisEndpoint endpoint(TimePoint deadline) override;
  std::unique_ptr<RedisConnection> connect(TimePoint deadline) override;
  std::string cluster_uid() override { return m_server.target().subject(); }
  void look_after() override;
  Process* keep_open() override;
  std::unique_ptr<Victim> victim() override;

 private:
  Context& m_context;
  ExternalServer m_server;
  std::optional<InstalledRedis> m_installed;
};

}  // namespace raibid
