#include "components/kubernetes/settled_set.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"

namespace raibid {

using nlohmann::json;

namespace {

constexpr Duration generation_poll = std::chrono::milliseconds(100);

}  // namespace

json settled_set(Runner& runner, const Kubectl& kubectl, const std::string& name, TimePoint deadline) {
  const Command question = kubectl.get({"statefulset/" + name});
  for (;;) {
    const json found = Kubectl::parse_items(question, kubectl.run(question, deadline));
    if (found.empty()) return nullptr;
    const json& set = found.front();
    if (number_at(set, {"status", "observedGeneration"}) >= number_at(set, {"metadata", "generation"})) return set;
    runner.wait({}, runner.now() + generation_poll);
    if (runner.now() >= deadline) {
      throw Error(
          ExitCode::failure, fmt::format("the controller has not taken in the change of StatefulSet {}", name),
          "check whether the controller manager runs: " + kubectl.for_people({"describe", "statefulset", name}));
    }
  }
}

}  // namespace raibid
