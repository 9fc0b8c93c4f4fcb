// Undos of a change of the number of nodes.
#include "components/redis/place/kubernetes/undoing.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/verdict.hpp"
#include "components/redis/place/kubernetes/conversion.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/unlike_pods.hpp"
#include "ui/reporter.hpp"

namespace raibid {

using nlohmann::json;

void Undoing::leave_replication(const Arguments& arguments) {
  const std::vector<Record> records = records_of(m_release);
  if (records.empty() || records.back().version <= number_in(arguments.at("newest"))) return;  // helm has not begun
  if (nodes_of_workload() > 1) {
    refuse_later_change(records, arguments);
    const int nodes = number_in(arguments.at(nodes_argument));
    const NodeConversion conversion{m_context, m_kubectl,
                                    m_names,   m_release,
                                    nodes,     [this](const std::string& what) {
                                      m_context.reporter.note(what); }};
    SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
    NodeWays ways(m_context, m_kubectl, m_names, nodes, store.read());
    ways.speak_tls(tls_client());
    if (!has_sentinel(m_names.pod)) ways.expect_sentinel(0, false);
    conversion.make_first_the_master(ways, m_deadline());
    conversion.end_failovers(ways, m_deadline());
    conversion.lead(split(arguments.at("services"), ','), NodeConversion::To::first_pod, m_deadline());
    roll_back(arguments);
  }
  wait_for_first_pod();
  remove_claims_of_others(number_in(arguments.at(nodes_argument)));
}

void Undoing::as_many_nodes_as_before(const Arguments& arguments) {
  const std::vector<Record> records = records_of(m_release);
  if (records.empty() || records.back().version <= number_in(arguments.at("newest"))) return;  // helm has not begun
  const int before = number_in(arguments.at(nodes_argument));
  const int after = number_in(arguments.at(more_nodes_argument));
  if (nodes_of_workload() > before) {
    refuse_later_change(records, arguments);
    SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
    NodeWays ways(m_context, m_kubectl, m_names, after, store.read());
    ways.speak_tls(tls_client());
    const Topology now = ways.look(m_deadline());
    const ServerNode* const master = now.master();
    const NodeConversion conversion{m_context, m_kubectl,
                                    m_names,   m_release,
                                    after,     [this](const std::string& what) { m_context.reporter.note(what); }};
    if (master == nullptr || m_names.node_of(master->name) >= before)
      conversion.make_first_the_master(ways, m_deadline());
    roll_back(arguments);
  }
  remove_claims_of_others(after, before);
}

void Undoing::one_node_stays(const Arguments& arguments) {
  if (nodes_of_workload() != 1) return roll_back(arguments);
  const std::string what =
      fmt::format("release {} has one node from here on: what the others have is older", arguments.at("release"));
  if (arguments.at(run_argument) != m_scope.run) throw Kept(what);
  throw Error(ExitCode::failure, what, "go on: " + m_context.scope().command("setup redis", "--ha=false"));
}

void Undoing::replace_all(const Arguments&) {
  const bool replaced = !delete_unlike_pods(m_context.runner, m_kubectl, m_names, m_deadline()).empty();
  if (replaced || nodes_of_workload() <= 1) return;
  try {
    SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
    NodeWays ways(m_context, m_kubectl, m_names, nodes_of_workload(), store.read());
    ways.speak_tls(tls_client());
    const Topology now = ways.look(m_deadline());
    for (const ServerNode& node : now.nodes) {
      if (node.is_replica() || node.role == "master")
        ways.node(m_names.node_of(node.name), m_deadline())->command({"CLIENT", "UNPAUSE"});
    }
  } catch (const Error&) {
    // the pause ends by itself within 15 seconds
  }
}

void Undoing::begin_failovers(const Arguments& arguments) {
  if (nodes_of_workload() <= 1) return;
  const int nodes = number_in(arguments.at(nodes_argument));
  SecretStore store(m_context, m_kubectl, m_names.full, m_deadline);
  NodeWays ways(m_context, m_kubectl, m_names, nodes, store.read());
  ways.speak_tls(tls_client());
  const NodeConversion conversion{m_context, m_kubectl, m_names, m_release, nodes, [](const std::string&) {}};
  conversion.begin_failovers(ways, m_deadline());
}

int Undoing::nodes_of_workload() const {
  const std::optional<Found> set = find("statefulset", m_names.workload);
  return set ? static_cast<int>(number_at(*set->object, {"spec", "replicas"})) : 0;
}

std::optional<TlsClient> Undoing::tls_client() const {
  return look_at_release(m_context, m_kubectl, m_release, {}).tls_client();
}

bool Undoing::has_sentinel(const std::string& name) const {
  const std::optional<Found> pod = find("pod", name);
  if (!pod) return false;
  const json& containers = items_at(*pod->object, {"spec", "containers"});
  return std::any_of(containers.begin(), containers.end(),
                     [](const json& container) { return text_at(container, {"name"}) == sentinel_container; });
}

void Undoing::wait_for_first_pod() const {
  const std::string revision = present_revision();
  for (;;) {
    const std::optional<Found> pod = find("pod", m_names.pod);
    const bool present = pod && text_at(*pod->object, {"metadata", "deletionTimestamp"}).empty() &&
                         text_at(*pod->object, {"metadata", "labels", "controller-revision-hash"}) == revision;
    if (present && is_ready(*pod->object)) return;
    if (m_context.runner.now() >= m_deadline())
      throw Error(ExitCode::failure, fmt::format("pod {} is not Ready after the rollback", m_names.pod));
    m_context.runner.wait({}, m_context.runner.now() + undo_poll);
  }
}

void Undoing::remove_claims_of_others(int nodes, int first) const {
  for (int node = first; node < nodes; ++node) {
    const std::string name = m_names.claim_of(node);
    const std::optional<Found> claim = find(claim_kind, name);
    if (claim) remove(claim_kind, name, claim->uid);
  }
}

}  // namespace raibid
