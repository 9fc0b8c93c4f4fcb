#include "components/redis/server/topology.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/server_facts.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Fields = std::map<std::string, std::string>;

/// A replica that was just started again, or follows another master since a moment ago, is no trouble yet.
constexpr std::int64_t short_gap_seconds = 10;

std::int64_t number_from(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  std::int64_t number = 0;
  if (found != fields.end()) std::from_chars(found->second.data(), found->second.data() + found->second.size(), number);
  return number;
}

std::string text_from(const Fields& fields, const std::string& name) {
  const auto found = fields.find(name);
  return found == fields.end() ? "" : printable(found->second);
}

std::string text_in(const RedisReply& reply, const char* name) {
  const RedisReply* const found = reply.field(name);
  return found == nullptr ? "" : printable(found->text);
}

/// "slave0:ip=10.0.0.2,port=6379,state=online,offset=1,lag=0" lines.
int online_replicas(const Fields& info) {
  return static_cast<int>(std::count_if(info.begin(), info.end(), [](const auto& line) {
    return line.first.starts_with("slave") && line.second.find("state=online") != std::string::npos;
  }));
}

bool gap_is_short(const ServerNode& node) {
  return node.is_replica() && !node.syncing && node.link == "down" && node.down_seconds >= 0 &&
         node.down_seconds <= short_gap_seconds;
}

std::string trouble_of_replica(const Topology& topology, const ServerNode& node, const ServerNode& master) {
  if (!node.reached()) return fmt::format("{} cannot be reached: {}", node.name, node.why);
  if (node.master_address != master.address)
    return fmt::format("{} follows {}, not {}", node.name, topology.name_at(node.master_address), master.name);
  if (node.syncing) return fmt::format("{} is being sent the data", node.name);
  if (node.link != "up" && node.down_seconds < 0) return node.name + " is not connected to its master yet";
  if (node.link != "up") return fmt::format("{} has lost its master since {} s", node.name, node.down_seconds);
  return "";
}

std::string masters_of(const Topology& topology) {
  std::vector<std::string> masters;
  for (const ServerNode& node : topology.nodes) {
    if (node.is_master()) masters.push_back(node.name);
  }
  return masters.empty() ? "no node is the master" : "several nodes are masters: " + join(masters, ", ");
}

std::string where_it_runs(const ServerNode& node) { return node.where.empty() ? "" : " on " + node.where; }

ordered_json text_or_nothing(const std::string& text) { return text.empty() ? ordered_json() : ordered_json(text); }

ordered_json node_data(const Topology& topology, const ServerNode& node) {
  ordered_json data = {
      {"name", node.name},         {"node", text_or_nothing(node.where)},
      {"reached", node.reached()}, {"role", node.is_master() ? "master" : node.is_replica() ? "replica" : ""},
      {"link", nullptr},           {"bytes_behind", nullptr}};
  if (!node.reached()) data["role"] = nullptr;
  if (node.is_replica()) {
    data["link"] = node.syncing ? "syncing" : node.link;
    data["bytes_behind"] = topology.behind(node);
  }
  return data;
}

}  // namespace

const ServerNode* Topology::master() const {
  const ServerNode* found = nullptr;
  for (const ServerNode& node : nodes) {
    if (!node.is_master()) continue;
    if (found != nullptr) return nullptr;
    found = &node;
  }
  return found;
}

const ServerNode* Topology::at(const std::string& address) const {
  const auto found = std::find_if(nodes.begin(), nodes.end(), [&](const ServerNode& node) {
    return !node.address.empty() && node.address == address;
  });
  return found == nodes.end() ? nullptr : &*found;
}

std::string Topology::name_at(const std::string& address) const {
  const ServerNode* const node = at(address);
  return node != nullptr ? node->name : address.empty() ? "nobody" : address;
}

std::int64_t Topology::behind(const ServerNode& replica) const {
  const ServerNode* const from = master();
  return from == nullptr ? 0 : std::max<std::int64_t>(0, from->offset - replica.offset);
}

void read_node(RedisConnection& redis, ServerNode& node) {
  const Fields server = parse_info(checked(redis, {"INFO", "server"}).text);
  node.run_id = text_from(server, "run_id");
  node.version = printable(version_from(server));
  const Fields info = parse_info(checked(redis, {"INFO", "replication"}).text);
  node.role = text_from(info, "role");
  node.address = text_in(checked(redis, {"CONFIG", "GET", "replica-announce-ip"}), "replica-announce-ip");
  if (node.role == "slave") {
    node.master_address = text_from(info, "master_host");
    node.link = text_from(info, "master_link_status");
    node.down_seconds = number_from(info, "master_link_down_since_seconds");
    node.syncing = number_from(info, "master_sync_in_progress") != 0;
    node.offset = number_from(info, "slave_repl_offset");
    node.priority = number_from(info, "slave_priority");
  } else {
    node.offset = number_from(info, "master_repl_offset");
    node.replicas_online = online_replicas(info);
  }
}

void read_sentinel(RedisConnection& sentinel, ServerNode::Sentinel& facts) {
  const RedisReply master = checked(sentinel, {"SENTINEL", "MASTER", master_set});
  facts.master_address = text_in(master, "ip");
  const std::string epoch = text_in(master, "config-epoch");
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), facts.epoch);
  const RedisReply quorum = sentinel.command({"SENTINEL", "CKQUORUM", master_set});
  facts.quorum = !quorum.is_error();
  if (quorum.is_error()) facts.objection = printable(quorum.text);
}

std::string trouble_of_nodes(const Topology& topology) {
  const ServerNode* const master = topology.master();
  if (master == nullptr) return masters_of(topology);
  for (const ServerNode& node : topology.nodes) {
    if (&node == master) continue;
    if (std::string trouble = trouble_of_replica(topology, node, *master); !trouble.empty()) return trouble;
  }
  const int wanted = static_cast<int>(topology.nodes.size()) - 1;
  if (master->replicas_online < wanted)
    return fmt::format("{} has {} of {} replicas online", master->name, master->replicas_online, wanted);
  return "";
}

std::string trouble_of_sentinels(const Topology& topology) {
  const ServerNode* const master = topology.master();
  for (const ServerNode& node : topology.nodes) {
    const ServerNode::Sentinel& sentinel = node.sentinel;
    if (!sentinel.expected) continue;
    if (!sentinel.why.empty()) return fmt::format("the sentinel of {} cannot be asked: {}", node.name, sentinel.why);
    if (master != nullptr && sentinel.master_address != master->address)
      return fmt::format("the sentinel of {} takes {} for the master", node.name,
                         topology.name_at(sentinel.master_address));
    if (!sentinel.quorum)
      return fmt::format("the sentinel of {} could not change the master: {}", node.name, sentinel.objection);
  }
  return "";
}

std::string trouble_of_proxies(const Topology& topology) {
  const ServerNode* const master = topology.master();
  if (topology.proxies.empty()) return "there is no proxy";
  for (const ProxySeen& proxy : topology.proxies) {
    if (!proxy.why.empty()) return fmt::format("nobody answers through {}: {}", proxy.name, proxy.why);
    if (master != nullptr && proxy.run_id != master->run_id)
      return fmt::format("{} leads to another node than {}", proxy.name, master->name);
  }
  return "";
}

std::string trouble_of_servers(const Topology& topology) {
  std::string trouble = trouble_of_nodes(topology);
  return trouble.empty() ? trouble_of_sentinels(topology) : trouble;
}

std::string trouble_of_all(const Topology& topology) {
  std::string trouble = trouble_of_servers(topology);
  return trouble.empty() ? trouble_of_proxies(topology) : trouble;
}

std::string describe_nodes(const Topology& topology) {
  const ServerNode* const master = topology.master();
  const auto in_sync = std::count_if(topology.nodes.begin(), topology.nodes.end(),
                                     [](const ServerNode& node) { return node.in_sync(); });
  return fmt::format("{} nodes in sync · master {}", in_sync + (master == nullptr ? 0 : 1),
                     master == nullptr ? "none" : master->name);
}

std::string describe_sentinels(const Topology& topology) {
  std::int64_t agreeing = 0;
  std::int64_t epoch = 0;
  for (const ServerNode& node : topology.nodes) {
    const ServerNode* const master = topology.master();
    if (node.sentinel.why.empty() && node.sentinel.quorum && master != nullptr &&
        node.sentinel.master_address == master->address)
      ++agreeing;
    epoch = std::max(epoch, node.sentinel.epoch);
  }
  return fmt::format("{} of {} agree, epoch {}", agreeing, topology.nodes.size(), epoch);
}

std::string describe_proxies(const Topology& topology) {
  return counted(static_cast<std::int64_t>(topology.proxies.size()), "proxy leads", "proxies lead") + " to the master";
}

void examine_topology(const Topology& topology, const std::string& how_to_look, HealthReport& report) {
  const ServerNode* const master = topology.master();
  report.add({"master", master != nullptr,
              master == nullptr ? masters_of(topology)
                                : fmt::format("{}{}, {} online", master->name, where_it_runs(*master),
                                              counted(master->replicas_online, "replica", "replicas")),
              "what the sentinels say: " + how_to_look},
             CheckReason::missing);
  for (const ServerNode& node : topology.nodes) {
    if (&node == master || node.is_master()) continue;
    const std::string trouble = master == nullptr && node.reached()
                                    ? ""
                                    : trouble_of_replica(topology, node, master == nullptr ? node : *master);
    const std::string fine =
        fmt::format("{}{}, {} behind", node.name, where_it_runs(node), counted(topology.behind(node), "byte", "bytes"));
    report.add({.name = "replica",
                .passed = trouble.empty() || gap_is_short(node),
                .text = trouble.empty() ? fine : trouble,
                .hint = "see its log: " + how_to_look,
                .object = node.name},
               CheckReason::not_in_sync);
  }
  if (!topology.fails_over) return;
  const std::string sentinels = trouble_of_sentinels(topology);
  report.add({"sentinels", sentinels.empty(), sentinels.empty() ? describe_sentinels(topology) : sentinels,
              "see their logs: " + how_to_look},
             CheckReason::disagree);
  const std::string proxies = trouble_of_proxies(topology);
  report.add({"address", proxies.empty(), proxies.empty() ? describe_proxies(topology) : proxies,
              "see what the proxies say: " + how_to_look},
             CheckReason::leads_elsewhere);
}

void examine_spread(const Topology& topology, bool accepted,
                    const std::function<std::string(const std::string&)>& remove, HealthReport& report) {
  std::map<std::string, std::vector<const ServerNode*>> places;
  for (const ServerNode& node : topology.nodes) {
    if (node.where.empty()) return;  // not known of all
    places[node.where].push_back(&node);
  }
  const auto fullest = std::max_element(places.begin(), places.end(),
                                        [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); });
  if (fullest == places.end()) return;
  const auto& [place, there] = *fullest;
  const std::size_t pods = topology.nodes.size();
  const std::size_t majority = pods / 2 + 1;
  if (places.size() == 1 && accepted)
    return report.add({"spread", true, fmt::format("all {} pods run on {}, which is accepted", pods, place)});
  if (places.size() == 1) {
    return report.add({.name = "spread",
                       .passed = true,
                       .text = fmt::format("all {} pods run on {}: its loss takes all of them", pods, place),
                       .hint = "on a cluster of three nodes or more, pods that are deleted one after the other spread",
                       .warning = true},
                      CheckReason::on_one_node);
  }
  if (pods - there.size() < majority) {
    const auto replica =
        std::find_if(there.begin(), there.end() - 1, [](const auto* node) { return !node->is_master(); });
    return report.add(
        {.name = "spread",
         .passed = true,
         .text = fmt::format("{} of {} pods run on {}: without it nothing can be written", there.size(), pods, place),
         .hint = "when all nodes take pods again, this spreads them: " + remove((*replica)->name),
         .warning = true},
        CheckReason::on_one_node);
  }
  report.add({"spread", true, fmt::format("{} pods on {} nodes", pods, places.size())});
}

void add_topology_data(const Topology& topology, ordered_json& data) {
  const ServerNode* const master = topology.master();
  data["master"] = text_or_nothing(master == nullptr ? "" : master->name);
  data["nodes"] = ordered_json::array();
  data["sentinels"] = ordered_json::array();
  for (const ServerNode& node : topology.nodes) {
    data["nodes"].push_back(node_data(topology, node));
    if (!topology.fails_over) continue;
    const ServerNode::Sentinel& sentinel = node.sentinel;
    data["sentinels"].push_back({{"name", node.name},
                                 {"reached", sentinel.why.empty()},
                                 {"master", text_or_nothing(topology.name_at(sentinel.master_address))},
                                 {"epoch", sentinel.epoch},
                                 {"quorum", sentinel.quorum}});
  }
  data["proxies"] = ordered_json::array();
  for (const ProxySeen& proxy : topology.proxies) {
    const bool leads = proxy.why.empty() && master != nullptr && proxy.run_id == master->run_id;
    data["proxies"].push_back({{"name", proxy.name}, {"leads_to_master", leads}});
  }
}

}  // namespace raibid
