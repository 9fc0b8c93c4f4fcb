#include "components/redis/place/status_facts.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/strings.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

ordered_json text_or_null(const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); }

ordered_json pod_data(const Release::Pod* pod) {
  if (!pod) return nullptr;
  ordered_json data = {{"name", pod->name},
                       {"phase", pod->phase},
                       {"ready", pod->ready},
                       {"restarts", pod->restarts},
                       {"last_termination", nullptr}};
  if (const auto& last = pod->last_end) {
    data["last_termination"] = {{"container", last->container},
                                {"reason", last->reason},
                                {"exit_code", last->exit_code},
                                {"finished_at", last->finished_at}};
  }
  return data;
}

ordered_json claim_data(const Release::Claim* claim) {
  if (!claim) return nullptr;
  return {{"name", claim->name},
          {"phase", claim->phase},
          {"capacity", claim->capacity},
          {"requested", claim->requested},
          {"storage_class", claim->storage_class}};
}

void add_state(const Release& seen, ordered_json& data) {
  data["differences"] = ordered_json::array();
  data["compared"] = seen.state && seen.state->unknown().empty();
  if (!data["compared"].get<bool>()) return;
  for (const Drift& drift : seen.state->drift()) {
    for (const std::string& line : drift.lines()) data["differences"].push_back(line);
  }
  for (const auto& [service, why] : seen.state->dead_services())
    data["differences"].push_back(dead_service(service, why));
}

void add_cluster(const StatusFacts& facts, const StatusFacts::OnCluster& cluster, ordered_json& data) {
  const Release& seen = cluster.seen;
  data["target"] = "kubernetes";
  data["context"] = cluster.context;
  data["server"] = cluster.server;
  data["namespace"] = facts.name_space;
  data["preset"] = facts.preset;
  data["unfinished_runs"] = facts.unfinished_runs;
  data["release"] = {{"name", facts.release},
                     {"revision", seen.record ? seen.record->revision : 0},
                     {"status", seen.record ? seen.record->status : "missing"}};
  data["workload"] = {{"replicas", seen.workload ? seen.workload->replicas : 0},
                      {"ready_replicas", seen.workload ? seen.workload->ready_replicas : 0}};
  const ServerNode* const master = cluster.topology ? cluster.topology->master() : nullptr;
  const int node = master == nullptr ? 0 : std::max(seen.names().node_of(master->name), 0);
  data["pod"] = pod_data(seen.pod(node));
  data["claim"] = claim_data(seen.claim(node));
  if (cluster.topology) add_topology_data(*cluster.topology, data);
  data["services"] = ordered_json::array();
  for (const std::string& service : cluster.expected.services)
    data["services"].push_back({{"name", service}, {"leads_here", seen.leads_here(service)}});
  data["being_deleted"] = ordered_json::array();
  for (const Deletion& deletion : seen.deletions) data["being_deleted"].push_back(deletion.object);
  std::sort(data["being_deleted"].begin(), data["being_deleted"].end());
  if (cluster.store)
    data["store"] = {{"secret", cluster.store->secret}, {"key", cluster.store->key}, {"same", cluster.store->same}};
  if (const auto& trimming = seen.trimming) {
    data["trimming"] = {{"schedule", trimming->schedule},
                        {"suspended", trimming->suspended},
                        {"running", trimming->running},
                        {"last_started", text_or_null(trimming->last_started)},
                        {"last_succeeded", text_or_null(trimming->last_succeeded)}};
  }
  if (const auto& backups = seen.backups) {
    data["backup"] = {{"schedule", backups->schedule},
                      {"to", backups->to},
                      {"suspended", backups->suspended},
                      {"running", backups->running},
                      {"last_started", text_or_null(backups->last_started)},
                      {"last_succeeded", text_or_null(backups->last_succeeded)},
                      {"file", text_or_null(backups->file)},
                      {"bytes", backups->file.empty() ? ordered_json() : ordered_json(backups->bytes)},
                      {"verified", backups->file.empty() ? ordered_json() : ordered_json(backups->verified)},
                      {"problem", text_or_null(backups->problem)}};
  }
  add_state(seen, data);
}

void add_machine(const StatusFacts& facts, const StatusFacts::OnMachine& machine, ordered_json& data) {
  data["target"] = "local";
  data["folder"] = machine.folder;
  data["namespace"] = facts.name_space;
  data["preset"] = facts.preset;
  data["release"] = {{"name", facts.release}};
  data["port"] = machine.port;
  data["plain_port"] = machine.plain_port == 0 ? ordered_json() : ordered_json(machine.plain_port);
  data["pid"] = machine.pid ? ordered_json(*machine.pid) : ordered_json();
  data["unfinished_runs"] = facts.unfinished_runs;
  if (machine.topology) add_topology_data(*machine.topology, data);
  if (machine.trims)
    data["trimming"] = {{"schedule", nullptr},
                        {"last_succeeded", text_or_null(machine.last_trim ? machine.last_trim->at : "")}};
}

void add_local_backups(const StatusFacts::LocalBackups& backups, ordered_json& data) {
  data["backup"] = {{"schedule", backups.schedule},
                    {"to", backups.to},
                    {"last_succeeded", text_or_null(backups.last_succeeded)},
                    {"file", text_or_null(backups.file)},
                    {"bytes", backups.file.empty() ? ordered_json() : ordered_json(backups.bytes)}};
}

void add_elsewhere(const StatusFacts& facts, const StatusFacts::Elsewhere& address, ordered_json& data) {
  data["target"] = "external";
  data["namespace"] = facts.name_space;
  data["preset"] = facts.preset;
  data["release"] = {{"name", facts.release}};
  if (!address.service.empty()) data["service"] = address.service;
  data["host"] = address.host;
  data["port"] = address.port;
  data["database"] = address.database;
  data["unfinished_runs"] = facts.unfinished_runs;
}

}  // namespace

ordered_json status_data(const StatusFacts& facts) {
  ordered_json data = ordered_json::object();
  if (const auto* const cluster = std::get_if<StatusFacts::OnCluster>(&facts.where)) {
    add_cluster(facts, *cluster, data);
  } else if (const auto* const machine = std::get_if<StatusFacts::OnMachine>(&facts.where)) {
    add_machine(facts, *machine, data);
    if (machine->backups) add_local_backups(*machine->backups, data);
  } else if (const auto* const address = std::get_if<StatusFacts::Elsewhere>(&facts.where)) {
    add_elsewhere(facts, *address, data);
  } else {
    data["release"] = {{"name", facts.release}};
    return data;
  }
  data["storage"] = storage_data(facts.storage);
  add_redis_data(facts.redis, data);
  return data;
}

StatusReport report_on(StatusFacts facts, Scope scope) {
  StatusReport report{std::move(facts), HealthReport()};
  report.health.set_scope(std::move(scope));
  report.health.data() = status_data(report.facts);
  const int unfinished = report.facts.unfinished_runs;
  if (unfinished > 0)
    report.health.add(
        {"journal", false, counted(unfinished, "interrupted run is", "interrupted runs are") + " not undone",
         "setup undoes that first: " + report.health.scope().command("setup redis")},
        CheckReason::unfinished);
  return report;
}

}  // namespace raibid
