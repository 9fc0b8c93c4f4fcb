#include "components/kubernetes/session.hpp"

#include <unistd.h>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/files.hpp"

namespace raibid {

namespace {

constexpr Duration question_limit = std::chrono::seconds(10);
constexpr const char* k3s_kubeconfig = "/etc/rancher/k3s/k3s.yaml";

// "" leaves the choice to kubectl: KUBECONFIG may be a list, which --kubeconfig cannot be
std::string choose_kubeconfig(const Context& context) {
  if (context.settings.is_set("kubeconfig")) return context.settings.text("kubeconfig");
  if (!variable(context.environment, "KUBECONFIG").empty()) return "";
  std::error_code ignored;
  if (fs::exists(context.paths.user / ".kube/config", ignored) || !fs::exists(k3s_kubeconfig, ignored)) return "";
  if (::access(k3s_kubeconfig, R_OK) != 0) {
    throw Error(ExitCode::preflight,
                fmt::format("{} cannot be read by this user, and there is no ~/.kube/config", k3s_kubeconfig),
                fmt::format("mkdir -p ~/.kube && sudo install -m 600 -o $(id -u) {} ~/.kube/config", k3s_kubeconfig));
  }
  return k3s_kubeconfig;
}

// What Kubernetes puts into every namespace, and what it collects by itself soon after its owner is gone.
bool is_kubernetes_own(const std::string& name) {
  for (const char* own : {"configmap/kube-root-ca.crt", "serviceaccount/default"}) {
    if (name == own) return true;
  }
  for (const char* own : {"secret/default-token-", "event", "endpoints/", "endpointslice", "controllerrevision"}) {
    if (name.rfind(own, 0) == 0) return true;
  }
  return false;
}

}  // namespace

TimePoint question_deadline(const Context& context) {
  return std::min(context.deadline, context.runner.now() + question_limit);
}

ClusterSession choose_cluster(Context& context, const std::string& name_space, NeedsHelm needs_helm) {
  const std::string kubeconfig = choose_kubeconfig(context);
  std::vector<Command> questions = {Kubectl::config_view(kubeconfig)};
  if (needs_helm == NeedsHelm::yes) questions.push_back(Helm::version());
  const std::vector<Output> answers = run_all(context.runner, questions, question_deadline(context));
  Cluster cluster;
  HelmVersion version;
  try {
    cluster = Kubectl::parse_config_view(answers[0], kubeconfig, context.settings.text("context"));
    if (needs_helm == NeedsHelm::yes) version = Helm::parse_version(questions[1], answers[1]);
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);  // nothing has been changed yet
  }
  return {Kubectl(context.runner, cluster, name_space), Helm(context.runner, cluster, name_space, version.major),
          version};
}

std::string describe(const Kubectl& kubectl) {
  return fmt::format("Cluster {} ({}), namespace {}", kubectl.cluster().context, kubectl.cluster().server,
                     kubectl.name_space());
}

std::vector<std::string> namespace_contents(const Kubectl& kubectl, const std::string& except, TimePoint deadline) {
  const Output kinds = kubectl.run_checked(kubectl.api_resources(), deadline);
  std::vector<std::string> names;
  for (const std::string& line : split(trim(kinds.out), '\n')) {
    const std::string kind(trim(line));
    // the metrics API repeats pods; events tell of the past
    if (!kind.empty() && kind.find("metrics.k8s.io") == std::string::npos && kind.rfind("events", 0) != 0)
      names.push_back(kind);
  }
  const Output found = kubectl.run_checked(kubectl.list_names(join(names, ",")), deadline);
  std::vector<std::string> contents;
  for (const std::string& line : split(trim(found.out), '\n')) {
    const std::string name(trim(line));
    const bool is_name = name.find('/') != std::string::npos && name.find(' ') == std::string::npos;
    if (!name.empty() && !is_name)
      throw Error(ExitCode::failure, "kubectl gave an answer that cannot be understood: " + printable(name));
    if (!name.empty() && name != except && !is_kubernetes_own(name)) contents.push_back(name);
  }
  return contents;
}

}  // namespace raibid
