// Installation: what a Redis of several nodes needs beside one of a single node.
#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/unlike_pods.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/handover.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/settings/spec.hpp"
#include "components/redis/settings/topology.hpp"
#include "components/redis/settings/values.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// Each look logs in to every node, sentinel and proxy.
constexpr Duration between_looks = std::chrono::milliseconds(250);
constexpr Duration one_look = std::chrono::seconds(10);
constexpr Duration shortest_look = std::chrono::seconds(2);

}  // namespace

SecretContent Installation::missing_node_users() {
  if (!settings.ha() || !has_its_secret() || conversion() != Conversion::none) return {};
  const SecretContent& present = observed.secret->content;
  if (present.contains(internal_password_key) && present.contains(replication_conf_key) &&
      present.contains(sentinel_conf_key))
    return {};
  SecretContent wanted = with_node_users(present, generate_password(m_context.random));
  m_acl = value_of(wanted, acl_key);
  std::erase_if(wanted, [&](const auto& entry) { return value_of(present, entry.first) == entry.second; });
  return wanted;
}

bool Installation::replaces_all_at_once() const {
  if (!observed.workload || !observed.ha() || !settings.ha() || observed.workload->spec.empty()) return false;
  const Spec before = parse_spec(observed.workload->spec);
  return m_work.needs_restart || before.auth != settings.auth || before.tls.enabled() != settings.tls.enabled() ||
         (settings.tls.enabled() && mounted_secret(before.tls, m_names) != mounted_secret(settings.tls, m_names));
}

std::vector<std::string> Installation::unlike_pods() const {
  return settings.ha() && observed.ha() ? observed.unlike_pods() : std::vector<std::string>();
}

std::vector<std::string> Installation::replace_unlike_pods() {
  return delete_unlike_pods(m_context.runner, session.kubectl, m_names, m_context.deadline);
}

void Installation::stop_writes_before_replacing() {
  if (!replaces_all_at_once() || !observed.redis_runs()) return;
  const bool had_password = parse_spec(observed.workload->spec).auth;
  NodeWays ways(m_context, session.kubectl, m_names, observed.nodes(),
                had_password && observed.secret ? observed.secret->content : SecretContent());
  ways.speak_tls(observed.tls_client());
  const Topology now = ways.look(std::min(m_context.deadline, m_context.runner.now() + one_look));
  if (!trouble_of_servers(now).empty()) return;  // this change may be what heals it
  m_context.reporter.step_progress(m_step, "writes are paused until the replicas have caught up");
  stop_writes(ways, now, m_context.runner, m_context.deadline);
}

NodeWays& Installation::node_ways() {
  if (!m_nodes) {
    const int nodes = conversion() == Conversion::to_one ? observed.nodes() : settings.nodes();
    m_nodes.emplace(m_context, session.kubectl, m_names, nodes, settings.auth ? m_store.read() : SecretContent());
  }
  m_nodes->speak_tls(tls());
  return *m_nodes;
}

UserServers Installation::servers() {
  if (!settings.ha()) return LogIn([this](const Login& login) { return m_redis.another(login, m_context.deadline); });
  if (!m_servers) m_servers.emplace(m_context, session.kubectl, node_ways(), [this] { return m_context.deadline; });
  return m_servers->servers();
}

bool Installation::settle_node_users() {
  if (!settings.auth || !has_acl_file()) return false;
  const SecretContent content = m_store.read();
  bool changed = false;
  for (const UserServer& server : servers().running()) {
    const bool is_sentinel = server.kind == UserServer::Kind::sentinel;
    const auto redis = server.log_in(is_sentinel ? sentinel_login(content) : admin_login(content));
    if (!redis) continue;
    const Secret users = value_of(content, is_sentinel ? sentinel_conf_key : acl_key);
    if (settle_acl(*redis, users).empty()) continue;
    tell_internal_password(*redis, server.kind, content);
    changed = true;
  }
  return changed;
}

/// Throws what keeps the proxies from starting and does not heal; else says what they wait for, "" for nothing.
std::string Installation::what_proxies_wait_for(TimePoint until) {
  if (!m_proxies)
    m_proxies.emplace(m_context.runner, session.kubectl, proxy_selector(settings.release), m_names.proxy,
                      "--proxy-image");
  const std::optional<Verdict> verdict = m_proxies->look(until);
  if (!verdict) return "";
  if (verdict->state == Verdict::State::doomed || m_context.runner.now() >= m_context.deadline)
    throw Error(ExitCode::failure, verdict->text, verdict->hint);
  return verdict->text;
}

Topology Installation::wait_for_nodes(const std::string& step, std::string (*trouble)(const Topology&)) {
  for (;;) {
    // a look that the deadline ends would say only that, and not what is wrong
    const TimePoint now = m_context.runner.now();
    const TimePoint until = std::min(std::max(m_context.deadline, now + shortest_look), now + one_look);
    Topology topology = node_ways().look(until);
    std::string wrong = trouble(topology);
    if (wrong.empty()) return topology;
    if (wrong == trouble_of_proxies(topology)) {
      if (const std::string proxies = what_proxies_wait_for(until); !proxies.empty()) wrong = proxies;
    }
    if (m_context.runner.now() >= m_context.deadline)
      throw Error(ExitCode::failure, fmt::format("not ready in time: {}", wrong),
                  "see what the nodes say: " +
                      session.kubectl.for_people({"logs", "statefulset/" + m_names.workload, "--all-containers"}));
    m_context.reporter.step_progress(step, wrong);
    m_context.runner.wait({}, m_context.runner.now() + between_looks);
  }
}

/// While pods are replaced the master's role moves, and who is connected through a proxy is cut off.
void Installation::wait_for_address() {
  if (!settings.ha() || m_address_leads) return;
  wait_for_nodes(m_step, trouble_of_all);
  m_redis.forget_connection();
  m_address_leads = true;
}

SeenRedis Installation::seen() {
  SeenRedis seen{m_version};
  if (!settings.ha()) return seen;
  const Command question = session.kubectl.list("pods", m_names.selector);
  const Output answer = session.kubectl.ask(question, question_deadline(m_context));
  if (!answer.ok()) return seen;  // all is done: advice is not worth a failure
  for (const nlohmann::json& pod : Kubectl::parse_items(question, answer)) {
    if (m_names.node_of(text_at(pod, {"metadata", "name"})) >= 0)
      seen.places.push_back(text_at(pod, {"spec", "nodeName"}));
  }
  return seen;
}

Step Installation::nodes_step() {
  Step step;
  step.name = "nodes";
  step.intent =
      fmt::format("wait until {} nodes are in sync and every sentinel agrees on the master", settings.nodes());
  step.act = [this]() -> StepResult {
    m_step = "nodes";
    const Topology topology = wait_for_nodes("nodes", trouble_of_servers);
    if (const ServerNode* const master = topology.master()) m_version = master->version;
    if (adds_some()) grow_new_claims();
    bool changed = false;
    bool show_others = false;
    for (int node = 0; node < settings.nodes(); ++node) {
      const auto redis = m_nodes->node(node, m_context.deadline);
      show_others = show_others || shows_other_certificate(*redis) ||
                    shows_other_certificate(*m_nodes->sentinel(node, m_context.deadline));
      bool settled = false;
      settle_config(directives_of_nodes(settings), *redis, settled);
      settle_config(expected_directives(), *redis, changed);
      changed = changed || settled;
    }
    changed = settle_node_users() || changed;
    if (!renews_live() && show_others) {
      serve_on_nodes(m_mounted);
      changed = true;
    }
    return {changed || !converged() ? Outcome::changed : Outcome::unchanged,
            fmt::format("{} · sentinels {}, quorum {}", describe_nodes(topology), describe_sentinels(topology),
                        sentinel_quorum(settings.nodes()))};
  };
  return step;
}

Step Installation::address_step() {
  Step step;
  step.name = "address";
  step.intent = fmt::format("wait until {} leads to the master", m_names.workload);
  step.act = [this]() -> StepResult {
    const Topology topology = wait_for_nodes("address", trouble_of_proxies);
    return {converged() ? Outcome::unchanged : Outcome::changed,
            fmt::format("{}:{} leads to the master ({})", m_names.workload, redis_port,
                        counted(static_cast<std::int64_t>(topology.proxies.size()), "proxy", "proxies"))};
  };
  return step;
}

}  // namespace raibid
