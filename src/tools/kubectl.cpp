#include "tools/kubectl.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "tools/diagnosis.hpp"
#include "tools/failures.hpp"
#include "tools/kubectl_api.hpp"
#include "tools/retry.hpp"
#include "tools/served_kinds.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cassert>
#include <utility>

namespace raibid {

using nlohmann::json;

namespace {

/// For one request: kubectl repeats the first one up to five times when the server is silent (tried), so that the
/// caller's deadline must stand behind it. The time that a credential plugin takes counts, too (tried).
constexpr Duration usual_request = std::chrono::seconds(10);
constexpr Duration usual_patience = std::chrono::seconds(10);
constexpr int patience_share = 30;  ///< of the time that is left: ten seconds of the usual five minutes

constexpr auto everywhere = "--all-namespaces";

/// Nothing of what an object holds: there may be other people's Secrets among them.
constexpr auto item_fields =
    R"({range .items[*]}{.apiVersion}{"\t"}{.kind}{"\t"}{.metadata.name}{"\t"}{.metadata.ownerReferences[*].kind}{"\t"})"
    R"({.metadata.annotations.kubernetes\.io/service-account\.name}{"\t"})"
    R"({.metadata.annotations.endpoints\.kubernetes\.io/last-change-trigger-time}{"\n"}{end})";

/// A log line can be of any length.
constexpr std::size_t log_limit = 1 << 20;

/// The server checks the fields of what it is sent; checking them in the client as well costs as much as all the rest
/// of an apply (tried: 120 ms with, 60 ms without).
constexpr auto no_client_validation = "--validate=false";
/// The same to the server, in its query.
constexpr auto created_by_us = "fieldManager=raibid-cli&fieldValidation=Ignore";

/// The user's kuberc must not change what our commands mean: a default of `delete --interactive` turns a delete without
/// a terminal into a success that deletes nothing (tried, 1.35).
const std::pair<std::string, std::string> no_kuberc = {"KUBERC", "off"};

Command kubectl_command(std::vector<std::string> argv, std::string input = {}) {
  Command command{std::move(argv), std::move(input), short_child_environment()};
  command.environment.push_back(no_kuberc);
  return command;
}

Command long_command(Command command) {
  std::erase_if(command.environment, [](const auto& variable) { return variable.first.starts_with("GO"); });
  const auto& its_own = long_child_environment();
  command.environment.insert(command.environment.begin(), its_own.begin(), its_own.end());
  return command;
}

Command repeatable(Command command) {
  command.repeatable = true;
  return command;
}

std::vector<std::string> joined(std::vector<std::string> words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::vector<std::string> with_selector(std::vector<std::string> words, const std::string& selector) {
  if (!selector.empty()) words.insert(words.end(), {"-l", selector});
  return words;
}

json review_of(const Kubectl::Right& right, const std::string& name_space) {
  json attributes = {{"verb", right.verb}, {"group", right.group}, {"resource", right.resource}};
  if (!right.subresource.empty()) attributes["subresource"] = right.subresource;
  if (!right.cluster_wide) attributes["namespace"] = name_space;
  return {{"apiVersion", "authorization.k8s.io/v1"},
          {"kind", "SelfSubjectAccessReview"},
          {"spec", {{"resourceAttributes", std::move(attributes)}}}};
}

std::vector<std::string> kubectl_arguments(const Cluster& cluster, const std::string& name_space) {
  std::vector<std::string> words = {"kubectl"};
  if (!cluster.kubeconfig.empty()) words.insert(words.end(), {"--kubeconfig", cluster.kubeconfig});
  if (!cluster.context.empty() && !cluster.in_cluster) words.insert(words.end(), {"--context", cluster.context});
  if (!name_space.empty()) words.insert(words.end(), {"-n", name_space});
  return words;
}

}  // namespace

Kubectl::Kubectl(Runner& runner, Cluster cluster, std::string name_space)
    : m_runner(runner), m_cluster(std::move(cluster)), m_namespace(std::move(name_space)) {}

Command Kubectl::command(const std::vector<std::string>& arguments, std::string input) const {
  Command command = kubectl_command(joined(kubectl_arguments(m_cluster, m_namespace), arguments), std::move(input));
  // with that flag kubectl does not look for the cluster that it is in, and asks localhost (tried, 1.35)
  if (m_cluster.in_cluster)
    std::erase_if(command.argv, [](const std::string& word) { return word.starts_with("--request-timeout="); });
  // as it is anyhow; here `explain` finds it, for kubectl does not tell a dead proxy from a dead server (tried)
  if (!m_cluster.proxy.empty()) command.environment.emplace_back(proxy_variable, m_cluster.proxy);
  return command;
}

Command Kubectl::question(const std::vector<std::string>& arguments, std::string input) const {
  return repeatable(reading(command(arguments, std::move(input))));
}

std::string Kubectl::request_timeout() const {
  const auto limit = std::chrono::ceil<std::chrono::seconds>(m_cluster.pace->patience(usual_request));
  return fmt::format("--request-timeout={}s", limit.count());
}

KubectlApi Kubectl::api() const { return KubectlApi(m_cluster, m_namespace, m_cluster.pace->patience(usual_request)); }

Command Kubectl::config_view(const std::string& kubeconfig) {
  std::vector<std::string> argv = {"kubectl"};
  if (!kubeconfig.empty()) argv.insert(argv.end(), {"--kubeconfig", kubeconfig});
  return reading(kubectl_command(joined(std::move(argv), {"config", "view", "-o", "json"})));
}

Command Kubectl::version() const {
  return api().with(question({request_timeout(), "version", "-o", "json"}), {{KubectlApi::raw("/version")}},
                    ApiAnswer::version);
}

Command Kubectl::get(const std::vector<std::string>& names) const {
  assert(!names.empty());
  return api().with(question(joined(joined({request_timeout(), "get"}, names), {"--ignore-not-found", "-o", "json"})),
                    api().get(names), ApiAnswer::items);
}

Command Kubectl::list(const std::string& kinds, const std::string& selector) const {
  return api().with(question(with_selector({request_timeout(), "get", kinds, "-o", "json"}, selector)),
                    api().list(kinds, {.labels = selector}), ApiAnswer::items);
}

Command Kubectl::list_everywhere(const std::string& kinds, const std::string& selector,
                                 const std::string& fields) const {
  std::vector<std::string> words = {request_timeout(), "get", kinds, everywhere, "-o", "json"};
  if (!fields.empty()) words.insert(words.end(), {"--field-selector", fields});
  return api().with(question(with_selector(std::move(words), selector)),
                    api().list(kinds, {.labels = selector, .fields = fields, .everywhere = true}), ApiAnswer::items);
}

Command Kubectl::api_resources() const {
  return api().with(question({request_timeout(), "api-resources", "--namespaced=true", "--verbs=list", "-o", "name"}),
                    {{KubectlApi::served_kinds("/api"), KubectlApi::served_kinds("/apis")}}, ApiAnswer::each);
}

Command Kubectl::all_api_resources() const { return question({request_timeout(), "api-resources", "-o", "name"}); }

Command Kubectl::api_groups() const {
  return api().with(question({request_timeout(), "get", "--raw", "/apis"}), {{KubectlApi::raw("/apis")}},
                    ApiAnswer::each);
}

Command Kubectl::api_group(const std::string& group_and_version) const {
  // of a group that nobody answers for: asking again does not help
  const std::string path = "/apis/" + group_and_version;
  return api().with(reading(command({request_timeout(), "get", "--raw", path})), {{KubectlApi::raw(path)}},
                    ApiAnswer::each);
}

Command Kubectl::list_items(const std::string& kinds) const {
  return question(
      {request_timeout(), "get", kinds, "--ignore-not-found", "-o", std::string("jsonpath=") + item_fields});
}

Command Kubectl::list_items(const std::vector<ServedKind>& kinds) const {
  std::vector<std::string> names;
  for (const ServedKind& kind : kinds) names.push_back(kind.name());
  return api().with(list_items(join(names, ",")), api().list_items(kinds), ApiAnswer::items);
}

Command Kubectl::get_objects(const json& manifest) const {
  json items = json::array();
  for (const json& object : manifest) {
    json metadata = {{"name", object.at("metadata").at("name")}};
    if (object["metadata"].contains("namespace")) metadata["namespace"] = object["metadata"]["namespace"];
    items.push_back({{"apiVersion", object.at("apiVersion")}, {"kind", object.at("kind")}, {"metadata", metadata}});
  }
  const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
  return api().with(
      question({request_timeout(), "get", "--ignore-not-found", "-f", "-", "-o", "json"}, json_text(list)),
      api().get_objects(list), ApiAnswer::items);
}

/// Secrets by label selector, in this namespace.
Command Kubectl::records(const std::string& selector) const {
  return api().with(question({request_timeout(), "get", "secrets", "-l", selector, "-o", "json"}),
                    api().list("secrets", {.labels = selector}), ApiAnswer::items);
}

Command Kubectl::all_records(const std::string& release) const { return records("owner=helm,name=" + release); }

Command Kubectl::deployed_record(const std::string& release) const {
  return records("owner=helm,status=deployed,name=" + release);
}

Command Kubectl::deployed_records_everywhere(const std::string& selector) const {
  const std::string labels = "owner=helm,status=deployed," + selector;
  return api().with(question({request_timeout(), "get", "secrets", everywhere, "-l", labels, "-o", "json"}),
                    api().list("secrets", {.labels = labels, .everywhere = true}), ApiAnswer::items);
}

Command Kubectl::release_records(const std::string& release) const {
  // the server makes a table of it (its default for `get`) and sends of each object only that row and the metadata
  const std::string labels = "owner=helm,name=" + release;
  return api().with(question({request_timeout(), "get", "secrets", "-l", labels, "--show-labels", "--no-headers"}),
                    api().list("secrets", {.labels = labels, .metadata_only = true}), ApiAnswer::items);
}

Command Kubectl::release_records_everywhere(const std::string& selector) const {
  const std::string labels = "owner=helm," + selector;
  return api().with(
      question({request_timeout(), "get", "secrets", everywhere, "-l", labels, "--show-labels", "--no-headers"}),
      api().list("secrets", {.labels = labels, .everywhere = true, .metadata_only = true}), ApiAnswer::items);
}

Command Kubectl::first_call(Duration limit) const {
  const auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(limit), std::chrono::seconds(1));
  Command command = question({fmt::format("--request-timeout={}s", seconds.count()), "version", "-o", "json"});
  command.asks_user = true;
  command.repeatable = false;
  return command;
}

Command Kubectl::review_rules(const std::vector<Right>& single) const {
  json items = json::array({{{"apiVersion", "authorization.k8s.io/v1"},
                             {"kind", "SelfSubjectRulesReview"},
                             {"spec", {{"namespace", m_namespace}}}}});
  for (const Right& right : single) items.push_back(review_of(right, m_namespace));
  return create_reviews(std::move(items));
}

Command Kubectl::review_rights(const std::vector<Right>& rights) const {
  json items = json::array();
  for (const Right& right : rights) items.push_back(review_of(right, m_namespace));
  return create_reviews(std::move(items));
}

Command Kubectl::create_reviews(json items) const {
  const json list = {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}};
  return api().with(
      question({request_timeout(), "create", no_client_validation, "-f", "-", "-o", "json"}, json_text(list)),
      api().create(list, ""), ApiAnswer::each);
}

Command Kubectl::apply_as(const std::string& manager, const json& manifest) const {
  return api().with(repeatable(command({request_timeout(), "apply", "--server-side", "--field-manager=" + manager,
                                        "--force-conflicts", no_client_validation, "-f", "-"},
                                       json_text(manifest))),
                    api().apply(manifest, manager), ApiAnswer::nothing, true);
}

Command Kubectl::apply(const json& manifest) const { return apply_as("raibid-cli", manifest); }
Command Kubectl::apply_as_helm(const json& manifest) const { return apply_as("helm", manifest); }

Command Kubectl::merge_as(const std::string& manager, const std::string& object, const json& patch) const {
  return api().with(repeatable(command({request_timeout(), "patch", object, "--type=merge",
                                        "--field-manager=" + manager, "--patch-file=/dev/stdin"},
                                       json_text(patch))),
                    api().merge(object, patch, manager), ApiAnswer::nothing);
}

Command Kubectl::merge_as_helm(const std::string& object, const json& patch) const {
  return merge_as("helm", object, patch);
}

Command Kubectl::merge(const std::string& object, const json& patch) const {
  return merge_as("raibid-cli", object, patch);
}

Command Kubectl::try_to_create(const json& manifest) const {
  return api().with(
      question({request_timeout(), "create", "--dry-run=server", no_client_validation, "-f", "-", "-o", "name"},
               json_text(manifest)),
      api().create(manifest, "dryRun=All&fieldValidation=Ignore"), ApiAnswer::nothing, true);
}

Command Kubectl::create(const json& manifest) const {
  return api().with(
      command({request_timeout(), "create", "--field-manager=raibid-cli", no_client_validation, "-f", "-"},
              json_text(manifest)),
      api().create(manifest, created_by_us), ApiAnswer::nothing, true);
}

Command Kubectl::create_and_show(const json& manifest) const {
  return api().with(command({request_timeout(), "create", "--field-manager=raibid-cli", no_client_validation, "-f", "-",
                             "-o", "json"},
                            json_text(manifest)),
                    api().create(manifest, created_by_us), ApiAnswer::each, true);
}

Command Kubectl::replace_and_show(const json& manifest) const {
  return api().with(repeatable(command({request_timeout(), "replace", "--field-manager=raibid-cli",
                                        no_client_validation, "-f", "-", "-o", "json"},
                                       json_text(manifest))),
                    api().replace(manifest, created_by_us), ApiAnswer::each, true);
}

Command Kubectl::remove_when_fed(const std::string& path) const {
  Command command = this->command({"delete", "--raw", path, "-f", "-"});
  command.input_follows = true;
  return api().with(std::move(command), {{KubectlApi::remove_path(path, "")}}, ApiAnswer::nothing);
}

Command Kubectl::remove_exactly(const std::string& path, const std::string& uid, std::optional<int> grace) const {
  json options = {{"apiVersion", "v1"}, {"kind", "DeleteOptions"}, {"preconditions", {{"uid", uid}}}};
  if (grace) options["gracePeriodSeconds"] = *grace;
  return api().with(repeatable(command({request_timeout(), "delete", "--raw", path, "-f", "-"}, options.dump())),
                    {{KubectlApi::remove_path(path, options.dump())}}, ApiAnswer::nothing);
}

Command Kubectl::label(const std::string& object, const std::string& label) const {
  const std::size_t equals = label.find('=');
  const json patch = {{"metadata", {{"labels", {{label.substr(0, equals), label.substr(equals + 1)}}}}}};
  return api().with(repeatable(command({request_timeout(), "label", object, label, "--overwrite"})),
                    api().merge(object, patch, "raibid-cli"), ApiAnswer::nothing);
}

bool Kubectl::already_exists(const Output& output) { return failed_with(output, "AlreadyExists"); }

Command Kubectl::remove(const std::vector<std::string>& names, int timeout) const {
  assert(!names.empty());
  return api().with_end(
      repeatable(command(joined(joined({request_timeout(), "delete"}, names),
                                {"--ignore-not-found", "--wait=true", fmt::format("--timeout={}s", timeout)}))),
      api().remove(names), std::chrono::seconds(timeout));
}

Command Kubectl::begin_removal(const std::string& name) const {
  return api().with(repeatable(command({request_timeout(), "delete", name, "--ignore-not-found", "--wait=false"})),
                    api().remove(name, {{"propagationPolicy", "Background"}}, true), ApiAnswer::nothing);
}

Command Kubectl::delete_pod(const std::string& pod) const {
  return api().with(command({request_timeout(), "delete", "pod", pod, "--grace-period=1", "--wait=false"}),
                    api().remove("pod/" + pod, {{"propagationPolicy", "Background"}, {"gracePeriodSeconds", 1}}, false),
                    ApiAnswer::nothing);
}

Command Kubectl::watch(const std::string& kind, const std::string& selector) const {
  return api().with(
      long_command(question(with_selector({"get", kind, "-w", "-o", "json", "--output-watch-events"}, selector))),
      api().watch(kind, selector), ApiAnswer::events);
}

Command Kubectl::logs(const std::string& pod, const std::string& container, int lines, bool previous) const {
  std::vector<std::string> words = {request_timeout(),
                                    "logs",
                                    pod,
                                    "-c",
                                    container,
                                    fmt::format("--tail={}", lines),
                                    fmt::format("--limit-bytes={}", log_limit)};
  if (previous) words.push_back("--previous");
  return api().with(question(words), api().log(pod, container, lines, log_limit, previous), ApiAnswer::text);
}

Command Kubectl::print_logs(const std::string& pod, const std::string& container, std::optional<int> last,
                            bool previous, bool follow) const {
  std::vector<std::string> words = {"logs", pod, "-c", container};
  if (last) words.push_back(fmt::format("--tail={}", *last));
  if (previous) words.emplace_back("--previous");
  if (follow) words.emplace_back("--follow");
  return question(words);
}

Command Kubectl::print_logs(const std::vector<std::string>& pods, const std::string& container, std::optional<int> last,
                            bool previous, bool follow) const {
  std::string names;
  for (const std::string& pod : pods) names += (names.empty() ? "" : ",") + pod;
  // of pods that a selector names kubectl shows the last ten lines unless told
  std::vector<std::string> words = {"logs",
                                    "-l",
                                    fmt::format("statefulset.kubernetes.io/pod-name in ({})", names),
                                    "-c",
                                    container,
                                    "--prefix",
                                    fmt::format("--tail={}", last.value_or(-1)),
                                    fmt::format("--max-log-requests={}", pods.size())};
  if (previous) words.insert(words.end(), {"--previous", "--ignore-errors"});  // not each has one
  if (follow) words.emplace_back("--follow");
  return question(words);
}

Command Kubectl::node_summary(const std::string& node) const {
  const std::string path = "/api/v1/nodes/" + node + "/proxy/stats/summary";
  return api().with(question({request_timeout(), "get", "--raw", path}), {{KubectlApi::raw(path)}}, ApiAnswer::each);
}

Command Kubectl::exec(const std::string& pod, const std::string& container, const std::vector<std::string>& argv,
                      bool input_follows) const {
  std::vector<std::string> words = {"exec", pod, "-c", container};
  if (input_follows) words.emplace_back("-i");
  words.emplace_back("--");
  Command command = long_command(this->command(joined(std::move(words), argv)));
  command.input_follows = input_follows;
  return command;
}

Command Kubectl::port_forward(const std::string& target, int remote_port, int local_port) const {
  const std::string ports =
      local_port == 0 ? fmt::format(":{}", remote_port) : fmt::format("{}:{}", local_port, remote_port);
  const bool is_pod = target.find('/') == std::string::npos;
  return long_command(question({"port-forward", "--address", "127.0.0.1", (is_pod ? "pod/" : "") + target, ports}));
}

Command Kubectl::pod_stream(const std::string& target, int remote_port) const {
  const Command command = port_forward(target, remote_port, 0);
  return target.find('/') == std::string::npos ? api().with_stream(command, target, remote_port) : command;
}

Output Kubectl::run(const Command& command, TimePoint deadline) const {
  return std::move(run(std::vector<Command>{command}, deadline).front());
}

std::vector<Output> Kubectl::run(const std::vector<Command>& commands, TimePoint deadline) const {
  return run_patiently(m_runner, commands, *m_cluster.pace, [deadline] { return deadline; });
}

Output Kubectl::ask(const Command& command, TimePoint deadline) const {
  return std::move(ask(std::vector<Command>{command}, deadline).front());
}

std::vector<Output> Kubectl::ask(const std::vector<Command>& commands, TimePoint deadline) const {
  const TimePoint started = m_runner.now();
  return run_patiently(m_runner, commands, *m_cluster.pace,
                       [&] { return answer_deadline(*m_cluster.pace, started, deadline); });
}

TimePoint answer_deadline(const ClusterPace& pace, TimePoint now, TimePoint deadline) {
  const Duration share = std::chrono::duration_cast<Duration>((deadline - now) / patience_share);
  return std::min(deadline, now + pace.patience(std::max(usual_patience, share)));
}

Output Kubectl::run_checked(const Command& command, TimePoint deadline) const {
  Output output = run(command, deadline);
  if (!output.ok()) throw explain(command, output);
  return output;
}

std::string Kubectl::for_people(const std::vector<std::string>& arguments) const {
  return shell_join(joined(kubectl_arguments(m_cluster, m_namespace), arguments));
}

}  // namespace raibid
