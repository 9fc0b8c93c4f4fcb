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

}  // namespace raibid
