#include "components/redis/settings/monitoring.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <string_view>

#include "base/json.hpp"
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

/// A label's value in PromQL.
std::string quoted(const std::string& value) { return json_text(nlohmann::json(value)); }

/// The series of this release's exporter; `more` are further matchers.
std::string series(const RedisSettings& settings, std::string_view metric, const std::string& more = "") {
  return fmt::format("{}{{namespace={},service={}{}{}}}", metric, quoted(settings.name_space),
                     quoted(names_of(settings).full + "-metrics"), more.empty() ? "" : ",", more);
}

/// Every part named: whoever is on call runs it from anywhere.
Scope scope_of(const RedisSettings& settings) {
  return Scope::on_cluster("", "", settings.name_space, settings.release);
}

bool is_kept(const RedisSettings& settings, std::string_view what) {
  return std::find(settings.holds.begin(), settings.holds.end(), what) != settings.holds.end();
}

struct Alert {
  std::string name;
  std::string expression;
  const char* lasts;  ///< how long it has to hold, as Prometheus writes a duration
  const char* severity;
  std::string summary;
  std::string description;
  std::string command;  ///< what to run first
};

/// Rules that do not depend on what Redis holds.
std::vector<Alert> server_alerts(const RedisSettings& settings) {
  const Scope scope = scope_of(settings);
  const std::string status = scope.command("status redis");
  const auto metric = [&](std::string_view name) { return series(settings, name); };
  const std::string up = metric("redis_up");
  std::vector<Alert> alerts = {
      {"RedisDown", fmt::format("{0} == 0 or absent({0})", up), "1m", "critical", "Redis does not answer",
       "Neither Redis nor its exporter answers, or Redis refuses the exporter.", status},
      {"RedisRestarting", fmt::format("changes({}[15m]) > 2", metric("redis_start_time_seconds")), "0m", "warning",
       "Redis restarts again and again", "It has started {{ $value }} times within 15 minutes.", status},
      {"RedisMemoryHigh",
       fmt::format("{} / ({} > 0) > 0.9", metric("redis_memory_used_bytes"), metric("redis_memory_max_bytes")), "5m",
       "warning", "Redis is almost out of memory", "It uses {{ $value | humanizePercentage }} of maxmemory.", status},
      {"RedisRejectingConnections", fmt::format("increase({}[5m]) > 0", metric("redis_rejected_connections_total")),
       "1m", "critical", "Redis rejects connections", "Its limit of clients (maxclients) is reached.", status},
      {"RedisRejectingCommands",
       fmt::format("sum(increase({}[5m])) > 10", metric("redis_commands_rejected_calls_total")), "5m", "warning",
       "Redis refuses commands",
       "{{ $value | humanize }} commands were refused within 5 minutes: memory, rights or syntax.", status},
  };
  if (is_kept(settings, "queue") || is_kept(settings, "jobs"))
    alerts.push_back({"RedisEvicting", fmt::format("increase({}[5m]) > 0", metric("redis_evicted_keys_total")), "0m",
                      "critical", "Redis drops keys because its memory is full",
                      "{{ $value | humanize }} keys were evicted within 5 minutes; jobs may be among them.", status});
  if (directive(settings, "appendonly") == "yes" && settings.persistence) {
    alerts.push_back({"RedisAofFailing", fmt::format("{} == 0", metric("redis_aof_last_write_status")), "1m",
                      "critical", "Redis cannot write its AOF", "It refuses writes until it can (MISCONF).", status});
    alerts.push_back({"RedisRewriteFailing", fmt::format("{} == 0", metric("redis_aof_last_bgrewrite_status")), "5m",
                      "warning", "The AOF cannot be rewritten", "It grows until the claim is full.", status});
  }
  if (!settings.persistence) return alerts;
  const std::string claim = fmt::format("{{namespace={},persistentvolumeclaim={}}}", quoted(settings.name_space),
                                        quoted(names_of(settings).claim));
  const std::string free = "kubelet_volume_stats_available_bytes" + claim;
  alerts.push_back({"RedisClaimFilling", fmt::format("0 < {0} / -deriv({0}[6h]) < 4 * 86400", free), "1h", "warning",
                    "The claim of Redis fills up", "At this rate it is full in {{ $value | humanizeDuration }}.",
                    status});
  alerts.push_back({"RedisClaimFull", fmt::format("{} / kubelet_volume_stats_capacity_bytes{} < 0.1", free, claim),
                    "5m", "critical", "The claim of Redis is almost full",
                    "{{ $value | humanizePercentage }} of it is free.", status});
  return alerts;
}

/// Redis cannot always tell a group's lag, and the exporter says 0 then (redis_stream_group_lag): no rule uses it. IDs
/// begin with milliseconds, so they can be compared.
void add_stream_alerts(std::vector<Alert>& alerts, const StreamSpec& stream, const RedisSettings& settings) {
  const Scope scope = scope_of(settings);
  const std::string stats = scope.command("queue stats", "--stream '" + stream.name + "'");
  const std::string of = "stream=" + quoted(stream.name);
  const auto metric = [&](std::string_view name) { return series(settings, name, of); };
  const std::string delivered = metric("redis_stream_group_last_delivered_id");
  alerts.push_back(
      {"RedisQueueStalled",
       fmt::format(
           "({} < on(namespace,service,db,stream) group_left() ({} and on(namespace,service,db,stream) {} > 0)) "
           "and changes({}[5m]) == 0",
           delivered, metric("redis_stream_last_generated_id"), metric("redis_stream_length"), delivered),
       "5m", "critical", fmt::format("Jobs wait in {} and nobody takes them", stream.name),
       "Group {{ $labels.group }} was given nothing for 5 minutes although there are newer jobs.", stats});
  alerts.push_back(
      {"RedisConsumerStuck",
       fmt::format("({} > 0) and {} > 600", metric("redis_stream_group_consumer_messages_pending"),
                   metric("redis_stream_group_consumer_idle_seconds")),
       "5m", "warning", fmt::format("A consumer of {} holds jobs and does nothing", stream.name),
       "Consumer {{ $labels.consumer }} has {{ $value }} pending jobs and was last seen more than 10 minutes ago.",
       stats});
  if (stream.max_length > 0)
    alerts.push_back({"RedisStreamAboveLimit",
                      fmt::format("{} > 1.1 * {}", metric("redis_stream_length"), stream.max_length), "30m", "warning",
                      fmt::format("Stream {} stays above its limit", stream.name),
                      "It holds {{ $value }} entries: jobs are added faster than they are done, or nothing trims it.",
                      scope.command("queue trim", "--stream '" + stream.name + "' --dry-run")});
  if (stream.limits.lag.has_value())
    alerts.push_back({"RedisPendingHigh",
                      fmt::format("{} > {}", metric("redis_stream_group_messages_pending"), *stream.limits.lag), "10m",
                      "warning", fmt::format("Many jobs of {} are taken and not done", stream.name),
                      "Group {{ $labels.group }} has {{ $value }} pending jobs.", stats});
  alerts.push_back(
      {"RedisDeadLetters",
       stream.limits.dead
           ? fmt::format("{} > {}", series(settings, "redis_key_size", "key=" + quoted(stream.name + ":dead")),
                         *stream.limits.dead)
           : fmt::format("delta({}[1h]) > 0",
                         series(settings, "redis_key_size", "key=" + quoted(stream.name + ":dead"))),
       "0m", "warning", fmt::format("Jobs of {} failed for good", stream.name), "{{ $value | humanize }} dead letters.",
       scope.command("queue dead ls", "--stream '" + stream.name + "'")});
}

std::string asynq_key(const std::string& queue, const char* state) {
  return fmt::format("asynq:{{{}}}:{}", queue, state);
}

void add_asynq_alerts(std::vector<Alert>& alerts, const std::string& queue, const RedisSettings& settings) {
  const Scope scope = scope_of(settings);
  const auto size = [&](const char* state) {
    return series(settings, "redis_key_size", "key=" + quoted(asynq_key(queue, state)));
  };
  alerts.push_back(
      {"RedisQueueStalled", fmt::format("({} > 0) and on(namespace,service) {} == 0", size("pending"), size("active")),
       "10m", "critical", fmt::format("Tasks wait in queue {} and nobody takes them", queue),
       "{{ $value }} tasks are pending and none is active.", scope.command("queue stats", "--queue " + queue)});
  alerts.push_back({"RedisDeadLetters", fmt::format("delta({}[1h]) > 0", size("archived")), "0m", "warning",
                    fmt::format("Tasks of queue {} failed for good", queue),
                    "{{ $value | humanize }} tasks were archived within the last hour.",
                    scope.command("queue dead ls", "--queue " + queue)});
}

std::vector<Alert> alerts_of(const RedisSettings& settings) {
  std::vector<Alert> alerts = server_alerts(settings);
  for (const StreamSpec& stream : settings.streams) add_stream_alerts(alerts, stream, settings);
  for (const std::string& queue : settings.asynq_queues) add_asynq_alerts(alerts, queue, settings);
  return alerts;
}

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
