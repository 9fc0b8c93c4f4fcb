#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <vector>

#include "components/redis/settings/settings.hpp"

namespace raibid {

/// What Prometheus and Grafana are told of a release on a cluster. Everything is chosen by the labels `namespace` and
/// `service` (that of the exporter), which a ServiceMonitor and the scrape config of `export scrape-config` both set.

/// The keys whose length the exporter reports as redis_key_size: dead letters, and what Asynq's queues consist of. It
/// takes any key that is missing for an empty one (redis_exporter's check-single-keys).
std::vector<std::string> measured_keys(const RedisSettings& settings);

/// The groups of alerting rules, as a rule file of Prometheus and a PrometheusRule have them: {"groups": […]}. Each
/// rule has a summary, a description and the command to begin with; docs/runbook.md has a section for each.
nlohmann::ordered_json alert_rules(const RedisSettings& settings);

/// The names of the rules, in the same order.
std::vector<std::string> alert_names(const RedisSettings& settings);

/// The same as a PrometheusRule of the release's namespace.
nlohmann::ordered_json prometheus_rule(const RedisSettings& settings);

/// A dashboard of Grafana: what a person on call looks at first stands first. Data source, namespace and release are
/// variables of the dashboard.
nlohmann::ordered_json dashboard(const RedisSettings& settings);

/// The same as a ConfigMap with the label that Grafana's sidecar looks for (grafana_dashboard: "1").
nlohmann::ordered_json dashboard_config_map(const RedisSettings& settings);

/// A ServiceMonitor for the exporter, as the chart would make it.
nlohmann::ordered_json service_monitor(const RedisSettings& settings);

/// A scrape job for a Prometheus without the operator: {"scrape_configs": […]}.
nlohmann::ordered_json scrape_config(const RedisSettings& settings);

/// `manifest` for a value that Helm renders as a template (extraDeploy): each "{{" stands for itself.
nlohmann::ordered_json escaped_for_helm(nlohmann::ordered_json manifest);

}  // namespace raibid
