#include "components/redis/place/kubernetes/conversion.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/topology.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// A replica that has lost its master for a moment is back within this.
constexpr Duration settling_limit = std::chrono::seconds(20);
constexpr const char* pod_name_label = "statefulset.kubernetes.io/pod-name";
constexpr std::string_view setting_prefix = "setting.";

/// Of Redis 7, in this order: what a node follows a master with is empty for one that never did.
constexpr const char* follower_directives[] = {"masteruser", "masterauth", "replica-announce-ip"};

Directives usual_directives_of_nodes() {
  Directives usual = parse_redis_conf(asset("charts/redis/files/nodes.conf"));
  usual.emplace_back("replica-priority", "100");
  return usual;
}

}  // namespace

std::vector<std::string> NodeConversion::addresses(TimePoint until) const {
  std::vector<std::string> services;
  for (int node = 0; node < nodes; ++node) services.push_back("service/" + names.pod_of(node));
  const Command question = kubectl.get(services);
  std::vector<std::string> found(static_cast<std::size_t>(nodes));
  for (const json& service : Kubectl::parse_items(question, kubectl.ask(question, until))) {
    const int node = names.node_of(text_at(service, {"metadata", "name"}));
    if (node >= 0 && node < nodes) found[static_cast<std::size_t>(node)] = text_at(service, {"spec", "clusterIP"});
  }
  return found;
}

void NodeConversion::make_first_the_master(NodeWays& ways, TimePoint until) const {
  try {
    raibid::make_first_the_master(ways, addresses(until).front(), context.runner,
                                  context.pace->patience(settling_limit), until, progress);
  } catch (Error& error) {
    throw error.with_hint("see what is wrong: " + context.scope().command("status"));
  }
}

void NodeConversion::end_failovers(NodeWays& ways, TimePoint until) const {
  std::vector<std::string> left;  // pods whose sentinel may still vote
  for (int node = 0; node < nodes; ++node) {
    bool knows_none = false;
    try {
      const RedisReply reply = ways.sentinel(node, until)->command({"SENTINEL", "REMOVE", master_set});
      knows_none = !reply.is_error() || reply.text.find("No such master") != std::string::npos;
    } catch (const Error&) {
      // one that does not run elects nobody: looked at below
    }
    if (!knows_none) left.push_back("pod/" + names.pod_of(node));
  }
  const int may_vote = left.empty() ? 0 : running_sentinels(left, until);
  const auto first = ways.node(0, until);
  ServerNode now;
  read_node(*first, now);
  if (now.role != "master" || may_vote >= sentinel_quorum(nodes)) {
    throw Error(ExitCode::failure,
                fmt::format("the sentinels could not be stopped before another node became the master; so the {} "
                            "nodes stay",
                            nodes),
                "run it again when all is well: " + context.scope().command("status"));
  }
  checked(*first, {"CONFIG", "SET", "min-replicas-to-write", "0"});
}

int NodeConversion::running_sentinels(const std::vector<std::string>& pods, TimePoint until) const {
  const Command question = kubectl.get(pods);
  int running = 0;
  for (const json& pod : Kubectl::parse_items(question, kubectl.ask(question, until))) {
    if (container_runs(pod, sentinel_container)) ++running;
  }
  return running;
}

void NodeConversion::begin_failovers(NodeWays& ways, TimePoint until) const {
  checked(*ways.node(0, until), {"CONFIG", "SET", "min-replicas-to-write", "1"});
  for (int node = 0; node < nodes; ++node) {
    const auto sentinel = ways.sentinel(node, until);
    const RedisReply master = sentinel->command({"SENTINEL", "MASTER", master_set});
    if (!master.is_error()) continue;
    try {
      sentinel->command({"SHUTDOWN"});
    } catch (const Error&) {
      // its end is the answer
    }
  }
}

void NodeConversion::lead(const std::vector<std::string>& services, To to, TimePoint until) const {
  const bool first = to == To::first_pod;
  json selector = {{"app.kubernetes.io/name", first ? "redis" : "redis-proxy"},
                   {"app.kubernetes.io/instance", release},
                   {"app.kubernetes.io/component", nullptr},
                   {pod_name_label, nullptr}};
  if (first)
    selector[pod_name_label] = names.pod;
  else
    selector["app.kubernetes.io/component"] = "proxy";
  json spec = {{"selector", selector}, {"publishNotReadyAddresses", nullptr}};
  if (first) spec["publishNotReadyAddresses"] = true;
  for (const std::string& service : services)
    kubectl.run_checked(kubectl.merge_as_helm("service/" + service, {{"spec", spec}}), until);
}

Directives directives_of_nodes(const RedisSettings& settings) {
  Directives wanted = usual_directives_of_nodes();
  std::erase_if(wanted, [&](const auto& line) { return !directive(settings, line.first).empty(); });
  return wanted;
}

Directives present_directives_of_nodes(RedisConnection& redis) {
  Directives present;
  for (const auto& [name, usual] : usual_directives_of_nodes()) {
    const RedisReply reply = checked(redis, {"CONFIG", "GET", name});
    if (const RedisReply* const value = reply.field(name)) present.emplace_back(name, value->text);
  }
  for (const char* const name : follower_directives) present.emplace_back(name, "");
  return present;
}

std::vector<std::string> selecting_services(const RedisSettings& settings, const RedisNames& names) {
  std::vector<std::string> services = {names.workload};
  for (const std::string& service : settings.services) {
    if (service.find('/') == std::string::npos) services.push_back(service);
  }
  return services;
}

Undo undo_conversion(const Helm& helm, const ConversionUndo& undo) {
  std::map<std::string, std::string> arguments = {{"release", undo.release},
                                                  {"revision", std::to_string(undo.last_deployed)},
                                                  {"newest", std::to_string(undo.newest)},
                                                  {"revisions", "2"},
                                                  {"pod", undo.pod},
                                                  {"nodes", std::to_string(undo.nodes)},
                                                  {"services", join(undo.services, ",")}};
  for (const auto& [name, value] : undo.before) arguments[std::string(setting_prefix) + name] = value;
  return {conversion_action, arguments,
          undo.hand_over + " && " + helm.for_people({"rollback", undo.release, std::to_string(undo.last_deployed)})};
}

void add_conversion_undos(UndoTable& table, const std::function<RedisConnection&()>& first_node) {
  const auto leave = table.at(leave_replication_action);
  const auto restore_users = table.at("users.restore");
  table[conversion_action] = [leave, restore_users, first_node](const std::map<std::string, std::string>& arguments) {
    // it throws where the several nodes stay; then their users and settings stay, too
    leave(arguments);
    RedisConnection& redis = first_node();
    for (const auto& [name, value] : arguments) {
      if (name.starts_with(setting_prefix))
        checked(redis, {"CONFIG", "SET", name.substr(setting_prefix.size()), value});
    }
    restore_users(arguments);
  };
}

}  // namespace raibid
