#include "base/error.hpp"
#include "base/strings.hpp"
#include "tools/diagnosis.hpp"
#include "tools/helm.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace raibid {

namespace {

/// One kind of failure: any of `signs` in the reason means it.
struct ChartRule {
  std::vector<std::string_view> signs;
  ExitCode code;
  std::string_view message;  ///< goes before the reason
  std::string_view hint;
};

constexpr auto see_values =
    "See --set, -f and the settings: `raibid-cli setup redis --dry-run` prints the values as helm gets them.";

/// What the chart, its source and its values make go wrong; the first that fits. They come before the cluster's rules:
/// an index that cannot be fetched says "connection refused" as well.
const std::vector<ChartRule>& chart_rules() {
  static const std::vector<ChartRule> rules = {
      {{"is not a valid chart repository or cannot be reached"},
       ExitCode::preflight,
       "the chart repository cannot be read: ",
       "Check its address and the way to it (proxy: HTTPS_PROXY), or use the chart that comes with raibid-cli: --chart "
       "embedded"},
      {{"/v2/", "failed to authorize", "oci://"},
       ExitCode::preflight,
       "the chart cannot be fetched from the registry: ",
       "Check its name and the way to the registry; a private one needs `helm registry login`. --chart embedded needs "
       "none."},
      {{"non-absolute URLs should be in form of", "path \""},
       ExitCode::preflight,
       "there is no such chart: ",
       "--chart takes embedded, bitnami, a folder or .tgz that exists, oci://…, or REPOSITORY/NAME after `helm repo "
       "add`."},
      {{" repository; ", " not found in ", "repo ", "no chart version found", "no chart name found",
        "improper constraint"},
       ExitCode::preflight,
       "the chart cannot be found: ",
       "`helm repo list` shows the repositories, `helm search repo -l NAME` the versions; `helm repo update` fetches "
       "newer ones."},
      {{"Chart.yaml file is missing", "unable to detect chart at", "validation: chart.metadata",
        "cannot load Chart.yaml", "does not appear to be a gzipped archive",
        "found in Chart.yaml, but missing in charts/ directory"},
       ExitCode::preflight,
       "this is not a complete chart: ",
       "--chart takes a folder with a Chart.yaml (its dependencies fetched: `helm dependency build`) or a packaged "
       "chart."},
      {{"values don't meet the specifications of the schema"},
       ExitCode::usage,
       "the chart refuses the values: ",
       see_values},
      {{"failed parsing --set", "failed to parse ", "execution error at ", "parse error at ", "error calling ",
        "nil pointer evaluating", "YAML parse error on", "error converting YAML to JSON"},
       ExitCode::usage,
       "the chart cannot be rendered with these values: ",
       see_values},
      {{"open "}, ExitCode::usage, "a values file cannot be read: ", "Check the path given to -f/--values."},
      {{"release name is invalid", "invalid release name"},
       ExitCode::usage,
       "",
       "At most 53 lower-case letters, digits and '-', beginning and ending with a letter or digit: --release NAME"},
      {{"invalid ownership metadata", "cannot be imported into the current release"},
       ExitCode::preflight,
       "a resource of this name is not of this release: ",
       "Someone else made it: choose another --release or --namespace, or delete it."},
      {{"no matches for kind"},
       ExitCode::preflight,
       "this cluster lacks what the chart asks for: ",
       "Install what brings that kind (CustomResourceDefinition), or turn off the value that asks for it."},
  };
  return rules;
}

bool fits(const ChartRule& rule, std::string_view reason) {
  return std::any_of(rule.signs.begin(), rule.signs.end(), [&](std::string_view sign) {
    // "open " and "repo " are whole beginnings; inside a sentence they mean nothing
    return sign == "open " || sign == "repo " ? reason.starts_with(sign) : reason.find(sign) != std::string_view::npos;
  });
}

std::string reason_for_people(std::string reason) {
  static constexpr std::string_view schema =
      "values don't meet the specifications of the schema(s) in the following chart(s): ";
  if (reason.starts_with(schema)) reason.erase(0, schema.size());
  return reason;
}

/// "helm rollback …" as it has to be typed for this release.
std::string with_global_arguments(const Failure& failure, std::string_view rest) {
  std::string text = "helm";
  if (!failure.kubeconfig.empty()) text += " --kubeconfig " + shell_quote(failure.kubeconfig);
  if (!failure.context.empty()) text += " --kube-context " + shell_quote(failure.context);
  if (!failure.name_space.empty()) text += " -n " + shell_quote(failure.name_space);
  return text.append(" ").append(rest);
}

bool speaks_of_cluster(std::string_view reason) {
  return reason.find("luster unreachable") != std::string_view::npos ||
         reason.find("/api/v1") != std::string_view::npos || reason.find("/apis/") != std::string_view::npos;
}

}  // namespace

Error Helm::explain(const Command& command, const Output& output) {
  Failure failure;
  failure.context = flag_value(command, "--kube-context");
  failure.name_space = flag_value(command, "-n");
  failure.kubeconfig = flag_value(command, "--kubeconfig");
  failure.reason = failure_reason(output);
  if (!speaks_of_cluster(failure.reason)) {
    for (const ChartRule& rule : chart_rules()) {
      if (!fits(rule, failure.reason)) continue;
      return Error(rule.code, std::string(rule.message) + reason_for_people(failure.reason), std::string(rule.hint));
    }
  }
  if (std::optional<Error> error = cluster_error(failure)) return *error;

  Error error = general_error(command, output, failure);
  if (failure.reason.find("another operation (install/upgrade/rollback) is in progress") != std::string::npos) {
    error.with_hint("Wait for it; a helm that was killed leaves this too. Then go back to the last revision (" +
                    with_global_arguments(failure, "history RELEASE") +
                    ", rollback RELEASE REVISION), or, when none was ever "
                    "deployed: " +
                    with_global_arguments(failure, "uninstall RELEASE"));
  } else if (failure.reason.find("field is immutable") != std::string::npos ||
             failure.reason.find("updates to statefulset spec for fields other than") != std::string::npos) {
    error.with_hint(
        "Kubernetes cannot change this in place (storage size or class, for instance): teardown keeps the claim "
        "unless --delete-data is given, then setup again.");
  }
  return error;
}

}  // namespace raibid
