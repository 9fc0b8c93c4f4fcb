#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sys/process.hpp"
#include "tools/cluster.hpp"

namespace raibid {

struct ServedKind;

/// kubectl as typed questions and orders for one cluster and namespace. Each `…_command` is what would be run, so that
/// several can go side by side (run_all); each `parse_…` reads its answer. Errors are Error (failure) unless said
/// otherwise; a server that does not answer, a refused login and missing rights are told apart in message and hint.
class Kubectl {
 public:
  Kubectl(Runner& runner, Cluster cluster, std::string name_space);

  const Cluster& cluster() const { return m_cluster; }
  const std::string& name_space() const { return m_namespace; }

  /// `kubectl config view`, for choosing a cluster: before there is one. `kubeconfig` "" for the default.
  static Command config_view(const std::string& kubeconfig);
  /// The cluster of `context` ("" for the current one). Throws Error (preflight): no kubeconfig, no such context (the
  /// others named, the nearest offered), no current context.
  static Cluster parse_config_view(const Output& output, const std::string& kubeconfig, const std::string& context);
  /// The answer is that of an empty kubeconfig, or of none.
  static bool names_no_cluster(const Output& config_view);

  /// Client and server version.
  Command version() const;
  struct Versions {
    std::string client, server;
  };
  static Versions parse_version(const Command& command, const Output& output);

  /// `get` of "kind/name" pairs; what is not there is left out.
  Command get(const std::vector<std::string>& names) const;
  /// `get` of kinds by label selector ("" for all).
  Command list(const std::string& kinds, const std::string& selector) const;
  /// The same in all namespaces, which needs a right that not everybody has. `fields`: a field selector.
  Command list_everywhere(const std::string& kinds, const std::string& selector = {},
                          const std::string& fields = {}) const;
  /// The names of the kinds that a namespace can hold and this login may list, one a line ("deployments.apps"). The API
  /// itself answers with more: parse_served_kinds reads that.
  Command api_resources() const;
  /// What the kubelet of a node knows of its pods and their volumes (stats/summary); needs the right to ask nodes.
  Command node_summary(const std::string& node) const;
  /// The names of all kinds, those of the cluster and those that cannot be listed, too.
  Command all_api_resources() const;
  /// The API groups that the server knows (APIGroupList), whether someone answers for them or not: a kubectl that
  /// finds a group silent leaves its kinds out, and 1.35 says nothing of it (tried).
  Command api_groups() const;
  /// The kinds of one group and version (APIResourceList), "apps/v1".
  Command api_group(const std::string& group_and_version) const;
  /// What there is of those kinds (separated by commas), one a line, fields separated by tabs: apiVersion, kind, name,
  /// the kinds of its owners, the account of a token Secret, the mark of the endpoints controller.
  Command list_items(const std::string& kinds) const;
  /// The same of kinds that the API has told of. The API answers with a List of the objects' metadata, each with its
  /// "servedVersion" and "servedKind".
  Command list_items(const std::vector<ServedKind>& kinds) const;
  /// The items of a get or list. Throws as the class says.
  static nlohmann::json parse_items(const Command& command, const Output& output);
  /// The same, where this login may not see some: what kubectl found all the same, and the refused ones as
  /// "namespaces/kube-system", or "nodes" of a list. Throws when something else failed.
  struct Visible {
    std::vector<std::string> refused;
    std::unique_ptr<nlohmann::json> items;
  };
  static Visible parse_visible_items(const Command& command, const Output& output);

  /// A whole answer that is one JSON object. Throws as the class says.
  static nlohmann::json parse_object(const Command& command, const Output& output);

  /// `get` of the objects of `manifest` (an array) by their kind, name and namespace, in one request after the other;
  /// what is not there is left out. Fails when the cluster does not know a kind.
  Command get_objects(const nlohmann::json& manifest) const;

  /// The Secrets in which Helm keeps the revisions of `release` (ten at most, as we install), with their data.
  Command all_records(const std::string& release) const;
  /// The Secret in which Helm keeps the deployed revision of `release`, with its data.
  Command deployed_record(const std::string& release) const;
  /// The same of every release in all namespaces that has these labels.
  Command deployed_records_everywhere(const std::string& selector) const;

  /// The labels of each Secret in which Helm keeps a revision of `release`; the data, which can be large, stays behind.
  Command release_records(const std::string& release) const;
  /// Those of every release in all namespaces, by label selector.
  Command release_records_everywhere(const std::string& selector) const;
  /// An array of objects label → value (and "namespace", of an answer for all namespaces), oldest revision first:
  /// "version" ("3"), "status" ("deployed", "failed", "pending-install" …), "name", "owner", and the labels that
  /// Helm::Install gave.
  static nlohmann::json parse_release_records(const Command& command, const Output& output);

  /// The client's and the server's version, as the first call that needs a login: a credential plugin may ask the user
  /// something meanwhile. `limit` is for all that it does.
  Command first_call(Duration limit) const;

  struct Right {
    std::string verb, group, resource, subresource;
    bool cluster_wide = false;
  };
  /// All rights in the namespace in one request (SelfSubjectRulesReview), and `single` rights one by one: the rules do
  /// not tell of rights for the whole cluster.
  Command review_rules(const std::vector<Right>& single) const;
  struct Reviewed {
    std::vector<Right> refused;
    std::vector<Right> unknown;  ///< not in the rules, which do not tell everything (an authorizer that is not RBAC)
  };
  /// `rights` by the rules; those for the whole cluster by the single answers, in their order.
  static Reviewed parse_rules(const std::vector<Right>& rights, const Command& command, const Output& output);

  /// Asks for several rights one by one.
  Command review_rights(const std::vector<Right>& rights) const;
  /// The rights of that list which are refused.
  static std::vector<Right> parse_refused(const std::vector<Right>& rights, const Command& command,
                                          const Output& output);

  /// Creates or changes from standard input; leaves no copy in an annotation. Fields of the manifest that someone else
  /// changed are taken back (--force-conflicts): what is ours was checked before, and a second run converges.
  Command apply(const nlohmann::json& manifest) const;
  /// The same in the name of Helm, for objects of a release: its next change then finds the fields as its own.
  Command apply_as_helm(const nlohmann::json& manifest) const;
  /// Changes what `patch` names of "kind/name", lists as a whole (a JSON merge patch), in the name of Helm.
  Command merge_as_helm(const std::string& object, const nlohmann::json& patch) const;
  /// The same in our own name.
  Command merge(const std::string& object, const nlohmann::json& patch) const;
  /// What the server would say to creating it (--dry-run=server): admission included, and nothing is made. Warnings
  /// are lines of standard error that begin with "Warning: ".
  Command try_to_create(const nlohmann::json& manifest) const;
  /// Creates from standard input; fails when it is there already.
  Command create(const nlohmann::json& manifest) const;
  /// The same, and prints each object that it made as the server has it; goes on with the rest when one fails.
  Command create_and_show(const nlohmann::json& manifest) const;
  /// Replaces the object if it still has the manifest's metadata.resourceVersion, and prints it.
  Command replace_and_show(const nlohmann::json& manifest) const;
  /// Deletes the object at the API's `path` once Process::feed has given DeleteOptions: until then the request waits at
  /// the server, for at most its minute.
  Command remove_when_fed(const std::string& path) const;
  /// Deletes the object at the API's `path` if its uid is still `uid`, and does not wait. Fails with "(NotFound)" or
  /// "(Conflict)" when it is not.
  /// `grace`: seconds that its containers get to end, instead of the pod's own. 0 takes the object away at once and
  /// leaves the containers to their node: for a pod whose data nobody keeps. (A second deletion with a shorter grace
  /// than the first does not end a container earlier, tried with 1.34.)
  Command remove_exactly(const std::string& path, const std::string& uid, std::optional<int> grace = {}) const;
  /// Sets a label ("name=value") of the object "kind/name".
  Command label(const std::string& object, const std::string& label) const;
  /// A create failed because there is one of that name.
  static bool already_exists(const Output& output);
  /// Deletes "kind/name" pairs and waits until they are gone; what is not there is fine. `timeout` in seconds.
  Command remove(const std::vector<std::string>& names, int timeout) const;

  /// Deletes "kind/name" and does not wait; what is not there is fine.
  Command begin_removal(const std::string& name) const;

  /// Deletes a pod with a second of grace, the least with which its successor still waits for it, and does not wait.
  Command delete_pod(const std::string& pod) const;

  /// A watch of one kind by selector: JSON documents, one an event ({"type": …, "object": …}), see WatchParser.
  Command watch(const std::string& kind, const std::string& selector) const;

  /// The last lines of a container's log (`previous`: of the one before the last restart).
  Command logs(const std::string& pod, const std::string& container, int lines, bool previous) const;
  /// For people, in the foreground: all lines or the last so many, and with `follow` what comes, too.
  Command print_logs(const std::string& pod, const std::string& container, std::optional<int> last, bool previous,
                     bool follow) const;
  /// The same of the pods of a StatefulSet: each line begins with the pod's name.
  Command print_logs(const std::vector<std::string>& pods, const std::string& container, std::optional<int> last,
                     bool previous, bool follow) const;

  /// Runs a program in a container; its standard input stays open (Command::input_follows) where `input_follows`, and
  /// is empty else. No secret may be in `argv`.
  Command exec(const std::string& pod, const std::string& container, const std::vector<std::string>& argv,
               bool input_follows = false) const;

  /// A port-forward from a free local port of 127.0.0.1 (or `local_port`) to that of a pod, or of one of those of
  /// "deployment/NAME".
  Command port_forward(const std::string& target, int remote_port, int local_port) const;
  /// The same to a free local port, and where a Runner can have it a connection by the API instead (PodWay).
  Command pod_stream(const std::string& target, int remote_port) const;

  /// Runs a command; its exit code is for the caller to judge. What may be repeated is, when the server is in trouble:
  /// see run_patiently.
  Output run(const Command& command, TimePoint deadline) const;
  /// The same for several side by side.
  std::vector<Output> run(const std::vector<Command>& commands, TimePoint deadline) const;

  /// As `run`, for questions that the cluster answers soon or not at all: see answer_deadline.
  Output ask(const Command& command, TimePoint deadline) const;
  std::vector<Output> ask(const std::vector<Command>& commands, TimePoint deadline) const;

  /// Runs a command and throws as the class says when it fails.
  Output run_checked(const Command& command, TimePoint deadline) const;

  /// The Error for a failed kubectl: preflight when the cluster cannot be reached, refuses the login or the right, or
  /// the kubeconfig does not do, for then this command has changed nothing; else failure. (The executor replaces the
  /// code when earlier steps changed something.) What a Secret in the command's input holds is masked.
  static Error explain(const Command& command, const Output& output);

  /// The same command line for people: `kubectl --context X -n Y …`.
  std::string for_people(const std::vector<std::string>& arguments) const;

 private:
  Command command(const std::vector<std::string>& arguments, std::string input = {}) const;
  /// One that changes nothing in the cluster.
  Command question(const std::vector<std::string>& arguments, std::string input = {}) const;
  Command create_reviews(nlohmann::json items) const;
  Command records(const std::string& selector) const;
  Command apply_as(const std::string& manager, const nlohmann::json& manifest) const;
  Command merge_as(const std::string& manager, const std::string& object, const nlohmann::json& patch) const;
  class KubectlApi api() const;
  std::string request_timeout() const;

  Runner& m_runner;
  Cluster m_cluster;
  std::string m_namespace;
};

/// When a cluster counts as not answering that is asked `now`: a share of the time that is left until `deadline`, at
/// least ten seconds, and more on a slow way.
TimePoint answer_deadline(const ClusterPace& pace, TimePoint now, TimePoint deadline);

/// Takes the complete JSON documents out of the output of `kubectl get -w -o json`, which prints them one after the
/// other, indented or not. Throws Error (failure) on anything else, and on a document of more than 16 MiB.
class WatchParser {
 public:
  /// Takes them out of `buffer`; what is not complete stays in it, and must not be changed but for more at its end.
  std::vector<nlohmann::json> take(std::string& buffer);

 private:
  std::size_t m_scanned = 0;
  int m_depth = 0;
  bool m_in_string = false;
  bool m_escaped = false;
};

}  // namespace raibid
