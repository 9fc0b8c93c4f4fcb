#pragma once

#include <optional>

#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

/// A release in a cluster. The cluster is chosen when the object is made; its Redis is reached through a port-forward.
class KubernetesPlace final : public Place {
 public:
  /// Throws Error (preflight) as choose_cluster.
  KubernetesPlace(Context& context, const RedisSettings& settings);

  std::string heading() const override;
  std::string subject() const override;
  Abilities can() const override;
  std::vector<Node> nodes() const override;
  const InstalledRedis& installed() override;
  void prepare(int local_port = 0) override;
  RedisEndpoint endpoint(TimePoint deadline) override;
  std::unique_ptr<RedisConnection> connect(TimePoint deadline) override;
  std::unique_ptr<RedisConnection> administer(TimePoint deadline) override;
  std::vector<std::unique_ptr<RedisConnection>> administer_all(TimePoint deadline) override;
  std::string cluster_uid() override;
  bool exporter_started_after(WallTime time) override;
  void read_data_file(const std::string& name, const std::function<void(std::string_view)>& take) override;
  void look_after() override;
  Process* keep_open() override;
  Command logs(const LogLines& lines) override;
  std::unique_ptr<Victim> victim() override;

 private:
  void prepare_way();

  Context& m_context;
  RedisSettings m_settings;
  RedisNames m_names;
  ClusterSession m_session;
  std::optional<InstalledRedis> m_installed;
  std::optional<KubernetesRedis> m_redis;
  std::optional<NodeWays> m_nodes;  ///< of several
  int m_local_port = 0;
};

}  // namespace raibid
