#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "tools/diagnosis.hpp"
#include "tools/kubectl.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>

namespace raibid {

using nlohmann::json;

namespace {

constexpr auto other_kubeconfig =
    "Name a kubeconfig with --kubeconfig (or KUBECONFIG). k3s keeps its own in /etc/rancher/k3s/k3s.yaml; make it "
    "readable for you.";

void check(const Command& command, const Output& output) {
  if (!output.ok()) throw Kubectl::explain(command, output);
}

json parse_json(const Command& command, const std::string& text) {
  json document = nested_too_deeply(text) ? json(json::value_t::discarded) : try_parse_json(text);
  if (document.is_discarded()) {
    throw Error(ExitCode::failure, fmt::format("kubectl {}: its answer is not JSON: {}", subcommand(command),
                                               printable(trim(text).substr(0, 80))));
  }
  return document;
}

/// The string at `key`, or "" when there is none: every field of an answer may be missing.
std::string text_at(const json& object, const std::string& key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return object.is_object() && found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

const json& member(const json& object, const std::string& key) {
  static const json nothing;
  if (!object.is_object()) return nothing;
  const auto found = object.find(key);
  return found == object.end() ? nothing : *found;
}

/// The entry of that name in one of the kubeconfig's three lists; null when it is not there.
const json& named(const json& list, const std::string& name) {
  static const json nothing;
  if (!list.is_array()) return nothing;
  const auto found =
      std::find_if(list.begin(), list.end(), [&](const json& item) { return text_at(item, "name") == name; });
  return found == list.end() ? nothing : *found;
}

std::vector<std::string> names_of(const json& list) {
  std::vector<std::string> names;
  if (list.is_array()) {
    for (const json& item : list) names.push_back(text_at(item, "name"));
  }
  return names;
}

std::string shown(const std::string& kubeconfig) { return kubeconfig.empty() ? "" : " " + kubeconfig; }

/// The context to use: `wanted`, or the current one. Throws Error (preflight) when no context has that name.
std::string choose_context(const json& view, const std::string& kubeconfig, const std::string& wanted) {
  const std::vector<std::string> names = names_of(member(view, "contexts"));
  if (names.empty()) {
    const bool missing = !kubeconfig.empty() && !std::filesystem::exists(kubeconfig);
    throw Error(ExitCode::preflight,
                missing ? "there is no kubeconfig" + shown(kubeconfig)
                        : "the kubeconfig" + shown(kubeconfig) + " names no cluster",
                other_kubeconfig);
  }
  const std::string chosen = wanted.empty() ? text_at(view, "current-context") : wanted;
  if (chosen.empty()) {
    throw Error(ExitCode::preflight, "the kubeconfig" + shown(kubeconfig) + " has no current context",
                "Choose one with --context: " + join(names, ", "));
  }
  if (std::find(names.begin(), names.end(), chosen) == names.end()) {
    throw Error(ExitCode::preflight,
                fmt::format("there is no context {} in the kubeconfig{}{}", printable(chosen), shown(kubeconfig),
                            did_you_mean(chosen, names)),
                "Choose one with --context: " + join(names, ", "));
  }
  return chosen;
}

std::string version_number(const json& version) {
  std::string text = text_at(version, "gitVersion");
  if (text.starts_with('v')) text.erase(0, 1);
  return text;
}

/// "a=b,c=d" as kubectl's LABELS column has it.
json parse_labels(std::string_view text) {
  json labels = json::object();
  if (text == "<none>") return labels;
  for (const std::string& pair : split(text, ',')) {
    const auto equals = pair.find('=');
    if (equals != std::string::npos) labels[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return labels;
}

long revision_of(const json& labels) {
  const std::string text = text_at(labels, "version");
  long revision = 0;
  std::from_chars(text.data(), text.data() + text.size(), revision);
  return revision;
}

json in_order(json records) {
  std::stable_sort(records.begin(), records.end(),
                   [](const json& a, const json& b) { return revision_of(a) < revision_of(b); });
  return records;
}

void collect_strings(const json& value, std::vector<std::string>& found) {
  for (const json& item : value) {
    if (item.is_string()) found.push_back(item.get<std::string>());
  }
}

/// What the Secrets of a manifest hold, as they were given and decoded.
void collect_secrets(const json& manifest, std::vector<std::string>& found) {
  if (const json& items = member(manifest, "items"); items.is_array()) {
    for (const json& item : items) collect_secrets(item, found);
  }
  if (text_at(manifest, "kind") != "Secret") return;
  collect_strings(member(manifest, "stringData"), found);
  std::vector<std::string> encoded;
  collect_strings(member(manifest, "data"), encoded);
  for (const std::string& text : encoded) {
    found.push_back(text);
    try {
      found.push_back(base64_decode(text));
    } catch (const Error&) {
      // the server will say so
    }
  }
}

/// The server repeats a field that it cannot read, and with it what is secret in it (tried).
std::string without_secrets(std::string text, const std::string& input) {
  std::vector<std::string> secrets;
  if (const json manifest = try_parse_json(input); !manifest.is_discarded()) collect_secrets(manifest, secrets);
  for (const std::string& secret : secrets) {
    if (secret.empty()) continue;
    for (auto at = text.find(secret); at != std::string::npos; at = text.find(secret, at + 3)) {
      text.replace(at, secret.size(), "***");
    }
  }
  return text;
}

}  // namespace

Cluster Kubectl::parse_config_view(const Output& output, const std::string& kubeconfig, const std::string& context) {
  const Command command = config_view(kubeconfig);
  check(command, output);
  const json view = parse_json(command, output.out);
  Cluster cluster;
  cluster.kubeconfig = kubeconfig;
  cluster.context = choose_context(view, kubeconfig, context);

  const json& chosen = member(named(member(view, "contexts"), cluster.context), "context");
  cluster.name = text_at(chosen, "cluster");
  cluster.context_namespace = text_at(chosen, "namespace");
  const std::string user = text_at(chosen, "user");
  cluster.plugin = text_at(member(member(named(member(view, "users"), user), "user"), "exec"), "command");
  cluster.server = text_at(member(named(member(view, "clusters"), cluster.name), "cluster"), "server");
  // kubectl itself would go on with http://localhost:8080 here, and ask for a user name there
  if (cluster.server.empty()) {
    throw Error(ExitCode::preflight,
                fmt::format("context {} names the cluster \"{}\", which has no server in the kubeconfig{}",
                            printable(cluster.context), printable(cluster.name), shown(kubeconfig)),
                "Choose another context with --context, or correct it: kubectl config set-cluster");
  }
  if (!user.empty() && named(member(view, "users"), user).is_null()) {
    throw Error(ExitCode::preflight,
                fmt::format("context {} names the user \"{}\", which the kubeconfig{} does not have",
                            printable(cluster.context), printable(user), shown(kubeconfig)),
                "Choose another context with --context, or correct it: kubectl config set-credentials");
  }
  return cluster;
}

bool Kubectl::names_no_cluster(const Output& config_view) {
  const json view = config_view.ok() ? try_parse_json(config_view.out) : json();
  return view.is_object() && names_of(member(view, "contexts")).empty();
}

Kubectl::Versions Kubectl::parse_version(const Command& command, const Output& output) {
  check(command, output);
  const json answer = parse_json(command, output.out);
  return {version_number(member(answer, "clientVersion")), version_number(member(answer, "serverVersion"))};
}

json Kubectl::parse_items(const Command& command, const Output& output) {
  check(command, output);
  if (trim(output.out).empty()) return json::array();  // nothing of what was asked for is there
  json answer = parse_json(command, output.out);
  if (const json& items = member(answer, "items"); items.is_array()) return items;
  return json::array({std::move(answer)});  // one name was asked for
}

Kubectl::Visible Kubectl::parse_visible_items(const Command& command, const Output& output) {
  // RBAC: Error from server (Forbidden): namespaces "x" is forbidden: User "y" cannot get resource "namespaces" …
  constexpr std::string_view forbidden = "Error from server (Forbidden): ";
  Visible visible;
  Output seen = output;
  seen.failures.clear();
  if (!output.ok() && !output.timed_out) {
    seen = {0, output.out, {}, false};
    for (const std::string& line : split(output.err, '\n')) {
      const std::string_view text = trim(line);
      if (text.empty()) continue;
      const std::size_t is = text.find(" is forbidden: User ");
      if (!text.starts_with(forbidden) || is == std::string_view::npos) throw explain(command, output);
      std::string what(text.substr(forbidden.size(), is - forbidden.size()));
      std::erase(what, '"');
      std::replace(what.begin(), what.end(), ' ', '/');
      visible.refused.push_back(what);
    }
    if (visible.refused.empty()) throw explain(command, output);
  }
  visible.items = std::make_unique<json>(parse_items(command, seen));
  return visible;
}

json Kubectl::parse_object(const Command& command, const Output& output) {
  check(command, output);
  return parse_json(command, output.out);
}

json Kubectl::parse_release_records(const Command& command, const Output& output) {
  check(command, output);
  const bool everywhere = std::find(command.argv.begin(), command.argv.end(), "--all-namespaces") != command.argv.end();
  json records = json::array();
  if (output.out.starts_with('{')) {  // the API's own answer
    for (const json& item : parse_items(command, output)) {
      json record = member(member(item, "metadata"), "labels");
      if (!record.is_object()) record = json::object();
      if (everywhere) record["namespace"] = text_at(member(item, "metadata"), "namespace");
      records.push_back(std::move(record));
    }
    return in_order(std::move(records));
  }
  for (const std::string& line : split(output.out, '\n')) {
    const std::string_view row = trim(line);
    if (row.empty()) continue;
    const auto column = row.find_last_of(" \t");
    json record = parse_labels(column == std::string_view::npos ? row : row.substr(column + 1));
    if (everywhere) record["namespace"] = row.substr(0, row.find_first_of(" \t"));
    records.push_back(std::move(record));
  }
  return in_order(std::move(records));
}

namespace {

bool names_or_all(const json& list, const std::vector<std::string>& names) {
  if (!list.is_array()) return false;
  return std::any_of(list.begin(), list.end(), [&](const json& one) {
    return one == "*" || std::find(names.begin(), names.end(), one) != names.end();
  });
}

bool allows(const json& rule, const Kubectl::Right& right) {
  if (const json& only = member(rule, "resourceNames"); only.is_array() && !only.empty()) return false;
  std::vector<std::string> resources = {right.resource};
  if (!right.subresource.empty()) resources = {right.resource + "/" + right.subresource, "*/" + right.subresource};
  return names_or_all(member(rule, "verbs"), {right.verb}) && names_or_all(member(rule, "apiGroups"), {right.group}) &&
         names_or_all(member(rule, "resources"), resources);
}

bool is_true(const json& value) { return value.is_boolean() && value.get<bool>(); }

}  // namespace

Kubectl::Reviewed Kubectl::parse_rules(const std::vector<Right>& rights, const Command& command, const Output& output) {
  check(command, output);
  std::string text = output.out;
  const std::vector<json> reviews = WatchParser().take(text);
  const auto single = static_cast<std::size_t>(
      std::count_if(rights.begin(), rights.end(), [](const Right& right) { return right.cluster_wide; }));
  if (reviews.size() != single + 1) {
    throw Error(ExitCode::failure,
                fmt::format("kubectl answered {} of {} questions about rights", reviews.size(), single + 1));
  }
  const json& status = member(reviews.front(), "status");
  const json& rules = member(status, "resourceRules");
  const bool tells_all = !is_true(member(status, "incomplete"));
  Reviewed reviewed;
  std::size_t next = 1;
  for (const Right& right : rights) {
    if (right.cluster_wide) {
      if (!is_true(member(member(reviews[next++], "status"), "allowed"))) reviewed.refused.push_back(right);
      continue;
    }
    const bool allowed = rules.is_array() &&
                         std::any_of(rules.begin(), rules.end(), [&](const json& rule) { return allows(rule, right); });
    if (!allowed) (tells_all ? reviewed.refused : reviewed.unknown).push_back(right);
  }
  return reviewed;
}

std::vector<Kubectl::Right> Kubectl::parse_refused(const std::vector<Right>& rights, const Command& command,
                                                   const Output& output) {
  check(command, output);
  std::string text = output.out;
  const std::vector<json> reviews = WatchParser().take(text);  // one document a review
  if (reviews.size() != rights.size()) {
    throw Error(ExitCode::failure,
                fmt::format("kubectl answered {} of {} questions about rights", reviews.size(), rights.size()));
  }
  std::vector<Right> refused;
  for (std::size_t i = 0; i < rights.size(); ++i) {
    const json& allowed = member(member(reviews[i], "status"), "allowed");
    if (!allowed.is_boolean() || !allowed.get<bool>()) refused.push_back(rights[i]);
  }
  return refused;
}

Error Kubectl::explain(const Command& command, const Output& output) {
  Failure failure;
  failure.context = flag_value(command, "--context");
  failure.name_space = flag_value(command, "-n");
  failure.kubeconfig = flag_value(command, "--kubeconfig");
  for (const auto& [name, value] : command.environment) {
    if (name == proxy_variable) failure.proxy = value;
  }
  failure.reason = failure_reason({output.status, {}, without_secrets(output.err, command.input), output.timed_out});
  failure.failures = output.failures;
  if (output.out.starts_with("Please enter Username")) failure.reason = "Please enter Username";
  if (std::optional<Error> error = cluster_error(failure)) return *error;

  Error error = general_error(command, output, failure);
  const auto says = [&](std::string_view part) { return failure.reason.find(part) != std::string::npos; };
  if (says("timed out waiting for the condition")) {
    error.with_hint(
        "Something holds it, most often a finalizer: kubectl get it with -o yaml and see metadata.finalizers.");
  } else if (says("because it is being terminated")) {
    error.with_hint("The namespace is on its way out: wait until it is gone, then run this again.");
  } else if (says("exceeded quota")) {
    error.with_hint("The namespace's ResourceQuota has no room: kubectl -n " + shell_quote(failure.name_space) +
                    " describe quota");
  } else if (says("address already in use")) {
    error.with_hint("Another program listens on that local port.");
  }
  return error;
}

}  // namespace raibid
