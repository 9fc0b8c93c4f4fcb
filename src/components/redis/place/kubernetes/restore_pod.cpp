#include "components/redis/place/kubernetes/restore_pod.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "sys/give_input.hpp"
#include "sys/new_file.hpp"
#include "sys/signals.hpp"
#include "tools/failures.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr const char* restore_container = "restore";
constexpr const char* component_label = "app.kubernetes.io/component";
constexpr Duration restore_poll = std::chrono::milliseconds(250);
constexpr Duration pod_patience = std::chrono::minutes(2);
constexpr std::size_t most_on_the_way = 4 << 20;
/// The pod of a killed run ends by itself after so many seconds.
constexpr int longest_restore = 6 * 3600;

json present_object(Context& context, const Kubectl& kubectl, const std::string& name, TimePoint until) {
  context.signals.check();
  const Command question = kubectl.get({name});
  const json items = Kubectl::parse_items(question, kubectl.ask(question, until));
  return items.empty() ? json() : items.front();
}

std::string why_it_waits(const json& pod) {
  for (const json& status : items_at(pod, {"status", "containerStatuses"})) {
    const std::string reason = text_at(status, {"state", "waiting", "reason"});
    const std::string message = text_at(status, {"state", "waiting", "message"});
    if (!reason.empty()) return message.empty() ? reason : reason + ": " + message;
  }
  for (const json& condition : items_at(pod, {"status", "conditions"})) {
    if (text_at(condition, {"status"}) == "False" && !text_at(condition, {"message"}).empty())
      return text_at(condition, {"message"});
  }
  return text_at(pod, {"status", "phase"});
}

void nap(Context& context, TimePoint until) {
  context.runner.wait({}, std::min(until, context.runner.now() + restore_poll));
}

}  // namespace

std::optional<DataVolume> data_volume_of(const json& workload, const std::string& pod) {
  const json& spec = workload.at("spec");
  for (const json& claim : items_at(spec, {"volumeClaimTemplates"})) {
    const std::string name = text_at(claim, {"metadata", "name"});
    for (const json& container : items_at(spec, {"template", "spec", "containers"})) {
      for (const json& mount : items_at(container, {"volumeMounts"})) {
        if (text_at(mount, {"name"}) != name || !text_at(mount, {"subPath"}).empty()) continue;
        return DataVolume{name + "-" + pod, text_at(mount, {"mountPath"}), text_at(container, {"name"})};
      }
    }
  }
  return std::nullopt;
}

json restore_pod_manifest(const json& workload, const DataVolume& volume, const std::string& name,
                          const std::string& run) {
  const json& pod = workload.at("spec").at("template").at("spec");
  json container = {{"name", restore_container},
                    {"command", {"sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"}},
                    {"volumeMounts", json::array({{{"name", "data"}, {"mountPath", volume.folder}}})},
                    {"resources", {{"requests", {{"cpu", "50m"}, {"memory", "32Mi"}}}}}};
  for (const json& one : pod.at("containers")) {
    if (text_at(one, {"name"}) != volume.container) continue;
    for (const char* const key : {"image", "imagePullPolicy", "securityContext"})
      if (one.contains(key)) container[key] = one.at(key);
    // a quota of the namespace may want limits: those of Redis are fine
    if (one.contains("resources")) container["resources"] = one.at("resources");
  }
  json spec = {
      {"restartPolicy", "Never"},
      {"automountServiceAccountToken", false},
      {"enableServiceLinks", false},
      {"terminationGracePeriodSeconds", 5},
      {"activeDeadlineSeconds", longest_restore},
      {"containers", json::array({container})},
      {"volumes", json::array({{{"name", "data"}, {"persistentVolumeClaim", {{"claimName", volume.claim}}}}})}};
  for (const char* const key : {"securityContext", "imagePullSecrets", "nodeSelector", "tolerations",
                                "priorityClassName", "serviceAccountName"})
    if (pod.contains(key)) spec[key] = pod.at(key);
  return {{"apiVersion", "v1"},
          {"kind", "Pod"},
          {"metadata",
           {{"name", name},
            {"namespace", text_at(workload, {"metadata", "namespace"})},
            {"labels", {{managed_by_label, managed_by_us}, {component_label, restore_container}}},
            {"annotations", {{run_label, run}}}}},
          {"spec", spec}};
}

RestorePod::RestorePod(Context& context, const Kubectl& kubectl, std::string manifest)
    : m_context(context), m_kubectl(kubectl), m_manifest(std::move(manifest)) {
  const json pod = parse_json(m_manifest);
  m_name = text_at(pod, {"metadata", "name"});
  m_run = text_at(pod, {"metadata", "annotations", run_label});
}

bool RestorePod::is_ours(const json& pod) const {
  return text_at(pod, {"metadata", "labels", managed_by_label}) == managed_by_us &&
         text_at(pod, {"metadata", "annotations", run_label}) == m_run;
}

void RestorePod::ensure(TimePoint until) {
  until = std::min(until, m_context.runner.now() + m_context.pace->patience(pod_patience));
  for (bool made = false;;) {
    const json pod = present_object(m_context, m_kubectl, "pod/" + m_name, until);
    const bool going = !text_at(pod, {"metadata", "deletionTimestamp"}).empty();
    const std::string phase = text_at(pod, {"status", "phase"});
    if (pod.is_null() && !made) {
      m_kubectl.run_checked(m_kubectl.create(parse_json(m_manifest)), until);
      made = true;
      continue;
    }
    if (!pod.is_null() && !is_ours(pod))
      throw Error(ExitCode::failure, fmt::format("there is a pod {} that this restore did not make", m_name),
                  "when nobody needs it: " + m_kubectl.for_people({"delete", "pod", m_name}));
    if (phase == "Running" && !going) return;
    if ((phase == "Failed" || phase == "Succeeded") && !going) {
      remove(until);
      made = false;
      continue;
    }
    if (m_context.runner.now() >= until) {
      throw Error(
          ExitCode::failure,
          fmt::format("pod {}, which brings the data in, does not run: {}", m_name, printable(why_it_waits(pod))),
          m_kubectl.for_people({"describe", "pod", m_name}));
    }
    if (going && pod.is_null()) made = false;
    nap(m_context, until);
  }
}

void RestorePod::remove(TimePoint until) {
  const json pod = present_object(m_context, m_kubectl, "pod/" + m_name, until);
  if (pod.is_null() || !is_ours(pod)) return;
  const std::string uid = text_at(pod, {"metadata", "uid"});
  const Command command =
      m_kubectl.remove_exactly(fmt::format("/api/v1/namespaces/{}/pods/{}", m_kubectl.name_space(), m_name), uid);
  const Output output = m_kubectl.run(command, until);
  if (!output.ok() && !failed_with(output, "NotFound") && !failed_with(output, "Conflict"))
    throw Kubectl::explain(command, output);
  while (text_at(present_object(m_context, m_kubectl, "pod/" + m_name, until), {"metadata", "uid"}) == uid) {
    if (m_context.runner.now() >= until)
      throw Error(ExitCode::failure, fmt::format("pod {} does not end", m_name),
                  m_kubectl.for_people({"delete", "pod", m_name}));
    nap(m_context, until);
  }
}

std::string RestorePod::run(const std::vector<std::string>& argv, TimePoint until) {
  const Command command = m_kubectl.exec(m_name, restore_container, argv);
  return m_kubectl.run_checked(command, until).out;
}

std::string RestorePod::script(const std::string& text, std::vector<std::string> arguments, TimePoint until) {
  arguments.insert(arguments.begin(), {"sh", "-ec", text, "sh"});
  return run(arguments, until);
}

void RestorePod::upload(const fs::path& file, const std::string& to) {
  const Command command =
      m_kubectl.exec(m_name, restore_container, {"sh", "-c", "umask 077 && cat > \"$1\" && sync", "sh", to}, true);
  const std::unique_ptr<Process> child = m_context.runner.start(command);
  Process* const one = child.get();
  std::int64_t given = 0;
  std::string last;  // of the file, which closes the input
  const auto fail = [&] {
    throw Error(ExitCode::failure,
                fmt::format("the file did not arrive in pod {}: {}", m_name, printable(trim(child->err()))));
  };
  const auto give = [&](const std::string& piece) {
    give_input(*child, piece);
    while (!child->finished() && untaken_input(*child) > most_on_the_way)
      m_context.runner.wait({&one, 1}, m_context.runner.now() + std::chrono::milliseconds(5));
    if (child->finished()) fail();
  };
  read_in_pieces(file, [&](std::string_view piece) {
    if (!last.empty()) give(last);
    last = piece;
    given += static_cast<std::int64_t>(piece.size());
    m_context.reporter.step_progress("file", fmt::format("{} MiB", given >> 20));
  });
  child->feed(std::move(last));
  if (!finish(m_context.runner, *child, TimePoint::max()).ok()) fail();
}

void RestorePod::download(const std::string& file, const std::function<void(std::string_view)>& take) {
  read_file_of_pod(m_context, m_kubectl, m_name, restore_container, file, take);
}

void read_file_of_pod(Context& context, const Kubectl& kubectl, const std::string& pod, const std::string& container,
                      const std::string& file, const std::function<void(std::string_view)>& take) {
  const std::unique_ptr<Process> child = context.runner.start(kubectl.exec(pod, container, {"cat", file}));
  Process* const one = child.get();
  const auto drain = [&] {
    if (!child->out().empty()) take(child->out());
    child->out().clear();
  };
  while (!child->finished()) {
    context.runner.wait({&one, 1}, context.deadline);
    drain();
    if (context.runner.now() >= context.deadline)
      throw Error(ExitCode::failure, fmt::format("{} of pod {} did not arrive in time", file, pod),
                  "give it longer with --timeout");
  }
  drain();
  if (child->status() != 0) {
    throw Error(ExitCode::failure,
                fmt::format("{} of pod {} could not be read: {}", file, pod, printable(trim(child->err()))));
  }
}

void scale_workload(Context& context, const Kubectl& kubectl, const std::string& workload, int replicas,
                    const std::vector<std::string>& pods, TimePoint until) {
  // in the name of Helm, whose field it is: its next change then finds it as its own
  kubectl.run_checked(kubectl.merge_as_helm("statefulset/" + workload, {{"spec", {{"replicas", replicas}}}}), until);
  if (replicas > 0) return;
  for (const std::string& pod : pods) {
    while (!present_object(context, kubectl, "pod/" + pod, until).is_null()) {
      if (context.runner.now() >= until)
        throw Error(ExitCode::failure, fmt::format("pod {} does not end", pod),
                    kubectl.for_people({"describe", "pod", pod}));
      nap(context, until);
    }
  }
}

}  // namespace raibid
