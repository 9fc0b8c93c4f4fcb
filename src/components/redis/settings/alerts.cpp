#include "components/redis/settings/alerts.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/cron.hpp"
#include "base/json.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/scope.hpp"

namespace raibid {

namespace {

/// A label's value in PromQL.
std::string quoted(const std::string& value) { return json_text(nlohmann::json(value)); }

std::string exporter_service(const RedisSettings& settings) {
  return RedisNames(settings.release, settings.name_space).full + "-metrics";
}

/// The series of this release's exporters, one of each node; `more` are further matchers.
std::string series(const RedisSettings& settings, std::string_view metric, const std::string& more = "") {
  return fmt::format("{}{{namespace={},service={}{}{}}}", metric, quoted(settings.name_space),
                     quoted(exporter_service(settings)), more.empty() ? "" : ",", more);
}

/// Of several nodes that of the master alone: every replica says the same of a queue.
std::string of_master(const RedisSettings& settings, const std::string& expression) {
  if (!settings.ha()) return expression;
  return fmt::format("({} and on(namespace,service,instance) {})", expression,
                     series(settings, "redis_instance_info", "role=\"master\""));
}

/// Every part named: whoever is on call runs it from anywhere.
Scope alert_scope(const RedisSettings& settings) {
  return Scope::on_cluster("", "", settings.name_space, settings.release);
}

bool is_kept(const RedisSettings& settings, std::string_view what) {
  return std::find(settings.holds.begin(), settings.holds.end(), what) != settings.holds.end();
}

/// Rules that do not depend on what Redis holds.
std::vector<Alert> server_alerts(const RedisSettings& settings) {
  const Scope scope = alert_scope(settings);
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
  const RedisNames names(settings.release, settings.name_space);
  const std::string which =
      settings.ha() ? "=~" + quoted("redis-data-" + names.workload + "-[0-9]+") : "=" + quoted(names.claim);
  const std::string claim = fmt::format("{{namespace={},persistentvolumeclaim{}}}", quoted(settings.name_space), which);
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
  const Scope scope = alert_scope(settings);
  const std::string stats = scope.command("queue stats", "--stream '" + stream.name + "'");
  const std::string of = "stream=" + quoted(stream.name);
  const auto metric = [&](std::string_view name) { return of_master(settings, series(settings, name, of)); };
  const std::string delivered = metric("redis_stream_group_last_delivered_id");
  alerts.push_back(
      {"RedisQueueStalled",
       fmt::format(
           "({} < on(namespace,service,db,stream) group_left() ({} and on(namespace,service,db,stream) {} > 0)) "
           "and changes({}[5m]) == 0",
           delivered, metric("redis_stream_last_generated_id"), metric("redis_stream_length"),
           series(settings, "redis_stream_group_last_delivered_id", of)),
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
  const std::string dead = series(settings, "redis_key_size", "key=" + quoted(stream.name + ":dead"));
  alerts.push_back({"RedisDeadLetters",
                    stream.limits.dead ? fmt::format("{} > {}", of_master(settings, dead), *stream.limits.dead)
                                       : of_master(settings, fmt::format("delta({}[1h])", dead)) + " > 0",
                    "0m", "warning", fmt::format("Jobs of {} failed for good", stream.name),
                    "{{ $value | humanize }} dead letters.",
                    scope.command("queue dead ls", "--stream '" + stream.name + "'")});
}

void add_asynq_alerts(std::vector<Alert>& alerts, const std::string& queue, const RedisSettings& settings) {
  const Scope scope = alert_scope(settings);
  const auto size = [&](const char* state) {
    return series(settings, "redis_key_size", "key=" + quoted(asynq_key(queue, state)));
  };
  const auto on_master = [&](const char* state) { return of_master(settings, size(state)); };
  alerts.push_back(
      {"RedisQueueStalled",
       fmt::format("({} > 0) and on(namespace,service) {} == 0", on_master("pending"), on_master("active")), "10m",
       "critical", fmt::format("Tasks wait in queue {} and nobody takes them", queue),
       "{{ $value }} tasks are pending and none is active.", scope.command("queue stats", "--queue " + queue)});
  alerts.push_back({"RedisDeadLetters", of_master(settings, fmt::format("delta({}[1h])", size("archived"))) + " > 0",
                    "0m", "warning", fmt::format("Tasks of queue {} failed for good", queue),
                    "{{ $value | humanize }} tasks were archived within the last hour.",
                    scope.command("queue dead ls", "--queue " + queue)});
}

/// Of several nodes. The exporter tells each node's role; of sentinels kube-state-metrics knows whether they are ready.
void add_node_alerts(std::vector<Alert>& alerts, const RedisSettings& settings) {
  if (!settings.ha()) return;
  const std::string status = alert_scope(settings).command("status redis");
  const std::string workload = RedisNames(settings.release, settings.name_space).workload;
  const auto metric = [&](std::string_view name) { return series(settings, name); };
  const std::string master = series(settings, "redis_instance_info", "role=\"master\"");
  const std::string sum = "by(namespace,service) ";
  alerts.push_back({"RedisNodeMissing",
                    fmt::format("count {}({} == 1) < {}", sum, metric("redis_up"), settings.nodes()), "5m", "warning",
                    "A node of Redis is missing", fmt::format("{{{{ $value }}}} of {} nodes answer.", settings.nodes()),
                    status});
  alerts.push_back({"RedisNoMaster",
                    fmt::format("count {}({} == 1) unless on(namespace,service) {}", sum, metric("redis_up"), master),
                    "1m", "critical", "No node of Redis is the master", "Nothing can be written.", status});
  alerts.push_back({"RedisTwoMasters", fmt::format("count {}({}) > 1", sum, master), "1m", "critical",
                    "Several nodes of Redis say that they are the master",
                    "The address leads to the one that a replica follows; the others are told to follow it.", status});
  alerts.push_back({"RedisReplicaDown",
                    fmt::format("max {}({} and on(namespace,service,instance) {}) < {}", sum,
                                metric("redis_connected_slaves"), master, settings.replicas),
                    "2m", "warning", "A replica of Redis does not follow the master",
                    fmt::format("{{{{ $value }}}} of {} replicas are connected.", settings.replicas), status});
  alerts.push_back({"RedisReplicaBehind", fmt::format("{} > 10", metric("redis_connected_slave_lag_seconds")), "2m",
                    "warning", "A replica of Redis is behind",
                    "It was last heard of {{ $value | humanizeDuration }} ago.", status});
  alerts.push_back(
      {"RedisFailedOver",
       fmt::format(
           "({0} unless on(namespace,service,instance) {0} offset 10m) and on(namespace,service) ({0} offset 10m)",
           master),
       "0m", "info", "Another node of Redis has become the master", "Within the last ten minutes.", status});
  alerts.push_back({"RedisSentinelDown",
                    fmt::format("kube_pod_container_status_ready{{namespace={},container=\"sentinel\",pod=~{}}} == 0",
                                quoted(settings.name_space), quoted(workload + "-[0-9]+")),
                    "5m", "warning", "A sentinel of Redis is not ready",
                    "That of pod {{ $labels.pod }}. Without a quorum of them nobody takes over when the master fails.",
                    status});
}

/// What cert-manager, or an exporter of certificates in Secrets, says of when ours ends. Redis itself does not tell.
void add_certificate_alerts(std::vector<Alert>& alerts, const RedisSettings& settings) {
  if (!settings.tls.enabled()) return;
  const RedisNames names(settings.release, settings.name_space);
  const std::string secret = settings.tls.from == TlsChoice::From::secret ? settings.tls.secret : names.certificate;
  const std::string ends = fmt::format(
      "(certmanager_certificate_expiration_timestamp_seconds{{namespace={0},name={1}}} or "
      "x509_cert_not_after{{secret_namespace={0},secret_name={2}}})",
      quoted(settings.name_space), quoted(names.certificate), quoted(secret));
  const auto add = [&](const char* name, int days, const char* severity, const char* summary) {
    alerts.push_back({name, fmt::format("{} - time() < {} * 86400", ends, days), "1h", severity, summary,
                      "It ends in {{ $value | humanizeDuration }}.",
                      alert_scope(settings).command("tls rotate redis")});
  };
  add("RedisCertificateEnds", 14, "warning", "The certificate of Redis ends soon");
  add("RedisCertificateEndsNow", 3, "critical", "The certificate of Redis ends within three days");
}

/// Of the CronJob; kube-state-metrics tells.
void add_backup_alerts(std::vector<Alert>& alerts, const RedisSettings& settings) {
  const auto cron = CronSchedule::parse(settings.backup.schedule);
  if (!cron || settings.target != Target::kubernetes) return;
  const std::string name = RedisNames(settings.release, settings.name_space).backup;
  const std::string status = alert_scope(settings).command("status redis");
  const std::string job = fmt::format("{{namespace={},cronjob={}}}", quoted(settings.name_space), quoted(name));
  const std::string runs =
      fmt::format("{{namespace={},job_name=~{}}}", quoted(settings.name_space), quoted(name + "-.+"));
  const std::string success = "kube_cronjob_status_last_successful_time" + job;
  alerts.push_back(
      {"RedisBackupOld",
       fmt::format("time() - ({} or kube_cronjob_created{}) > {}", success, job, 2 * cron->longest_gap().count()), "1m",
       "critical", "There is no fresh backup of Redis",
       "The last one was taken {{ $value | humanizeDuration }} ago, more than two periods.", status});
  alerts.push_back(
      {"RedisBackupFailed",
       fmt::format(
           "max by(namespace) (kube_job_status_start_time{0} and on(namespace,job_name) kube_job_status_failed{0} > 0) "
           "> on(namespace) max by(namespace) ({1} or kube_cronjob_created{2})",
           runs, success, job),
       "5m", "warning", "The last backup of Redis failed", "The ones before it are still there.", status});
}

}  // namespace

std::string asynq_key(const std::string& queue, const char* state) {
  return fmt::format("asynq:{{{}}}:{}", queue, state);
}

std::vector<Alert> alerts_of(const RedisSettings& settings) {
  std::vector<Alert> alerts = server_alerts(settings);
  add_node_alerts(alerts, settings);
  add_certificate_alerts(alerts, settings);
  add_backup_alerts(alerts, settings);
  for (const StreamSpec& stream : settings.streams) add_stream_alerts(alerts, stream, settings);
  for (const std::string& queue : settings.asynq_queues) add_asynq_alerts(alerts, queue, settings);
  return alerts;
}

}  // namespace raibid
