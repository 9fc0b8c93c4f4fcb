#include "components/kubernetes/deletion.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/namespace_contents.hpp"
#include "ui/reporter.hpp"

namespace raibid {

using nlohmann::json;

namespace {

constexpr Duration namespace_poll = std::chrono::milliseconds(200);

std::string uid_of(const json& object) { return text_at(object, {"metadata", "uid"}); }

/// The message of a condition that holds, "" when it does not.
std::string condition_message(const json& object, std::string_view type) {
  for (const json& one : items_at(object, {"status", "conditions"})) {
    if (text_at(one, {"type"}) == type && text_at(one, {"status"}) == "True") return text_at(one, {"message"});
  }
  return "";
}

/// The groups whose silence alone keeps a namespace that is empty; empty when something else keeps it, too.
std::vector<std::string> silent_metrics(const json& name_space) {
  for (const char* type : {"NamespaceContentRemaining", "NamespaceFinalizersRemaining",
                           "NamespaceDeletionContentFailure", "NamespaceDeletionGroupVersionParsingFailure"}) {
    if (!condition_message(name_space, type).empty()) return {};
  }
  const std::string message = condition_message(name_space, "NamespaceDeletionDiscoveryFailure");
  const std::vector<std::string> groups = unavailable_groups({1, "", message, false});
  return std::all_of(groups.begin(), groups.end(), holds_no_data) ? groups : std::vector<std::string>();
}

}  // namespace

std::string name_of(const json& object) {
  return to_lower(text_at(object, {"kind"})) + "/" + text_at(object, {"metadata", "name"});
}

std::optional<Deletion> deletion_of(const json& object) {
  const std::string since = text_at(object, {"metadata", "deletionTimestamp"});
  if (since.empty()) return std::nullopt;
  Deletion deletion{name_of(object), since, {}};
  for (const json& finalizer : items_at(object, {"metadata", "finalizers"})) {
    if (finalizer.is_string()) deletion.finalizers.push_back(finalizer.get<std::string>());
  }
  // a namespace has its own list
  for (const json& finalizer : items_at(object, {"spec", "finalizers"})) {
    if (finalizer.is_string()) deletion.finalizers.push_back(finalizer.get<std::string>());
  }
  return deletion;
}

std::string describe(const Deletion& deletion) {
  const std::string held = deletion.finalizers.empty() ? "" : ", held by " + join(deletion.finalizers, ", ");
  return printable(fmt::format("has been terminating since {}{}", deletion.since, held));
}

std::vector<json> look_for(Context&, const Kubectl& kubectl, const std::vector<std::string>& names,
                           TimePoint deadline) {
  const Command question = kubectl.get(names);
  const json items = Kubectl::parse_items(question, kubectl.run(question, deadline));
  return {items.begin(), items.end()};
}

std::vector<json> look_for_if_allowed(Context& context, const Kubectl& kubectl, const std::vector<std::string>& names,
                                      TimePoint deadline) {
  try {
    return look_for(context, kubectl, names, deadline);
  } catch (const Error&) {
    return {};
  }
}

void remove_and_check(Context& context, const Kubectl& kubectl, const std::vector<std::string>& names,
                      TimePoint deadline) {
  std::set<std::string> before;  // uids: what comes back under the same name, as a StatefulSet's pod does, is another
  for (const json& object : look_for(context, kubectl, names, deadline)) before.insert(uid_of(object));
  if (before.empty()) return;
  const auto left = std::chrono::duration_cast<std::chrono::seconds>(deadline - context.runner.now()).count();
  const Command order = kubectl.remove(names, static_cast<int>(std::max<decltype(left)>(left, 1)));
  kubectl.run_checked(order, deadline);
  std::vector<std::string> stay;
  for (const json& object : look_for(context, kubectl, names, deadline)) {
    if (!before.contains(uid_of(object))) continue;
    const std::optional<Deletion> deletion = deletion_of(object);
    stay.push_back(name_of(object) + " " +
                   (deletion ? describe(*deletion) : "is still there, though kubectl said that it deleted it"));
  }
  if (stay.empty()) return;
  std::vector<std::string> words = {"get"};
  words.insert(words.end(), names.begin(), names.end());
  words.insert(words.end(), {"-o", "yaml"});
  throw Error(ExitCode::failure, join(stay, "; "), "see what holds it: " + kubectl.for_people(words));
}

std::string what_keeps_namespace(const json& name_space) {
  std::vector<std::string> reasons;
  for (const char* type :
       {"NamespaceDeletionDiscoveryFailure", "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure", "NamespaceContentRemaining", "NamespaceFinalizersRemaining"}) {
    const std::string message = condition_message(name_space, type);
    if (!message.empty()) reasons.push_back(message);
  }
  return printable(join(reasons, "; "));
}

void remove_namespace_and_check(Context& context, const Kubectl& kubectl, TimePoint deadline) {
  const std::string name = "namespace/" + kubectl.name_space();
  kubectl.run_checked(kubectl.begin_removal(name), deadline);
  for (;;) {
    const std::vector<json> found = look_for(context, kubectl, {name}, deadline);
    if (found.empty()) return;
    if (const std::vector<std::string> silent = silent_metrics(found.front()); !silent.empty()) {
      context.reporter.warning(fmt::format(
          "{} is empty; Kubernetes itself removes it when the API {} answers again (kubectl get apiservice)", name,
          join(silent, ", ")));
      return;
    }
    if (context.runner.now() >= deadline) {
      const std::string why = what_keeps_namespace(found.front());
      throw Error(ExitCode::failure, fmt::format("{} was not removed in time{}", name, why.empty() ? "" : ": " + why),
                  "see what keeps it (status.conditions): " + kubectl.for_people({"get", name, "-o", "yaml"}));
    }
    context.runner.wait({}, context.runner.now() + namespace_poll);
  }
}

}  // namespace raibid
