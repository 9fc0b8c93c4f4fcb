#include "tools/helm.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "tools/diagnosis.hpp"
#include "tools/retry.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace raibid {

namespace {

constexpr int oldest_minor = 13;  // of Helm 3: --labels

/// Enough for going back, and no more of the cluster's space than helm takes by itself.
constexpr auto history = "--history-max=10";

/// Without it helm reads the API's descriptions, which takes longer than all the rest of an install (tried: 550 ms
/// with, 230 ms without), only to leave the check to the server: an unknown field passes (3) or fails (4) the same with
/// both.
constexpr auto no_openapi = "--disable-openapi-validation";

/// The cluster, the account and the store of releases are those that kubectl has; HELM_… variables must not say
/// otherwise.
const std::array<std::pair<std::string, std::string>, 9> same_cluster = {
    {{"HELM_DRIVER", "secret"},
     {"HELM_DEBUG", "false"},
     {"HELM_KUBEAPISERVER", ""},
     {"HELM_KUBETOKEN", ""},
     {"HELM_KUBEASUSER", ""},
     {"HELM_KUBEASGROUPS", ""},
     {"HELM_KUBECAFILE", ""},
     {"HELM_KUBETLS_SERVER_NAME", ""},
     {"HELM_KUBEINSECURE_SKIP_TLS_VERIFY", "false"}}};

Command helm_command(std::vector<std::string> argv, std::string input = {}) {
  Command command{std::move(argv), std::move(input), short_child_environment()};
  command.environment.insert(command.environment.end(), same_cluster.begin(), same_cluster.end());
  return command;
}

std::vector<std::string> helm_arguments(const Cluster& cluster, const std::string& name_space) {
  std::vector<std::string> words = {"helm"};
  if (!cluster.kubeconfig.empty()) words.insert(words.end(), {"--kubeconfig", cluster.kubeconfig});
  if (!cluster.context.empty() && !cluster.in_cluster) words.insert(words.end(), {"--kube-context", cluster.context});
  if (!name_space.empty()) words.insert(words.end(), {"-n", name_space});
  return words;
}

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

std::vector<std::string> chart_arguments(const Helm::Chart& chart) {
  std::vector<std::string> words = {chart.reference};
  if (!chart.repository.empty()) append(words, {"--repo", chart.repository});
  if (!chart.version.empty()) append(words, {"--version", chart.version});
  return words;
}

/// `-f` takes a CSV record: a path with a comma or a quote in it has to be a quoted field.
std::string csv_field(const std::string& path) {
  if (path.find_first_of(",\"") == std::string::npos) return path;
  std::string quoted = "\"";
  for (const char c : path) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

/// Ours first: what comes later wins.
std::vector<std::string> values_arguments(const Helm::Install& install) {
  std::vector<std::string> words = {"-f", "-"};
  for (const std::string& file : install.values_files) append(words, {"-f", csv_field(file)});
  for (const std::string& set : install.sets) append(words, {"--set", set});
  return words;
}

std::vector<std::string> label_arguments(const std::map<std::string, std::string>& labels) {
  std::vector<std::string> pairs;
  for (const auto& [name, value] : labels) pairs.push_back(name + "=" + value);
  return pairs.empty() ? std::vector<std::string>() : std::vector<std::string>{"--labels", join(pairs, ",")};
}

std::vector<std::string> apply_arguments(int major) {
  if (major < 4) return {};
  return {"--server-side=true", "--force-conflicts"};
}

/// "3.17.3" of "v3.17.3+ge4da497"; std::nullopt when the text does not begin with a version.
std::optional<HelmVersion> read_version(std::string_view text) {
  if (text.starts_with('v')) text.remove_prefix(1);
  HelmVersion version;
  const char* const last = text.data() + text.size();
  const auto [dot, bad_major] = std::from_chars(text.data(), last, version.major);
  if (bad_major != std::errc() || dot == last || *dot != '.') return std::nullopt;
  const auto [end, bad_minor] = std::from_chars(dot + 1, last, version.minor);
  if (bad_minor != std::errc()) return std::nullopt;
  version.text = printable(text.substr(0, text.find_first_of("+ \r\n")));
  return version;
}

}  // namespace

Helm::Helm(Runner& runner, Cluster cluster, std::string name_space, int major)
    : m_runner(runner), m_cluster(std::move(cluster)), m_namespace(std::move(name_space)), m_major(major) {}

Command Helm::command(const std::vector<std::string>& arguments, std::string input) const {
  std::vector<std::string> argv = helm_arguments(m_cluster, m_namespace);
  append(argv, arguments);
  return helm_command(std::move(argv), std::move(input));
}

Command Helm::question(const std::vector<std::string>& arguments, std::string input) const {
  return reading(command(arguments, std::move(input)));
}

Command Helm::version() { return reading(helm_command({"helm", "version", "--short"})); }

HelmVersion Helm::parse_version(const Command& command, const Output& output) {
  static constexpr auto hint = "Install Helm 3.13 or newer (3 or 4): https://helm.sh/docs/intro/install";
  // Helm 2 says "Client: v2.17.0+ga690bad" and then fails, or hangs, on its server part
  for (const std::string& line : split(output.out, '\n')) {
    std::string_view text = trim(line);
    if (text.starts_with("Client: ")) text.remove_prefix(8);
    const std::optional<HelmVersion> version = read_version(text);
    if (!version) continue;
    if (version->major < 3 || (version->major == 3 && version->minor < oldest_minor)) {
      throw Error(ExitCode::preflight, "helm " + version->text + " is too old", hint);
    }
    return *version;
  }
  if (!output.ok()) throw explain(command, output).with_code(ExitCode::preflight).with_hint(hint);
  throw Error(ExitCode::preflight,
              "the program `helm` is not Helm: its version is \"" + printable(trim(output.out).substr(0, 60)) + "\"",
              hint);
}

Command Helm::upgrade_install(const Install& install) const {
  std::vector<std::string> words = {"upgrade", "--install", install.release};
  append(words, chart_arguments(install.chart));
  // without it, values that happen to be empty would mean "those of the last release"
  append(words, {"--reset-values", history, no_openapi});
  append(words, apply_arguments(m_major));
  append(words, label_arguments(install.labels));
  append(words, values_arguments(install));
  return command(words, install.values);
}

int Helm::parse_revision(const Command& command, const Output& output) {
  static constexpr std::string_view key = "REVISION: ";
  for (const std::string& line : split(output.out, '\n')) {
    if (!line.starts_with(key)) continue;
    int revision = 0;
    std::from_chars(line.data() + key.size(), line.data() + line.size(), revision);
    if (revision > 0) return revision;
  }
  throw Error(ExitCode::failure, fmt::format("helm {} did not say which revision it made", subcommand(command)));
}

Command Helm::render(const Install& install) const {
  std::vector<std::string> words = {"template", install.release};
  append(words, chart_arguments(install.chart));
  append(words, {"--include-crds", "--skip-tests"});
  append(words, values_arguments(install));
  return question(words, install.values);
}

Command Helm::show_chart(const Chart& chart) const {
  std::vector<std::string> words = {"show", "chart"};
  append(words, chart_arguments(chart));
  return question(words);
}

Command Helm::uninstall(const std::string& release) const {
  Command command = this->command({"uninstall", release});
  command.repeatable = true;  // helm goes on with a release that is being uninstalled, and one that is gone is fine
  return command;
}

Command Helm::rollback(const std::string& release, int revision) const {
  std::vector<std::string> words = {"rollback", release, std::to_string(revision), history};
  append(words, apply_arguments(m_major));
  return command(words);
}

Command Helm::get_values(const std::string& release) const {
  return question({"get", "values", release, "-o", "json"});
}

Output Helm::run_checked(const Command& command, TimePoint deadline) const {
  ClusterPace none;  // a chart that is fetched or rendered tells nothing of the cluster
  Output output =
      std::move(run_patiently(m_runner, std::span(&command, 1), none, [deadline] { return deadline; }).front());
  if (output.ok()) return output;
  const bool was_gone =
      !output.timed_out && subcommand(command) == "uninstall" && failure_reason(output).ends_with("release: not found");
  if (was_gone) return Output{};
  throw explain(command, output);
}

std::string Helm::for_people(const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = helm_arguments(m_cluster, m_namespace);
  append(words, arguments);
  return shell_join(words);
}

}  // namespace raibid
