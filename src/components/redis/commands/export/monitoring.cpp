#include "components/redis/commands/export/monitoring.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json.hpp"
#include "components/redis/place/place.hpp"
#include "components/redis/settings/monitoring.hpp"
#include "components/redis/settings/options.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// What is watched: the release on a cluster, as far as this machine knows what it was set up with.
RedisSettings watched(Context& context, const char* what) {
  take_recorded(context, false);
  const RedisSettings settings = redis_settings(context);
  if (settings.target != Target::kubernetes) {
    throw Error(ExitCode::usage, fmt::format("{} is for a Redis on a cluster: only there is an exporter", what),
                "the limits of a queue as an exit code, for cron and CI: " +
                    context.scope().command("queue stats", "--max-lag 1000 --max-pending-age 5m"));
  }
  if (!settings.metrics) {
    throw Error(ExitCode::usage, fmt::format("{}: release {} has no exporter", what, settings.release),
                "add it: " + context.scope().command("setup redis", "--monitoring"));
  }
  return settings;
}

CommandResult written(const Context& context, const ordered_json& value) {
  if (context.format() == OutputFormat::json) return {json_text(value, 2) + "\n"};
  return {to_yaml(value)};
}

CommandResult export_alerts(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = watched(context, "export alerts");
  const bool manifest = !context.settings.flag("plain");
  return written(context, manifest ? prometheus_rule(settings) : alert_rules(settings));
}

CommandResult export_dashboard(Context& context, const std::vector<std::string>&) {
  const RedisSettings settings = watched(context, "export dashboard");
  if (!context.settings.flag("plain")) return written(context, dashboard_config_map(settings));
  return {json_text(dashboard(settings), 2) + "\n"};  // Grafana imports JSON alone
}

CommandResult export_service_monitor(Context& context, const std::vector<std::string>&) {
  return written(context, service_monitor(watched(context, "export servicemonitor")));
}

CommandResult export_scrape_config(Context& context, const std::vector<std::string>&) {
  return written(context, scrape_config(watched(context, "export scrape-config")));
}

/// Setup's own options, since nothing is asked of a cluster.
std::vector<OptionSpec> options(std::string_view plain_help) {
  std::vector<OptionSpec> all = redis_options();
  if (plain_help.empty()) return all;
  all.insert(all.begin(), {.name = "plain", .help = plain_help, .kind = OptionKind::flag, .flag_only = true});
  return all;
}

}  // namespace

std::vector<ComponentCommand> monitoring_exports() {
  const auto row = [](std::string_view what, std::string_view summary, std::vector<OptionSpec> options, auto run) {
    return ComponentCommand{"export", summary, std::move(options), run, {}, what, nullptr};
  };
  return {
      row("alerts", "Alerting rules for Prometheus", options("A rule file of Prometheus instead of a PrometheusRule"),
          export_alerts),
      row("dashboard", "A dashboard for Grafana", options("The JSON that Grafana imports instead of a ConfigMap"),
          export_dashboard),
      row("servicemonitor", "A ServiceMonitor for the exporter", options({}), export_service_monitor),
      row("scrape-config", "A scrape job for a Prometheus without the operator", options({}), export_scrape_config),
  };
}

}  // namespace raibid
