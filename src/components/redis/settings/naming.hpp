#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/settings.hpp"

namespace raibid {

/// The container of Redis, in the embedded chart and in Bitnami's.
inline constexpr const char* redis_container = "redis";

/// The container of the sentinel beside a node of several, in the embedded chart.
inline constexpr const char* sentinel_container = "sentinel";

/// The container beside Redis that serves metrics, in the embedded chart and in Bitnami's.
inline constexpr const char* exporter_container = "metrics";

/// Where every Redis that we install listens inside its pod.
constexpr int redis_port = 6379;
/// And a sentinel beside it.
constexpr int sentinel_port = 26379;

/// What a cluster calls itself in DNS unless its kubelets were told otherwise.
inline constexpr const char* default_cluster_domain = "cluster.local";

/// The names of what a release consists of: those of the Bitnami chart's standalone Redis, which the embedded chart
/// keeps.
struct RedisNames {
  explicit RedisNames(const std::string& release, const std::string& name_space,
                      const std::string& cluster_domain = default_cluster_domain);

  std::string full;         ///< the release, or "<release>-redis": also the Secret's name
  std::string workload;     ///< StatefulSet and Service: "<full>-master"
  std::string pod;          ///< "<full>-master-0"
  std::string claim;        ///< "redis-data-<full>-master-0"
  std::string proxy;        ///< "<full>-proxy": what leads to the master of several nodes
  std::string backup;       ///< "<full>-backup": what takes backups, and the claim that they go to
  std::string host;         ///< "<full>-master.<namespace>.svc.<the cluster's domain>"
  std::string selector;     ///< label selector that matches all objects of the release
  std::string certificate;  ///< "<full>-tls": the Secret with the certificate, and what renews it
  std::string authority;    ///< "<full>-ca": the Secret with the CA and its key, and the ConfigMap with the CA alone

  /// Those of a node, by its ordinal.
  std::string pod_of(int node) const;
  std::string claim_of(int node) const;
  /// The pods of so many nodes, in the order of their ordinals.
  std::vector<std::string> pods(int nodes) const;
  /// The same as kubectl names them: "pod/NAME".
  std::vector<std::string> pod_objects(int nodes) const;
  /// The ordinal of the node that has this pod, or this claim; -1 for another name.
  int node_of(std::string_view name) const;
  /// What a port-forward goes to, so that it leads to the master: the pod, or of several nodes a proxy.
  std::string way_to_master(bool ha) const;
};

/// "--size (RAIBID_SIZE)": an option and where its value came from, for messages. Just "--size" when it came from
/// there.
std::string named(const Settings& settings, std::string_view option);

/// The namespace and the release of the settings. Throw Error (usage) when Kubernetes or Helm would refuse them, or a
/// name made from them: every command that talks about a release asks through these.
std::string namespace_of(const Settings& settings);
std::string release_of(const Settings& settings);

/// kubernetes.io/docs/concepts/overview/working-with-objects/names: labels of 63 characters, and several of them with
/// dots.
bool is_dns_label(std::string_view text);
bool is_dns_subdomain(std::string_view text);
/// A DNS label that begins with a letter, as the name of a Service must.
bool is_service_name(std::string_view text);

}  // namespace raibid
