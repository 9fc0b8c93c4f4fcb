#include "tools/api_kinds.hpp"

#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace raibid {

namespace {

constexpr bool of_cluster = false;

constexpr std::array<ApiKind, 37> kinds = {{
    {"", "v1", "configmaps", "ConfigMap"},
    {"", "v1", "endpoints", "Endpoints"},
    {"", "v1", "events", "Event"},
    {"", "v1", "limitranges", "LimitRange"},
    {"", "v1", "namespaces", "Namespace", of_cluster},
    {"", "v1", "nodes", "Node", of_cluster},
    {"", "v1", "persistentvolumeclaims", "PersistentVolumeClaim"},
    {"", "v1", "persistentvolumes", "PersistentVolume", of_cluster},
    {"", "v1", "pods", "Pod"},
    {"", "v1", "resourcequotas", "ResourceQuota"},
    {"", "v1", "secrets", "Secret"},
    {"", "v1", "serviceaccounts", "ServiceAccount"},
    {"", "v1", "services", "Service"},
    {"apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", of_cluster},
    {"apps", "v1", "controllerrevisions", "ControllerRevision"},
    {"apps", "v1", "daemonsets", "DaemonSet"},
    {"apps", "v1", "deployments", "Deployment"},
    {"apps", "v1", "replicasets", "ReplicaSet"},
    {"apps", "v1", "statefulsets", "StatefulSet"},
    {"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", of_cluster},
    {"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", of_cluster},
    {"batch", "v1", "cronjobs", "CronJob"},
    {"batch", "v1", "jobs", "Job"},
    {"cert-manager.io", "v1", "certificates", "Certificate"},
    {"cert-manager.io", "v1", "clusterissuers", "ClusterIssuer", of_cluster},
    {"cert-manager.io", "v1", "issuers", "Issuer"},
    {"coordination.k8s.io", "v1", "leases", "Lease"},
    {"discovery.k8s.io", "v1", "endpointslices", "EndpointSlice"},
    {"monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule"},
    {"monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor"},
    {"networking.k8s.io", "v1", "ingresses", "Ingress"},
    {"networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy"},
    {"policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget"},
    {"rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding"},
    {"rbac.authorization.k8s.io", "v1", "roles", "Role"},
    {"storage.k8s.io", "v1", "storageclasses", "StorageClass", of_cluster},
    {"storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", of_cluster},
}};

bool is_called(const ApiKind& kind, std::string_view name) {
  return name == kind.plural || name == to_lower(kind.kind);
}

}  // namespace

std::string ApiKind::api_version() const {
  return group.empty() ? std::string(version) : fmt::format("{}/{}", group, version);
}

const ApiKind* find_kind(std::string_view name) {
  const std::string lower = to_lower(name);
  const std::size_t dot = lower.find('.');
  const std::string_view word = std::string_view(lower).substr(0, dot);
  const std::string_view group = dot == std::string::npos ? "" : std::string_view(lower).substr(dot + 1);
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const ApiKind& kind) {
    return is_called(kind, word) && (dot == std::string::npos || group == kind.group);
  });
  return found == kinds.end() ? nullptr : &*found;
}

const ApiKind* find_kind(std::string_view api_version, std::string_view kind) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const ApiKind& one) {
    return one.kind == kind && one.api_version() == api_version;
  });
  return found == kinds.end() ? nullptr : &*found;
}

std::string collection_path(const ApiKind& kind, std::string_view name_space) {
  std::string path = kind.group.empty() ? "/api/" : fmt::format("/apis/{}/", kind.group);
  path += kind.version;
  if (kind.namespaced && !name_space.empty()) path += "/namespaces/" + url_escape(name_space);
  return fmt::format("{}/{}", path, kind.plural);
}

std::string object_path(const ApiKind& kind, std::string_view name_space, std::string_view name) {
  return collection_path(kind, name_space) + "/" + url_escape(name);
}

std::string url_escape(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", byte);
    }
  }
  return escaped;
}

}  // namespace raibid
