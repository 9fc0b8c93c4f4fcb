// Installation: one node becomes several, and several become one, while Redis goes on. See NodeConversion.
#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/topology.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

using nlohmann::ordered_json;

namespace {

constexpr const char* usual_priority = "100";

}  // namespace

Installation::Conversion Installation::conversion() const {
  if (!observed.workload || settings.chart.kind != ChartChoice::Kind::embedded) return Conversion::none;
  if (observed.nodes() == settings.nodes() || (observed.ha() && settings.ha())) return Conversion::none;
  return settings.ha() ? Conversion::to_several : Conversion::to_one;
}

/// The users go last: they show that the claims are those of a Redis that had several nodes.
bool Installation::drops_nodes() const {
  if (settings.ha() || !observed.workload) return false;
  return conversion() == Conversion::to_one ||
         (has_its_secret() && observed.secret->content.contains(internal_password_key));
}

bool Installation::takes_first_of_several() const {
  const bool is_alone = !observed.workload || !observed.ha();
  return !settings.ha() && is_alone && observed.claim() && observed.claim()->has_everything;
}

bool Installation::takes_some_away() const {
  return observed.workload && settings.ha() && observed.nodes() > settings.nodes();
}

bool Installation::adds_some() const {
  return observed.workload && observed.ha() && observed.nodes() < settings.nodes();
}

bool Installation::leads_through_proxies() const {
  return settings.ha() && (conversion() != Conversion::to_several || m_handed_over);
}

NodeConversion Installation::conversion_tools(const std::string& step) const {
  const int nodes = std::max(settings.nodes(), observed.nodes());
  return {m_context, session.kubectl,
          m_names,   settings.release,
          nodes,     [this, step](const std::string& what) { m_context.reporter.step_progress(step, what); }};
}

/// One record takes back this step and all that follow until several nodes are there: see undo_conversion.
Step Installation::node_users_step() {
  Step step;
  step.name = "users";
  step.intent =
      "add the users by which the nodes know each other (replica, sentinel) to the Secret and the running Redis";
  step.undo = [this]() -> std::vector<Undo> {
    ConversionUndo undo;
    undo.release = settings.release;
    undo.pod = m_names.pod;
    undo.nodes = settings.nodes();
    undo.last_deployed = observed.record->last_deployed;
    undo.newest = observed.record->revision;
    undo.services = selecting_services(settings, m_names);
    undo.before = present_directives_of_nodes(m_redis.connection(m_login, m_context.deadline));
    undo.hand_over = m_context.scope().command("failover redis", "--to 0 --yes");
    return {undo_conversion(session.helm, undo)};
  };
  step.act = [this]() -> StepResult {
    if (!settings.auth) return {Outcome::unchanged, "Redis has no users"};
    const LogIn log_in = [this](const Login& login) { return m_redis.another(login, m_context.deadline); };
    const Secret password = generate_password(m_context.random);
    change_users(
        m_store, log_in,
        [&](const SecretContent& present) { return with_missing_helpers(with_node_users(present, password)); }, m_run);
    m_acl = value_of(m_store.read(), acl_key);
    return {Outcome::changed, "replica, sentinel"};
  };
  return step;
}

/// Node 0 follows another one later without a restart, with what the others start with.
void Installation::follow_as_the_others() {
  const auto first = m_redis.another(m_login, m_context.deadline);
  const auto set = [&](const std::string& name, const std::string& value) {
    checked(*first, {"CONFIG", "SET", name, value});
  };
  set("repl-diskless-sync-delay", "0");
  const std::string address = conversion_tools("join").addresses(m_context.deadline).front();
  if (address.empty())
    throw Error(ExitCode::failure, fmt::format("Service {} has no address", m_names.pod_of(0)),
                "see what it is: " + session.kubectl.for_people({"get", "service", m_names.pod_of(0), "-o", "yaml"}));
  set("replica-announce-ip", address);
  if (!settings.auth) return;
  set("masteruser", "replica");
  set("masterauth", value_of(m_store.read(), internal_password_key).reveal());
}

void Installation::wait_for_pods(std::size_t number) {
  m_rollout.expect_pods(number);
  while (!m_rollout.ready()) {
    tend(nullptr, m_context.deadline);
    if (m_context.runner.now() < m_context.deadline) continue;
    const Verdict verdict = m_rollout.verdict();
    throw Error(ExitCode::failure, fmt::format("not ready in time: {}", verdict.text),
                verdict.hint.empty() ? "give it longer with --timeout" : verdict.hint);
  }
}

/// A StatefulSet makes its claims of the size that it began with; the first one may have grown since.
void Installation::grow_new_claims() {
  const std::string& made_with = observed.workload->claim_size;
  if (made_with.empty() || parse_bytes(settings.size, "--size") <= parse_bytes(made_with, "the claim template's size"))
    return;
  const ordered_json patch = {{"spec", {{"resources", {{"requests", {{"storage", settings.size}}}}}}}};
  for (int node = observed.nodes(); node < settings.nodes(); ++node) {
    session.kubectl.run_checked(session.kubectl.merge("persistentvolumeclaim/" + m_names.claim_of(node), patch),
                                m_context.deadline);
  }
}

Step Installation::join_step() {
  Step step;
  step.name = "join";
  step.intent =
      fmt::format("helm upgrade {}: nodes 1 to {} copy the data of node 0, which stays as it is, and the proxies start",
                  settings.release, settings.nodes() - 1);
  step.undo = [] { return std::vector<Undo>{}; };  // node_users_step has recorded it
  step.act = [this]() -> StepResult {
    m_joining = true;
    upgrade();
    m_joining = false;
    m_step = "join";
    follow_as_the_others();
    wait_for_pods(static_cast<std::size_t>(settings.nodes() - 1));
    grow_new_claims();
    node_ways().expect_sentinel(0, false);
    const Topology topology = wait_for_nodes("join", trouble_of_all);
    return {Outcome::changed, describe_nodes(topology)};
  };
  return step;
}

Step Installation::take_over_step() {
  Step step;
  step.name = "handover";
  step.intent = fmt::format(
      "{} leads to the proxies; writes are paused, node 1 becomes the master, and clients are cut "
      "off to connect to it",
      m_names.workload);
  step.undo = [] { return std::vector<Undo>{}; };  // node_users_step has recorded it
  step.act = [this]() -> StepResult {
    m_step = "handover";
    const NodeConversion tools = conversion_tools("handover");
    tools.lead(selecting_services(settings, m_names), NodeConversion::To::proxies, m_context.deadline);
    const Topology before = wait_for_nodes("handover", trouble_of_all);
    {
      const auto first = m_redis.another(m_login, m_context.deadline);
      for (const auto& [name, value] : directives_of_nodes(settings)) checked(*first, {"CONFIG", "SET", name, value});
    }
    for (int node = 2; node < settings.nodes(); ++node)
      checked(*node_ways().node(node, m_context.deadline), {"CONFIG", "SET", "replica-priority", usual_priority});
    const std::string master = hand_over(node_ways(), before, 1, m_context.runner, m_context.deadline, tools.progress);
    m_handed_over = true;
    wait_for_nodes("handover", trouble_of_all);
    m_redis.lead_to(m_names.way_to_master(true));
    return {Outcome::changed, fmt::format("{} → {}", before.master()->name, master)};
  };
  return step;
}

StepResult Installation::upgrade_again() {
  start_early();  // the chart's folder once more
  const StepResult result = upgrade();
  m_rollout.expect_pods(static_cast<std::size_t>(settings.nodes()));
  node_ways().expect_sentinel(0, true);
  return result;
}

Step Installation::first_node_step() {
  Step step;
  step.name = "handover";
  step.intent = fmt::format("make {} the master, with everything in it", m_names.pod);
  step.undo = [] { return std::vector<Undo>{}; };  // one master is as good as another
  step.act = [this]() -> StepResult {
    m_step = "handover";
    NodeWays ways(m_context, session.kubectl, m_names, observed.nodes(),
                  settings.auth ? m_store.read() : SecretContent());
    ways.speak_tls(observed.tls_client());
    conversion_tools("handover").make_first_the_master(ways, m_context.deadline);
    return {Outcome::changed, m_names.pod + " is the master"};
  };
  return step;
}

Step Installation::end_of_failovers_step() {
  Step step;
  step.name = "sentinels";
  step.intent = "the sentinels forget the master, and it takes writes without a replica";
  step.undo = [this]() -> std::vector<Undo> {
    return {undo_end_of_failovers(session.kubectl, m_names, observed.nodes())};
  };
  step.act = [this]() -> StepResult {
    m_step = "sentinels";
    conversion_tools("sentinels").end_failovers(node_ways(), m_context.deadline);
    return {Outcome::changed, "no failover any more"};
  };
  return step;
}

Step Installation::drop_node_users_step() {
  const LogIn log_in = [this](const Login& login) { return m_redis.another(login, m_context.deadline); };
  const UserChange change = [this](const SecretContent& present) {
    return with_missing_helpers(without_node_users(present));
  };
  Step step = users_step(m_store, log_in, change, "the users of the nodes (replica, sentinel) go", m_run,
                         m_context.scope().command("setup redis"), nullptr);
  return step;
}

/// What the sentinel of node 0 remembers of who was the master: later, when there are several nodes again, that would
/// outweigh what they know.
Step Installation::forget_master_step() {
  Step step;
  step.name = "memory";
  step.intent = "node 0 forgets who was the master of several nodes";
  step.undo = [] { return std::vector<Undo>{}; };  // it was the master itself
  step.act = [this]() -> StepResult {
    session.kubectl.run_checked(session.kubectl.exec(m_names.pod, redis_container, {"rm", "-rf", "/data/sentinel"}),
                                m_context.deadline);
    return {Outcome::changed, "folder sentinel of " + m_names.claim + " removed"};
  };
  return step;
}

/// Nothing of it is undone: until then their data is there.
Step Installation::other_claims_step() {
  std::vector<std::string> claims;
  for (const Release::Claim& claim : observed.claims) {
    if (m_names.node_of(claim.name) >= settings.nodes()) claims.push_back(claim.name);
  }
  Step step;
  step.name = "claims";
  step.intent = claims.empty() ? m_names.claim + " is the only one"
                               : fmt::format("remove {}: {} has what is in them", join(claims, ", "), m_names.claim);
  step.undo = [] { return std::vector<Undo>{}; };
  step.act = [this, claims]() -> StepResult {
    std::vector<std::string> objects;
    for (const std::string& claim : claims) objects.push_back("persistentvolumeclaim/" + claim);
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(m_context.deadline - m_context.runner.now());
    if (!objects.empty())
      session.kubectl.run_checked(
          session.kubectl.remove(objects, static_cast<int>(std::max<std::int64_t>(1, left.count()))),
          m_context.deadline);
    if (objects.empty()) return {Outcome::unchanged, m_names.claim};
    return {Outcome::changed, join(claims, ", ") + " removed"};
  };
  return step;
}

}  // namespace raibid
