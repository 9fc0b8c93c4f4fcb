#include "components/redis/server/handover.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/naming.hpp"

namespace raibid {

namespace {

/// It ends by itself: whatever becomes of us, the master takes writes again after this. By then Sentinel has told a
/// demoted one that it is a replica.
constexpr const char* pause_ms = "15000";
/// Less than the sentinels' down-after of 4.5 seconds: their connections to the master are paused, too, by the PUBLISH
/// that they send every two seconds.
constexpr Duration catch_up_limit = std::chrono::seconds(3);
/// Sentinel gives up a failover after its failover-timeout (five seconds; ten in releases of before), so none happens
/// later than this.
constexpr Duration failover_limit = std::chrono::seconds(12);
/// Sentinels ask replicas for their priority every two seconds; every ten, where they could not be told so.
constexpr Duration priority_limit = std::chrono::seconds(15);
constexpr Duration ask_again = std::chrono::milliseconds(500);
constexpr Duration look_again_at_nodes = std::chrono::milliseconds(50);
constexpr Duration one_look_limit = std::chrono::seconds(5);
constexpr Duration between_looks = std::chrono::milliseconds(300);
constexpr const char* usual_priority = "100";
constexpr const char* first_priority = "1";

int ordinal_of(const Topology& topology, const ServerNode& node) {
  return static_cast<int>(&node - topology.nodes.data());
}

void wait(Runner& runner, TimePoint until, const std::string& otherwise) {
  if (runner.now() >= until) throw Error(ExitCode::failure, otherwise);
  runner.wait({}, runner.now() + look_again_at_nodes);
}

/// Each replica has what the master, whose writes are paused, has now.
void wait_until_caught_up(Nodes& nodes, const Topology& topology, RedisConnection& master, Runner& runner,
                          TimePoint deadline) {
  ServerNode now;
  read_node(master, now);
  const TimePoint until = std::min(deadline, runner.now() + catch_up_limit);
  for (const ServerNode& replica : topology.nodes) {
    if (!replica.is_replica()) continue;
    const auto connection = nodes.node(ordinal_of(topology, replica), until);
    for (;;) {
      ServerNode seen;
      read_node(*connection, seen);
      if (seen.offset >= now.offset) break;
      wait(runner, until, fmt::format("{} has not caught up in time", replica.name));
    }
  }
}

/// One handover; what it has changed beside the roles is taken back when it goes.
class Handover {
 public:
  Handover(Nodes& nodes, const Topology& before, std::optional<int> to, Runner& runner, TimePoint deadline)
      : m_nodes(nodes),
        m_before(before),
        m_to(to),
        m_runner(runner),
        m_deadline(deadline),
        m_old(*before.master()),
        m_helper(helper()) {}
  Handover(const Handover&) = delete;
  Handover& operator=(const Handover&) = delete;

  std::string run(const std::function<void(const std::string&)>& progress) {
    m_master = m_nodes.node(ordinal_of(m_before, m_old), m_deadline);
    m_sentinel = m_nodes.sentinel(m_helper, m_deadline);
    try {
      if (m_to) prefer(progress);
      begin_failover(progress);
      const ServerNode& chosen = wait_for_new_master();
      // Sentinel tells it by itself, but only after eight seconds
      checked(*m_master, {"REPLICAOF", chosen.address, m_port});
      m_master->command({"CLIENT", "KILL", "TYPE", "normal"});
      take_back();
      wait_until_settled();
      return chosen.name;
    } catch (...) {
      take_back();
      throw;
    }
  }

 private:
  /// Whose sentinel is asked: the new master's, or the first replica's that has one.
  int helper() const {
    const auto answers = [](const ServerNode& node) { return node.sentinel.expected && node.sentinel.why.empty(); };
    if (m_to && answers(m_before.nodes.at(static_cast<std::size_t>(*m_to)))) return *m_to;
    for (const ServerNode& node : m_before.nodes) {
      if (node.is_replica() && answers(node)) return ordinal_of(m_before, node);
    }
    return m_to ? ordinal_of(m_before, m_old) : 0;
  }

  void prefer(const std::function<void(const std::string&)>& progress) {
    const ServerNode& wanted = m_before.nodes.at(static_cast<std::size_t>(*m_to));
    progress(fmt::format("the sentinels are told to prefer {}", wanted.name));
    m_preferred = true;
    checked(*m_nodes.node(*m_to, m_deadline), {"CONFIG", "SET", "replica-priority", first_priority});
    const TimePoint until = std::min(m_deadline, m_runner.now() + priority_limit);
    while (!is_preferred(wanted.address)) pause(until, "its sentinel has not taken notice of the priority in time");
  }

  bool is_preferred(const std::string& address) {
    const RedisReply replicas = checked(*m_sentinel, {"SENTINEL", "REPLICAS", master_set});
    return std::any_of(replicas.items.begin(), replicas.items.end(), [&](const RedisReply& replica) {
      const RedisReply* const ip = replica.field("ip");
      const RedisReply* const priority = replica.field("slave-priority");
      return ip != nullptr && priority != nullptr && ip->text == address && priority->text == first_priority;
    });
  }

  /// A sentinel may refuse for a moment: INPROG while another failover is under way, or was given up, until its
  /// failover-timeout is over; NOGOODSLAVE when it has not heard of the replicas for some seconds. Writes go on until
  /// the next try.
  void begin_failover(const std::function<void(const std::string&)>& progress) {
    const TimePoint until = std::min(m_deadline, m_runner.now() + failover_limit);
    for (;;) {
      progress("writes are paused until the replicas have caught up");
      m_paused = true;
      checked(*m_master, {"CLIENT", "PAUSE", pause_ms, "WRITE"});
      wait_until_caught_up(m_nodes, m_before, *m_master, m_runner, m_deadline);
      progress("a sentinel promotes a replica");
      const RedisReply reply = m_sentinel->command({"SENTINEL", "FAILOVER", master_set});
      if (!reply.is_error()) return;
      const bool busy = reply.error_code() == "INPROG";
      if ((!busy && reply.error_code() != "NOGOODSLAVE") || m_runner.now() >= until)
        throw Error(ExitCode::failure, fmt::format("Redis refuses SENTINEL: {}", printable(reply.text)));
      checked(*m_master, {"CLIENT", "UNPAUSE"});
      progress(busy ? "another failover has not ended yet" : "the sentinel has not heard of the replicas yet");
      m_runner.wait({}, m_runner.now() + ask_again);
    }
  }

  const ServerNode& wait_for_new_master() {
    const TimePoint until = std::min(m_deadline, m_runner.now() + failover_limit);
    bool told = false;
    for (;;) {
      const RedisReply address = checked(*m_sentinel, {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master_set});
      const std::string now = address.items.empty() ? "" : address.items.front().text;
      m_port = address.items.size() > 1 ? address.items[1].text : std::to_string(redis_port);
      if (!told) told = tell_followers(until);
      const ServerNode* const node = m_before.at(now);
      if (node != nullptr && node != &m_old) {
        ServerNode seen;
        read_node(*m_nodes.node(ordinal_of(m_before, *node), until), seen);
        if (seen.role == "master") return *node;
      }
      pause(until, "no replica was promoted in time");
    }
  }

  /// Waits until the sentinel has ended its failover. Writes go on already, but until then it names the old master,
  /// too, and a status would say so.
  void wait_until_settled() {
    const TimePoint until = std::min(m_deadline, m_runner.now() + failover_limit);
    try {
      while (m_runner.now() < until) {
        const RedisReply master = m_sentinel->command({"SENTINEL", "MASTER", master_set});
        const RedisReply* const flags = master.field("flags");
        if (flags == nullptr || flags->text.find("failover_in_progress") == std::string::npos) return;
        m_runner.wait({}, m_runner.now() + look_again_at_nodes);
      }
    } catch (const Error&) {
      return;  // the handover is done
    }
  }

  /// Whether a replica has been promoted, and the others have been told to follow it. The sentinel tells them, too, but
  /// up to a second later, when it looks at the new master again: until then nothing can be written, and what the old
  /// master sends meanwhile makes a full synchronization necessary.
  bool tell_followers(TimePoint until) {
    std::vector<std::unique_ptr<RedisConnection>> others;
    const ServerNode* promoted = nullptr;
    for (const ServerNode& node : m_before.nodes) {
      if (!node.is_replica()) continue;
      try {
        auto connection = m_nodes.node(ordinal_of(m_before, node), until);
        ServerNode seen;
        read_node(*connection, seen);
        if (seen.role == "master") promoted = &node;
        if (seen.role == "slave") others.push_back(std::move(connection));
      } catch (const Error&) {
        continue;  // the sentinel tells it
      }
    }
    if (promoted == nullptr) return false;
    try {
      for (const auto& other : others) other->command({"REPLICAOF", promoted->address, m_port});
    } catch (const Error&) {
      return true;  // the sentinel tells it
    }
    return true;
  }

  void pause(TimePoint until, const std::string& otherwise) { wait(m_runner, until, otherwise); }

  /// Never throws: it is what can still be done.
  void take_back() noexcept {
    try {
      // over a new connection: Sentinel cuts off whoever is connected to a node whose role it changes
      if (m_preferred) m_nodes.node(*m_to, m_deadline)->command({"CONFIG", "SET", "replica-priority", usual_priority});
    } catch (const std::exception&) {
      // the next setup sets it: the chart's redis.conf has it
    }
    try {
      if (m_paused) m_master->command({"CLIENT", "UNPAUSE"});
    } catch (const std::exception&) {
      // it ends by itself
    }
  }

  Nodes& m_nodes;
  const Topology& m_before;
  std::optional<int> m_to;
  Runner& m_runner;
  TimePoint m_deadline;
  const ServerNode& m_old;
  int m_helper;
  std::unique_ptr<RedisConnection> m_master, m_sentinel;
  std::string m_port{};      ///< of each node, as a sentinel tells it
  bool m_preferred = false;  ///< by its priority
  bool m_paused = false;
};

/// Whom a sentinel takes for the master when that is not the node of this address; "" for nobody.
std::string other_master(const Topology& topology, const std::string& address) {
  for (const ServerNode& node : topology.nodes) {
    const ServerNode::Sentinel& sentinel = node.sentinel;
    if (!sentinel.expected || !sentinel.why.empty() || sentinel.master_address.empty()) continue;
    if (sentinel.master_address != address) return topology.name_at(sentinel.master_address);
  }
  return "";
}

}  // namespace

void stop_writes(Nodes& nodes, const Topology& now, Runner& runner, TimePoint deadline) {
  if (now.master() == nullptr) throw Error(ExitCode::failure, "no node is the master");
  std::vector<std::unique_ptr<RedisConnection>> paused;
  const auto pause = [&](const ServerNode& node) {
    paused.push_back(nodes.node(ordinal_of(now, node), deadline));
    checked(*paused.back(), {"CLIENT", "PAUSE", pause_ms, "WRITE"});
  };
  try {
    pause(*now.master());
    wait_until_caught_up(nodes, now, *paused.front(), runner, deadline);
    for (const ServerNode& node : now.nodes) {
      if (node.is_replica()) pause(node);
    }
  } catch (...) {
    for (const auto& node : paused) node->command({"CLIENT", "UNPAUSE"});
    throw;
  }
}

void make_first_the_master(Nodes& nodes, const std::string& address, Runner& runner, Duration patience,
                           TimePoint deadline, const std::function<void(const std::string&)>& progress) {
  const TimePoint settled = std::min(deadline, runner.now() + patience);
  for (;;) {
    const Topology topology = nodes.look(std::min(deadline, runner.now() + one_look_limit));
    const ServerNode& first = topology.nodes.front();
    const std::string other = other_master(topology, address);
    if (first.is_master() && other.empty()) return;
    const std::string trouble = trouble_of_servers(topology);
    if (trouble.empty()) {
      hand_over(nodes, topology, 0, runner, deadline, progress);
      continue;
    }
    if (runner.now() >= settled) {
      throw Error(ExitCode::failure,
                  fmt::format("{} may have newer data and cannot hand it over to {}: {}; so all {} "
                              "nodes stay",
                              other.empty() ? "another node" : other, first.name, trouble, topology.nodes.size()));
    }
    progress(trouble);
    runner.wait({}, runner.now() + between_looks);
  }
}

void Nodes::ask(int ordinal, TimePoint until, ServerNode& one) {
  try {
    read_node(*node(ordinal, until), one);
  } catch (const Error& error) {
    one.why = error.message();
  }
  try {
    read_sentinel(*sentinel(ordinal, until), one.sentinel);
  } catch (const Error& error) {
    one.sentinel.why = error.message();
  }
}

std::string hand_over(Nodes& nodes, const Topology& before, std::optional<int> to, Runner& runner, TimePoint deadline,
                      const std::function<void(const std::string&)>& progress) {
  return Handover(nodes, before, to, runner, deadline).run(progress);
}

}  // namespace raibid
