#include "components/redis/settings/values.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/strings.hpp"
#include "components/redis/settings/monitoring.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/spec.hpp"
#include "components/redis/settings/stream_options.hpp"
#include "components/redis/settings/topology.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* namespace_name_label =
    "kubernetes.io/metadata.name";  // Kubernetes itself sets it on every namespace
constexpr const char* monitoring_namespace = "monitoring";
constexpr const char* bitnami_registry = "docker.io";

ordered_json image_values(const ImageReference& image) {
  ordered_json values = {{"registry", image.registry}, {"repository", image.repository}};
  if (!image.tag.empty()) values["tag"] = image.tag;
  if (!image.digest.empty()) values["digest"] = image.digest;
  return values;
}

ordered_json resources(const RedisSettings& settings) {
  ordered_json values = ordered_json::object();
  const auto put = [&values](const char* kind, const char* resource, const std::string& quantity) {
    if (!quantity.empty()) values[kind][resource] = quantity;
  };
  put("requests", "memory", settings.memory_request);
  put("requests", "cpu", settings.cpu_request);
  put("limits", "memory", settings.memory_limit);
  put("limits", "cpu", settings.cpu_limit);
  return values;
}

ordered_json persistence(const RedisSettings& settings) {
  ordered_json values = {{"enabled", settings.persistence}};
  if (!settings.persistence) return values;
  values["size"] = settings.size;
  if (!settings.storage_class.empty()) values["storageClass"] = settings.storage_class;
  return values;
}

/// Bitnami's chart sets user and group for the container, where they beat the pod's; the embedded one for the pod.
void choose_user(ordered_json& values, const RedisSettings& settings) {
  const SecurityContext& context = settings.security_context;
  const char* const place =
      settings.chart.kind == ChartChoice::Kind::embedded ? "podSecurityContext" : "containerSecurityContext";
  if (context.run_as_user) values["master"][place]["runAsUser"] = *context.run_as_user;
  if (context.run_as_group) values["master"][place]["runAsGroup"] = *context.run_as_group;
  if (context.fs_group) values["master"]["podSecurityContext"]["fsGroup"] = *context.fs_group;
}

ordered_json auth(const RedisSettings& settings, const RedisNames& names) {
  if (!settings.auth) return {{"enabled", false}};
  return {{"enabled", true},
          {"existingSecret", names.full},
          {"existingSecretPasswordKey", "redis-password"},
          {"usePasswordFiles", true}};
}

/// Bitnami's chart hands the exporter's options to a shell.
bool is_plain_key(const std::string& key) {
  return std::all_of(key.begin(), key.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ':' || c == '_' ||
           c == '.' || c == '-';
  });
}

ordered_json metrics(const RedisSettings& settings, bool cluster_has_service_monitors) {
  ordered_json values = {{"enabled", settings.metrics}};
  if (!settings.metrics) return values;
  if (settings.exporter_image) values["image"] = image_values(*settings.exporter_image);
  const bool embedded = settings.chart.kind == ChartChoice::Kind::embedded;
  std::vector<std::string> streams;
  for (const StreamSpec& stream : settings.streams) {
    if (is_plain_key(stream.name)) streams.push_back("db0=" + stream.name);
  }
  if (!streams.empty()) values["extraArgs"]["check-single-streams"] = join(streams, ",");
  if (settings.monitoring) {
    std::vector<std::string> keys;
    for (const std::string& key : measured_keys(settings)) {
      if (embedded || is_plain_key(key)) keys.push_back("db0=" + key);
    }
    if (!keys.empty()) values["extraArgs"]["check-single-keys"] = join(keys, ",");
  }
  if (cluster_has_service_monitors) values["serviceMonitor"] = {{"enabled", true}};
  return values;
}

ordered_json peer(const Client& client) {
  ordered_json values = {{"namespaceSelector", {{"matchLabels", {{namespace_name_label, client.name_space}}}}}};
  if (client.pod_labels.empty()) return values;
  ordered_json labels = ordered_json::object();
  for (const auto& [key, value] : client.pod_labels) labels[key] = value;
  values["podSelector"] = {{"matchLabels", labels}};
  return values;
}

/// allowExternal true means "the cluster's own pods" to the embedded chart, and "everybody" to Bitnami's: there a rule
/// says it.
ordered_json network_policy(const RedisSettings& settings) {
  const bool everyone = settings.clients.empty();
  const bool embedded = settings.chart.kind == ChartChoice::Kind::embedded;
  ordered_json from = ordered_json::array();
  for (const Client& client : settings.clients) from.push_back(peer(client));
  if (everyone) from.push_back({{"namespaceSelector", ordered_json::object()}});
  ordered_json values = {{"enabled", true}, {"allowExternal", everyone && embedded}, {"allowExternalEgress", false}};
  if (!everyone && embedded) values["addExternalClientAccess"] = false;  // named clients, and nobody by a label
  if (!everyone || !embedded) {
    ordered_json ports = ordered_json::array({{{"port", redis_port}}});
    if (settings.tls.migrate) ports.push_back({{"port", tls_migration_port}});
    if (settings.ha()) ports.push_back({{"port", sentinel_port}});
    values["extraIngress"] = ordered_json::array({{{"ports", ports}, {"from", from}}});
  }
  values["metrics"] = {{"allowExternal", false},
                       {"ingressNSMatchLabels", {{namespace_name_label, monitoring_namespace}}}};
  return values;
}

constexpr const char* component_label = "app.kubernetes.io/component";

ordered_json own_labels(const RedisSettings& settings) {
  return {{"app.kubernetes.io/name", "redis"},
          {"app.kubernetes.io/instance", settings.release},
          {component_label, "master"}};
}

/// Redis' pod by its labels. The embedded chart lets a preset choose the component; another chart has its own.
ordered_json pod_selector(const RedisSettings& settings) {
  ordered_json selector = own_labels(settings);
  if (settings.ha()) {  // those of the proxies, which lead to the master
    selector["app.kubernetes.io/name"] = "redis-proxy";
    selector[component_label] = "proxy";
    return selector;
  }
  const auto chosen = settings.pod_labels.find(component_label);
  if (settings.chart.kind == ChartChoice::Kind::embedded && chosen != settings.pod_labels.end())
    selector[component_label] = chosen->second;
  return selector;
}

void choose_pod_labels(ordered_json& values, const RedisSettings& settings) {
  for (const auto& [key, value] : settings.pod_labels) {
    if (key == component_label && settings.chart.kind != ChartChoice::Kind::embedded) continue;
    values["master"]["podLabels"][key] = value;
  }
}

/// A further name for Redis: in its own namespace a Service of the same pod, elsewhere one that DNS leads here.
ordered_json alias_service(const std::string& service, const RedisSettings& settings, const RedisNames& names) {
  const std::size_t slash = service.find('/');
  ordered_json manifest = {{"apiVersion", "v1"}, {"kind", "Service"}};
  if (slash != std::string::npos) {
    manifest["metadata"] = {
        {"name", service.substr(slash + 1)}, {"namespace", service.substr(0, slash)}, {"labels", own_labels(settings)}};
    manifest["spec"] = {{"type", "ExternalName"}, {"externalName", names.host}};
    return manifest;
  }
  ordered_json ports = ordered_json::array({{{"name", "tcp-redis"}, {"port", redis_port}, {"targetPort", "redis"}}});
  if (settings.tls.migrate)
    ports.push_back({{"name", "tcp-redis-tls"}, {"port", tls_migration_port}, {"targetPort", "redis-tls"}});
  manifest["metadata"] = {{"name", service}, {"labels", own_labels(settings)}};
  manifest["spec"] = {{"type", "ClusterIP"},
                      {"publishNotReadyAddresses", true},  // as the chart's own Service has it
                      {"selector", pod_selector(settings)},
                      {"ports", ports}};
  if (settings.ha()) manifest["spec"].erase("publishNotReadyAddresses");
  return manifest;
}

void choose_topology(ordered_json& values, const RedisSettings& settings) {
  if (!settings.ha()) return;
  values["architecture"] = "replication";
  values["replica"] = {{"replicaCount", settings.nodes()}};
  values["sentinel"] = {{"quorum", sentinel_quorum(settings.nodes())}};
  if (settings.proxy_image) values["proxy"]["image"] = image_values(*settings.proxy_image);
}

ordered_json backup_values(const RedisSettings& settings, const RedisNames& names) {
  const BackupChoice& backup = settings.backup;
  ordered_json values = {{"schedule", backup.schedule}, {"keep", backup.keep}, {"preset", settings.preset}};
  if (backup.to == BackupChoice::To::claim) {
    values["claim"] = backup_claim(backup, names.full);
  } else {
    values["remote"] = backup.place;
    values["existingSecret"] = backup.secret;
    if (!backup.image.empty()) values["image"] = image_values(parse_image(backup.image, "--backup-image"));
  }
  return values;
}

bool is_bitnamis_own(const ordered_json& image, const char* repository) {
  return image.value("registry", bitnami_registry) == bitnami_registry &&
         image.value("repository", repository) == repository;
}

/// Bitnami withdrew the images that its chart names (August 2025); what was moved to bitnamilegacy can still be pulled,
/// and every repository but its own has to be allowed.
void choose_bitnami_images(ordered_json& values, const RedisSettings& settings) {
  if (!settings.image) values["image"] = {{"repository", "bitnamilegacy/redis"}};
  if (settings.metrics && !settings.exporter_image)
    values["metrics"]["image"] = {{"repository", "bitnamilegacy/redis-exporter"}};
}

/// Its readiness probe waits 20 seconds before it looks for the first time. The startup probe keeps liveness away until
/// Redis listens.
void quicken_bitnami_probes(ordered_json& values) {
  values["master"]["startupProbe"] = {
      {"enabled", true}, {"initialDelaySeconds", 0}, {"periodSeconds", 1}, {"failureThreshold", 120}};
  values["master"]["readinessProbe"] = {{"initialDelaySeconds", 1}, {"periodSeconds", 2}};
  if (values["metrics"]["enabled"])
    values["metrics"]["readinessProbe"] = {{"initialDelaySeconds", 1}, {"periodSeconds", 2}};
}

void allow_foreign_images(ordered_json& values) {
  const ordered_json none = ordered_json::object();
  const bool own = is_bitnamis_own(values.value("image", none), "bitnami/redis") &&
                   is_bitnamis_own(values["metrics"].value("image", none), "bitnami/redis-exporter");
  if (!own) values["global"]["security"]["allowInsecureImages"] = true;
}

}  // namespace

std::string mounted_secret(const TlsChoice& tls, const RedisNames& names) {
  return tls.from == TlsChoice::From::secret ? tls.secret : names.certificate;
}

ordered_json helm_values(const RedisSettings& settings, const RedisNames& names, bool cluster_has_service_monitors) {
  ordered_json values = {{"architecture", "standalone"}, {"auth", auth(settings, names)}};
  if (settings.image) values["image"] = image_values(*settings.image);
  values["commonConfiguration"] = redis_conf(settings.directives);
  values["master"] = {{"persistence", persistence(settings)}, {"resources", resources(settings)}};
  choose_topology(values, settings);
  choose_user(values, settings);
  choose_pod_labels(values, settings);
  values["metrics"] = metrics(settings, cluster_has_service_monitors);
  for (const StreamSpec& stream : trimmed_streams(settings)) {
    values["trim"]["schedule"] = settings.trim_schedule;
    values["trim"]["streams"].push_back({{"name", stream.name}, {"maxLength", stream.max_length}});
  }
  if (settings.backup.wanted()) values["backup"] = backup_values(settings, names);
  if (settings.tls.enabled()) {
    values["tls"] = {{"enabled", true},
                     {"authClients", settings.tls.client_certificates},
                     {"existingSecret", mounted_secret(settings.tls, names)}};
    if (settings.tls.migrate) values["tls"]["migrate"] = true;
    // cert-manager renews at a third of what is left, which is days at least
    if (settings.tls.from == TlsChoice::From::issuer) values["tls"]["reload"] = {{"schedule", "@daily"}};
  }
  values["networkPolicy"] = network_policy(settings);
  values["commonAnnotations"] = {{spec_annotation, to_json(spec_for_cluster(settings))}};
  for (const std::string& service : settings.services)
    values["extraDeploy"].push_back(alias_service(service, settings, names));
  if (settings.monitoring) {
    values["extraDeploy"].push_back(escaped_for_helm(dashboard_config_map(settings)));
    if (cluster_has_service_monitors) values["extraDeploy"].push_back(escaped_for_helm(prometheus_rule(settings)));
  }
  if (settings.chart.kind == ChartChoice::Kind::bitnami) {
    choose_bitnami_images(values, settings);
    quicken_bitnami_probes(values);
  }
  if (settings.chart.kind != ChartChoice::Kind::embedded) allow_foreign_images(values);
  // any chart of those keys, whatever it is called, has to give the names that everything here is found by
  if (settings.chart.kind == ChartChoice::Kind::other) {
    values["nameOverride"] = "redis";
    values["fullnameOverride"] = names.full;
  }
  return values;
}

void keep_first_pod(ordered_json& values, const RedisNames& names) {
  values["replica"]["joining"] = true;
  if (!values.contains("extraDeploy")) return;
  for (ordered_json& manifest : values["extraDeploy"]) {
    if (manifest["kind"] != "Service" || !manifest["spec"].contains("selector")) continue;
    ordered_json& selector = manifest["spec"]["selector"];
    selector["app.kubernetes.io/name"] = "redis";
    selector.erase(component_label);
    selector["statefulset.kubernetes.io/pod-name"] = names.pod;
    manifest["spec"]["publishNotReadyAddresses"] = true;
  }
}

}  // namespace raibid
