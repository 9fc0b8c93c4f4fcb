#include "components/redis/settings/monitoring.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

#include "base/cron.hpp"
#include "base/json.hpp"
#include "components/redis/settings/alerts.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/services.hpp"
#include "components/scope.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* monitoring_api = "monitoring.coreos.com/v1";
constexpr const char* runbook = "docs/runbook.md of raibid-cli";
constexpr const char* interval = "30s";

RedisNames names_of(const RedisSettings& settings) { return RedisNames(settings.release, settings.name_space); }

ordered_json metadata(const RedisSettings& settings, const std::string& name) {
  return {{"name", name},
          {"namespace", settings.name_space},
          {"labels",
           {{"app.kubernetes.io/name", "redis"},
            {"app.kubernetes.io/instance", settings.release},
            {"app.kubernetes.io/component", "metrics"},
            {"app.kubernetes.io/part-of", settings.preset}}}};
}

/// One curve of a panel.
struct Curve {
  std::string expression;
  std::string legend;
};

/// Puts panels into rows of 24 columns, as Grafana has them.
class Board {
 public:
  void row(const std::string& title) {
    finish_line();
    m_panels.push_back({{"type", "row"},
                        {"title", title},
                        {"collapsed", false},
                        {"gridPos", {{"h", 1}, {"w", 24}, {"x", 0}, {"y", m_y}}},
                        {"panels", ordered_json::array()}});
    ++m_y;
  }

  /// A number with its colour: green below `warn`, else orange, from `bad` on red. `bad` below `warn` turns that round.
  void number(const std::string& title, const std::string& unit, const std::string& expression, double warn,
              double bad) {
    const bool rising = warn <= bad;
    ordered_json steps = ordered_json::array();
    steps.push_back({{"color", rising ? "green" : "red"}, {"value", nullptr}});
    steps.push_back({{"color", "orange"}, {"value", rising ? warn : bad}});
    steps.push_back({{"color", rising ? "red" : "green"}, {"value", rising ? bad : warn}});
    ordered_json& panel = add("stat", title, unit, {{expression, ""}}, 4, 4);
    panel["fieldConfig"]["defaults"]["thresholds"] = {{"mode", "absolute"}, {"steps", steps}};
    panel["options"] = {{"colorMode", "background"}, {"reduceOptions", {{"calcs", {"lastNotNull"}}}}};
  }

  void curves(const std::string& title, const std::string& unit, const std::vector<Curve>& curves) {
    ordered_json& panel = add("timeseries", title, unit, curves, 12, 8);
    panel["fieldConfig"]["defaults"]["min"] = 0;
    panel["options"] = {{"legend", {{"displayMode", "list"}, {"placement", "bottom"}}},
                        {"tooltip", {{"mode", "multi"}}}};
  }

  ordered_json take() { return std::move(m_panels); }

 private:
  ordered_json& add(const char* type, const std::string& title, const std::string& unit,
                    const std::vector<Curve>& curves, int width, int height) {
    if (m_x + width > 24) finish_line();
    ordered_json targets = ordered_json::array();
    for (const Curve& curve : curves)
      targets.push_back({{"refId", std::string(1, static_cast<char>('A' + targets.size()))},
                         {"expr", curve.expression},
                         {"legendFormat", curve.legend}});
    m_panels.push_back({{"id", ++m_id},
                        {"type", type},
                        {"title", title},
                        {"datasource", {{"type", "prometheus"}, {"uid", "${datasource}"}}},
                        {"gridPos", {{"h", height}, {"w", width}, {"x", m_x}, {"y", m_y}}},
                        {"fieldConfig", {{"defaults", {{"unit", unit}}}, {"overrides", ordered_json::array()}}},
                        {"targets", targets}});
    m_x += width;
    m_height = std::max(m_height, height);
    return m_panels.back();
  }

  void finish_line() {
    m_y += m_height;
    m_x = 0;
    m_height = 0;
  }

  ordered_json m_panels = ordered_json::array();
  int m_id = 0, m_x = 0, m_y = 0, m_height = 0;
};

/// A series of the release that the dashboard's variables choose.
std::string chosen(std::string_view metric, const std::string& more = "") {
  return fmt::format("{}{{namespace=\"$namespace\",service=\"$service\"{}{}}}", metric, more.empty() ? "" : ",", more);
}

std::string rate(std::string_view metric) { return fmt::format("rate({}[5m])", chosen(metric)); }

void add_first_row(Board& board) {
  board.row("First look");
  board.number("Redis answers", "bool_yes_no", chosen("redis_up"), 1, 0.5);
  board.number("Memory of maxmemory", "percentunit",
               fmt::format("{} / ({} > 0)", chosen("redis_memory_used_bytes"), chosen("redis_memory_max_bytes")), 0.75,
               0.9);
  board.number("Evicted keys in 5 min", "short", fmt::format("increase({}[5m])", chosen("redis_evicted_keys_total")), 1,
               1);
  board.number("Refused commands in 5 min", "short",
               fmt::format("sum(increase({}[5m]))", chosen("redis_commands_rejected_calls_total")), 1, 10);
  board.number("AOF written", "bool_yes_no", chosen("redis_aof_last_write_status"), 1, 0.5);
  board.number("Running since", "s", chosen("redis_uptime_in_seconds"), 600, 60);
}

void add_node_rows(Board& board, int nodes) {
  board.row("Nodes");
  board.number("Nodes that answer", "short", fmt::format("sum({})", chosen("redis_up")), nodes, nodes - 1);
  const std::string is_master = chosen("redis_instance_info", "role=\"master\"");
  board.number("Masters", "short", fmt::format("count({})", is_master), 2, 2);
  board.number("Nodes that took over within a day", "short",
               fmt::format("count(count by (pod) (max_over_time({}[1d]))) - 1", is_master), 1, 3);
  board.number("Replicas that follow", "short", fmt::format("max({})", chosen("redis_connected_slaves")), nodes - 1,
               nodes - 2);
  board.number("Furthest behind", "s", fmt::format("max({})", chosen("redis_connected_slave_lag_seconds")), 3, 10);
  board.curves("Master", "short", {{fmt::format("max by (pod) ({})", is_master), "{{pod}}"}});
  board.curves("Replicas behind, as the master says", "s",
               {{chosen("redis_connected_slave_lag_seconds"), "{{slave_ip}} of {{pod}}"}});
}

void add_backup_row(Board& board, const BackupChoice& backup) {
  const auto cron = CronSchedule::parse(backup.schedule);
  const double period = cron ? static_cast<double>(cron->longest_gap().count()) : 0;
  // the CronJob has the name of the exporter's Service with another ending
  const auto of_this = [](const std::string& series, const char* label) {
    return fmt::format(
        "label_replace({}{{namespace=\"$namespace\"}}, \"service\", \"$1-metrics\", \"{}\", "
        "\"(.*)-backup(-[0-9]+)?\")",
        series, label);
  };
  const auto chosen_of = [](const std::string& series) {
    return fmt::format("({} and on(service) {})", series, chosen("redis_up"));
  };
  board.row("Backups");
  board.number(
      "Age of the last success", "s",
      fmt::format("time() - max({})", chosen_of(of_this("kube_cronjob_status_last_successful_time", "cronjob"))),
      1.1 * period, 2 * period);
  board.number("Failed runs that are kept", "short",
               fmt::format("sum({}) or vector(0)", chosen_of(of_this("kube_job_status_failed", "job_name"))), 1, 1);
}

void add_stream_rows(Board& board) {
  board.row("Streams");
  board.curves("Length", "short", {{chosen("redis_stream_length"), "{{stream}}"}});
  board.curves("Pending jobs of each group", "short",
               {{chosen("redis_stream_group_messages_pending"), "{{stream}} {{group}}"}});
  board.curves("Newest job that no group took: age", "s",
               {{fmt::format("clamp_min(({} - on(namespace,service,db,stream) group_right() {}) / 1000, 0)",
                             chosen("redis_stream_last_generated_id"), chosen("redis_stream_group_last_delivered_id")),
                 "{{stream}} {{group}}"}});
  board.curves("Idle time of consumers with pending jobs", "s",
               {{fmt::format("{} and {} > 0", chosen("redis_stream_group_consumer_idle_seconds"),
                             chosen("redis_stream_group_consumer_messages_pending")),
                 "{{group}} {{consumer}}"}});
}

void add_server_rows(Board& board) {
  board.row("Memory and clients");
  board.curves("Memory", "bytes",
               {{chosen("redis_memory_used_bytes"), "used"},
                {chosen("redis_memory_max_bytes"), "maxmemory"},
                {chosen("redis_memory_used_rss_bytes"), "resident"}});
  board.curves("Clients", "short",
               {{chosen("redis_connected_clients"), "connected"}, {chosen("redis_blocked_clients"), "blocked"}});
  board.row("Commands");
  board.curves("Commands a second, the busiest ten", "ops",
               {{fmt::format("topk(10, {})", rate("redis_commands_total")), "{{cmd}}"}});
  board.curves("Time of a command, the slowest ten", "s",
               {{fmt::format("topk(10, {} / ({} > 0))", rate("redis_commands_duration_seconds_total"),
                             rate("redis_commands_total")),
                 "{{cmd}}"}});
  board.curves("Network", "Bps",
               {{rate("redis_net_input_bytes_total"), "in"}, {rate("redis_net_output_bytes_total"), "out"}});
  board.curves("Evicted and expired keys a second", "ops",
               {{rate("redis_evicted_keys_total"), "evicted"}, {rate("redis_expired_keys_total"), "expired"}});
}

ordered_json variable(const char* name, const char* label, const std::string& query) {
  return {{"type", "query"},
          {"name", name},
          {"label", label},
          {"datasource", {{"type", "prometheus"}, {"uid", "${datasource}"}}},
          {"query", {{"query", query}, {"refId", name}}},
          {"definition", query},
          {"refresh", 2},
          {"sort", 1}};
}

void escape_templates(ordered_json& value) {
  if (value.is_string()) {
    std::string text = value.get<std::string>(), result;
    for (std::size_t at = 0;;) {
      const std::size_t found = text.find("{{", at);
      result += text.substr(at, found == std::string::npos ? found : found - at);
      if (found == std::string::npos) break;
      result += "{{`{{`}}";
      at = found + 2;
    }
    value = result;
    return;
  }
  for (auto& part : value) {
    if (value.is_structured()) escape_templates(part);
  }
}

}  // namespace

std::vector<std::string> measured_keys(const RedisSettings& settings) {
  std::vector<std::string> keys;
  for (const StreamSpec& stream : settings.streams) keys.push_back(stream.name + ":dead");
  for (const std::string& queue : settings.asynq_queues) {
    for (const char* state : {"pending", "active", "scheduled", "retry", "archived"})
      keys.push_back(asynq_key(queue, state));
  }
  return keys;
}

std::vector<std::string> alert_names(const RedisSettings& settings) {
  std::vector<std::string> names;
  for (const Alert& alert : alerts_of(settings)) names.push_back(alert.name);
  return names;
}

ordered_json alert_rules(const RedisSettings& settings) {
  ordered_json rules = ordered_json::array();
  for (const Alert& alert : alerts_of(settings)) {
    rules.push_back({{"alert", alert.name},
                     {"expr", alert.expression},
                     {"for", alert.lasts},
                     {"labels", {{"severity", alert.severity}, {"release", settings.release}}},
                     {"annotations",
                      {{"summary", alert.summary},
                       {"description", alert.description},
                       {"command", alert.command},
                       {"runbook", fmt::format("{}, {}", runbook, alert.name)}}}});
  }
  const ordered_json group = {{"name", fmt::format("{}.{}", settings.name_space, settings.release)}, {"rules", rules}};
  return {{"groups", ordered_json::array({group})}};
}

ordered_json prometheus_rule(const RedisSettings& settings) {
  return {{"apiVersion", monitoring_api},
          {"kind", "PrometheusRule"},
          {"metadata", metadata(settings, names_of(settings).full)},
          {"spec", alert_rules(settings)}};
}

ordered_json dashboard(const RedisSettings& settings) {
  Board board;
  add_first_row(board);
  if (settings.ha()) add_node_rows(board, settings.nodes());
  if (settings.backup.wanted() && settings.target == Target::kubernetes) add_backup_row(board, settings.backup);
  if (!settings.streams.empty()) add_stream_rows(board);
  if (!settings.asynq_queues.empty() || !settings.streams.empty()) {
    board.row(settings.asynq_queues.empty() ? "Dead letters" : "Queues of Asynq");
    board.curves("Entries of each key", "short", {{chosen("redis_key_size"), "{{key}}"}});
  }
  add_server_rows(board);
  const ordered_json source = {
      {"type", "datasource"}, {"name", "datasource"}, {"label", "Data source"}, {"query", "prometheus"}};
  return {{"title", "Redis: " + settings.preset},
          {"uid", "raibid-redis-" + settings.preset.substr(0, 27)},  // 40 characters at most
          {"tags", {"redis", "raibid-cli"}},
          {"schemaVersion", 36},
          {"editable", true},
          {"refresh", "30s"},
          {"time", {{"from", "now-3h"}, {"to", "now"}}},
          {"templating",
           {{"list",
             {source, variable("namespace", "Namespace", "label_values(redis_up, namespace)"),
              variable("service", "Exporter", "label_values(redis_up{namespace=\"$namespace\"}, service)")}}}},
          {"panels", board.take()}};
}

ordered_json dashboard_config_map(const RedisSettings& settings) {
  ordered_json data = metadata(settings, names_of(settings).full + "-dashboard");
  data["labels"]["grafana_dashboard"] = "1";
  return {{"apiVersion", "v1"},
          {"kind", "ConfigMap"},
          {"metadata", data},
          {"data", {{settings.release + ".json", json_text(dashboard(settings))}}}};
}

ordered_json service_monitor(const RedisSettings& settings) {
  const ordered_json endpoint = {{"port", "http-metrics"}, {"interval", interval}};
  return {{"apiVersion", monitoring_api},
          {"kind", "ServiceMonitor"},
          {"metadata", metadata(settings, names_of(settings).full)},
          {"spec",
           {{"endpoints", ordered_json::array({endpoint})},
            {"selector",
             {{"matchLabels",
               {{"app.kubernetes.io/name", "redis"},
                {"app.kubernetes.io/instance", settings.release},
                {"app.kubernetes.io/component", "metrics"}}}}}}}};
}

ordered_json scrape_config(const RedisSettings& settings) {
  const auto copy = [](const char* from, const char* to) {
    return ordered_json{{"source_labels", {from}}, {"target_label", to}};
  };
  const ordered_json only = {
      {"source_labels", {"__meta_kubernetes_service_name", "__meta_kubernetes_endpoint_port_name"}},
      {"regex", names_of(settings).full + "-metrics;http-metrics"},
      {"action", "keep"}};
  const ordered_json place = {{"role", "endpoints"}, {"namespaces", {{"names", {settings.name_space}}}}};
  const ordered_json job = {
      {"job_name", fmt::format("{}/{}", settings.name_space, settings.release)},
      {"scrape_interval", interval},
      {"kubernetes_sd_configs", ordered_json::array({place})},
      {"relabel_configs",
       {only, copy("__meta_kubernetes_namespace", "namespace"), copy("__meta_kubernetes_service_name", "service"),
        copy("__meta_kubernetes_pod_name", "pod")}}};
  return {{"scrape_configs", ordered_json::array({job})}};
}

ordered_json escaped_for_helm(ordered_json manifest) {
  escape_templates(manifest);
  return manifest;
}

}  // namespace raibid
