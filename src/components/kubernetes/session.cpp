#include "components/kubernetes/session.hpp"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/known_helm.hpp"
#include "components/kubernetes/plain_kubeconfig.hpp"
#include "sys/files.hpp"
#include "tools/diagnosis.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

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
  return answer_deadline(*context.pace, context.runner.now(), context.deadline);
}

std::optional<Cluster> cluster_of_this_pod(const Environment& environment, const fs::path& folder) {
  const std::string host = variable(environment, "KUBERNETES_SERVICE_HOST");
  const std::string port = variable(environment, "KUBERNETES_SERVICE_PORT");
  std::error_code ignored;
  if (host.empty() || port.empty() || !fs::exists(folder / "token", ignored)) return std::nullopt;
  Cluster cluster;
  cluster.in_cluster = true;
  cluster.context = in_cluster_context;
  cluster.name = in_cluster_context;
  cluster.server = fmt::format("https://{}:{}", host.find(':') == std::string::npos ? host : "[" + host + "]", port);
  cluster.context_namespace = std::string(trim(read_file(folder / "namespace").value_or("")));
  return cluster;
}

namespace {

/// What kubectl itself says of a failure; it is told when all is over.
bool is_kubectls_own(std::string_view line) {
  return line.starts_with("Unable to connect to the server") || line.starts_with("error: ") ||
         line.starts_with("Error from server") || line.starts_with("E0") || line.starts_with("E1") ||
         line.starts_with("I0") || line.starts_with("I1") || line.starts_with("W0") || line.starts_with("W1");
}

std::string without_kubectls_own(const std::string& text) {
  std::string shown;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size() - 1) + 1;
    const std::string line = text.substr(begin, end - begin);
    if (!is_kubectls_own(line)) shown += line;
    begin = end;
  }
  return shown;
}

/// A plugin may take seconds, ask for a password or show the address of a login page. So it runs once, seen by the user
/// and with nothing beside it, before everything else is asked at once: most keep what they got for the next.
void log_in(Context& context, const Kubectl& kubectl) {
  const TimePoint started = context.runner.now();
  const Command command = kubectl.first_call(
      std::chrono::duration_cast<Duration>(std::max(context.deadline - started, TimePoint::duration(0))));
  const std::unique_ptr<Process> process = context.runner.start(command);
  Process* const one = process.get();
  std::string said;
  const auto pass_on = [&] {
    const std::string text = std::exchange(process->err(), {});
    said += text;
    if (const std::string shown = without_kubectls_own(text); !shown.empty()) context.reporter.pass_on(shown);
  };
  while (!process->finished() && context.runner.now() < context.deadline) {
    context.runner.wait({&one, 1}, context.deadline);
    pass_on();
  }
  Output output = finish(context.runner, *process, context.runner.now());
  output.err = said + output.err;
  if (output.timed_out) {
    throw Error(ExitCode::preflight,
                fmt::format("the credential plugin {} of context {} did not finish in time",
                            printable(kubectl.cluster().plugin), printable(kubectl.cluster().context)),
                "--timeout gives it longer; to see what it waits for: " + kubectl.for_people({"version"}));
  }
  if (!output.ok()) throw Kubectl::explain(command, output).with_code(ExitCode::preflight);
  context.pace->answered(std::chrono::duration_cast<Duration>(context.runner.now() - started));
}

Cluster chosen_cluster(const Context& context, const std::string& kubeconfig, const Output& view,
                       const std::string& wanted) {
  const bool no_file = !context.settings.is_set("kubeconfig") && variable(context.environment, "KUBECONFIG").empty();
  if (no_file && (wanted.empty() || wanted == in_cluster_context) && Kubectl::names_no_cluster(view)) {
    if (std::optional<Cluster> cluster = cluster_of_this_pod(context.environment, service_account_folder))
      return *cluster;
  }
  return Kubectl::parse_config_view(view, kubeconfig, wanted);
}

}  // namespace

ClusterSession choose_cluster(Context& context, const std::string& name_space, NeedsHelm needs_helm,
                              const std::string& kube_context) {
  const std::string kubeconfig = choose_kubeconfig(context);
  const std::string wanted = kube_context.empty() ? context.settings.text("context") : kube_context;
  const std::optional<std::string> plain = plain_kubeconfig(context, kubeconfig, wanted);
  std::vector<Command> questions;
  if (!plain) questions.push_back(Kubectl::config_view(kubeconfig));
  const std::optional<KnownHelm> helm = needs_helm == NeedsHelm::yes ? std::optional<KnownHelm>(context) : std::nullopt;
  if (helm && !helm->said()) questions.push_back(Helm::version());
  std::vector<Output> answers;
  if (!questions.empty()) answers = run_all(context.runner, questions, question_deadline(context));
  Cluster cluster;
  HelmVersion version;
  try {
    cluster = chosen_cluster(context, kubeconfig, plain ? Output{0, *plain, "", false} : answers.front(), wanted);
    cluster.pace = context.pace;
    for (const char* name : {"https_proxy", proxy_variable}) {
      if (const std::string proxy = variable(context.environment, name); !proxy.empty()) cluster.proxy = proxy;
    }
    if (helm && helm->said()) version = Helm::parse_version(Helm::version(), {0, *helm->said(), "", false});
    if (helm && !helm->said()) {
      version = Helm::parse_version(questions.back(), answers.back());
      helm->remember(answers.back().out);
    }
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);  // nothing has been changed yet
  }
  if (!cluster.plugin.empty()) log_in(context, Kubectl(context.runner, cluster, name_space));
  return {Kubectl(context.runner, cluster, name_space), Helm(context.runner, cluster, name_space, version.major),
          version};
}

std::string describe(const Kubectl& kubectl) {
  return fmt::format("Cluster {} ({}), namespace {}", kubectl.cluster().context, kubectl.cluster().server,
                     kubectl.name_space());
}

}  // namespace raibid
