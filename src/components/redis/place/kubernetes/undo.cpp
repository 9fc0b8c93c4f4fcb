#include "components/redis/place/kubernetes/undo.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/lease.hpp"
#include "components/redis/place/kubernetes/observed.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using Arguments = std::map<std::string, std::string>;

constexpr Duration server_poll = std::chrono::milliseconds(500);

int seconds_until(const Context& context, TimePoint deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline - context.runner.now()).count();
  return static_cast<int>(std::max<decltype(left)>(left, 1));
}

void remove_objects(Context& context, const Kubectl& kubectl, const std::vector<std::string>& names,
                    TimePoint deadline) {
  kubectl.run_checked(kubectl.remove(names, seconds_until(context, deadline)), deadline);
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
  remove_objects(context, kubectl, {name}, deadline);
}

bool release_exists(Context& context, const Kubectl& kubectl, const std::string& release, TimePoint deadline) {
  const Command question = kubectl.release_records(release);
  return !Kubectl::parse_release_records(question, run(context.runner, question, deadline)).empty();
}

void wait_gone(Context& context, const Kubectl& kubectl, const std::string& pod, TimePoint deadline) {
  remove_objects(context, kubectl, {"pod/" + pod}, deadline);
}

void roll_back(Context& context, ClusterSession& session, const Arguments& arguments, TimePoint deadline) {
  const std::string& release = arguments.at("release");
  session.helm.run_checked(session.helm.rollback(release, std::stoi(arguments.at("revision"))), deadline);
  // With OrderedReady (Bitnami's charts) a pod that never became Ready blocks the way back: it has to go by hand.
  const Command question = session.kubectl.get({"pod/" + arguments.at("pod")});
  const json pods = Kubectl::parse_items(question, run(context.runner, question, deadline));
  if (pods.empty()) return;
  for (const json& condition : pods.front().value("/status/conditions"_json_pointer, json::array())) {
    if (condition.value("type", "") == "Ready" && condition.value("status", "") == "True") return;
  }
  remove_objects(context, session.kubectl, {"pod/" + arguments.at("pod")}, deadline);
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
    remove_objects(context, session.kubectl, {arguments.at("name")}, deadline());
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
    wait_gone(context, session.kubectl, arguments.at("pod"), deadline());
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

Undo undo_object(const Kubectl& kubectl, const std::string& name) {
  return {"kubernetes.delete", {{"name", name}}, kubectl.for_people({"delete", name})};
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
