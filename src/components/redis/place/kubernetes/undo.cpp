#include "components/redis/place/kubernetes/undo.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/kubernetes/namespace_contents.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/observed.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using Arguments = std::map<std::string, std::string>;

constexpr Duration server_poll = std::chrono::milliseconds(500);

/// How long a StatefulSet that is being deleted may take.
constexpr Duration workload_limit = std::chrono::seconds(15);

/// What Redis needs stays as long as Redis may run: an uninstall that did nothing must not cost it claim or Secret.
void refuse_while_needed(Context& context, const Kubectl& kubectl, const Arguments& arguments, TimePoint deadline) {
  const auto workload = arguments.find("needed_by");
  if (workload == arguments.end() || look_for(context, kubectl, {workload->second}, deadline).empty()) return;
  throw Error(ExitCode::failure,
              fmt::format("{} stays: {} is still there and needs it", arguments.at("name"), workload->second));
}

// Somebody else may have put something into the namespace meanwhile: theirs is not ours to delete. `secret` was made
// with it, before its own undo could be written down.
void remove_namespace(Context& context, const Kubectl& kubectl, const std::string& lock, const std::string& secret,
                      TimePoint deadline) {
  const std::string name = "namespace/" + kubectl.name_space();
  const Command question = kubectl.get({name});
  const json found = Kubectl::parse_items(question, run(context.runner, question, deadline));
  if (found.empty()) return;
  const json labels = found.front().value("/metadata/labels"_json_pointer, json::object());
  if (labels.value(managed_by_label, "") != managed_by_us) return;
  std::vector<std::string> contents = namespace_contents(kubectl, lock, deadline);
  std::erase(contents, "secret/" + secret);
  if (!contents.empty()) {
    throw Error(ExitCode::failure, fmt::format("namespace {} holds what this run did not make: {}",
                                               kubectl.name_space(), join(contents, ", ")));
  }
  remove_namespace_and_check(context, kubectl, deadline);
}

bool release_exists(Context& context, const Kubectl& kubectl, const std::string& release, TimePoint deadline) {
  const Command question = kubectl.release_records(release);
  return !Kubectl::parse_release_records(question, run(context.runner, question, deadline)).empty();
}

/// helm's exit code alone proves nothing.
void check_deployed(Context& context, const Kubectl& kubectl, const std::string& release, TimePoint deadline) {
  const Command question = kubectl.release_records(release);
  const json records = Kubectl::parse_release_records(question, run(context.runner, question, deadline));
  const std::string status = records.empty() ? "gone" : records.back().value("status", "");
  if (status == "deployed") return;
  throw Error(ExitCode::failure, fmt::format("helm rolled release {} back, but it is {}", release, status));
}

void roll_back(Context& context, ClusterSession& session, const Arguments& arguments, TimePoint deadline) {
  const std::string& release = arguments.at("release");
  if (auto refusal = refuse_restart(context, session.kubectl, release, deadline))
    throw refusal->with_code(ExitCode::failure);  // nothing that waiting would heal
  session.helm.run_checked(session.helm.rollback(release, std::stoi(arguments.at("revision"))), deadline);
  check_deployed(context, session.kubectl, release, deadline);
  // With OrderedReady (Bitnami's charts) a pod that never became Ready blocks the way back: it has to go by hand.
  const Command question = session.kubectl.get({"pod/" + arguments.at("pod")});
  const json pods = Kubectl::parse_items(question, run(context.runner, question, deadline));
  if (pods.empty()) return;
  for (const json& condition : pods.front().value("/status/conditions"_json_pointer, json::array())) {
    if (condition.value("type", "") == "Ready" && condition.value("status", "") == "True") return;
  }
  remove_and_check(context, session.kubectl, {"pod/" + arguments.at("pod")}, deadline);
}

/// Waits until the API server answers. False when it does not until then; `was_away` tells whether there was anything
/// to wait for.
bool server_answers(Context& context, const Kubectl& kubectl, TimePoint until, bool& was_away) {
  was_away = false;
  while (!run(context.runner, kubectl.version(), until).ok()) {
    was_away = true;
    if (context.runner.now() >= until) return false;
    context.runner.wait({}, std::min(until, context.runner.now() + server_poll));
  }
  return true;
}

/// An API server that is away for a while (it restarts, the way to it is cut) must not leave an undo undone.
void patiently(Context& context, const Kubectl& kubectl, const std::function<TimePoint()>& deadline,
               const std::function<void()>& undo) {
  for (bool tried_again = false;; tried_again = true) {
    try {
      return undo();
    } catch (const Error& error) {
      bool was_away = false;
      const bool unreachable = error.signal() == 0 && error.code() == ExitCode::preflight;
      if (!unreachable || !server_answers(context, kubectl, deadline(), was_away) || (tried_again && !was_away)) throw;
    }
  }
}

}  // namespace

UndoTable kubernetes_undos(Context& context, ClusterSession& session, const std::function<TimePoint()>& deadline) {
  UndoTable table;
  table["kubernetes.delete_namespace"] = [&context, &session, deadline](const Arguments& arguments) {
    const auto secret = arguments.find("secret");  // not in the journal of an older version
    remove_namespace(context, session.kubectl, lease_object(arguments.at("release")),
                     secret == arguments.end() ? "" : secret->second, deadline());
  };
  table["kubernetes.delete"] = [&context, &session, deadline](const Arguments& arguments) {
    refuse_while_needed(context, session.kubectl, arguments, deadline());
    remove_and_check(context, session.kubectl, {arguments.at("name")}, deadline());
  };
  table["kubernetes.disown"] = [&session, deadline](const Arguments& arguments) {
    // server-side apply of nothing: the fields that only we own go, everybody else's stay
    const json nothing = {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", {{"name", arguments.at("name")}}}};
    session.kubectl.run_checked(session.kubectl.apply(nothing), deadline());
  };
  table["helm.uninstall"] = [&context, &session, deadline](const Arguments& arguments) {
    if (release_exists(context, session.kubectl, arguments.at("release"), deadline())) {
      session.helm.run_checked(session.helm.uninstall(arguments.at("release")), deadline());
    }
    const RedisNames names(arguments.at("release"), session.kubectl.name_space());
    const TimePoint until = std::min(deadline(), context.runner.now() + workload_limit);
    check_workload_gone(context, session.kubectl, names, until, deadline());
    remove_and_check(context, session.kubectl, {"pod/" + arguments.at("pod")}, deadline());
  };
  table["helm.rollback"] = [&context, &session, deadline](const Arguments& arguments) {
    roll_back(context, session, arguments, deadline());
  };
  for (auto& [name, action] : table) {
    action = [&context, &session, deadline, undo = action](const Arguments& arguments) {
      patiently(context, session.kubectl, deadline, [&] { undo(arguments); });
    };
  }
  return table;
}

Undo undo_namespace(const Kubectl& kubectl, const std::string& release, const std::string& secret) {
  return {"kubernetes.delete_namespace",
          {{"release", release}, {"secret", secret}},
          kubectl.for_people({"delete", "namespace", kubectl.name_space()})};
}

Undo undo_object(const Kubectl& kubectl, const std::string& name, const std::string& needed_by) {
  std::map<std::string, std::string> arguments = {{"name", name}};
  if (!needed_by.empty()) arguments["needed_by"] = needed_by;
  return {"kubernetes.delete", arguments, kubectl.for_people({"delete", name})};
}

Undo undo_adoption(const Kubectl& kubectl, const std::string& secret) {
  return {"kubernetes.disown",
          {{"name", secret}},
          kubectl.for_people({"label", "secret", secret, fmt::format("{}-", managed_by_label)})};
}

Undo undo_install(const Helm& helm, const std::string& release, const std::string& pod) {
  return {"helm.uninstall", {{"release", release}, {"pod", pod}}, helm.for_people({"uninstall", release})};
}

Undo undo_upgrade(const Helm& helm, const std::string& release, int revision, const std::string& pod) {
  return {"helm.rollback",
          {{"release", release}, {"revision", std::to_string(revision)}, {"pod", pod}},
          helm.for_people({"rollback", release, std::to_string(revision)})};
}

}  // namespace raibid
