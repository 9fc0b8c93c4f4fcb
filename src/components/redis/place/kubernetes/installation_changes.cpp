// What of a change to an installed release is done otherwise than by helm.
#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/settings/change.hpp"

namespace raibid {

using nlohmann::ordered_json;

std::vector<std::string> Installation::restarts() const {
  if (!observed.workload || observed.workload->spec.empty() || converged()) return {};
  return restart_reasons(parse_spec(observed.workload->spec), spec_of(settings));
}

std::vector<std::string> Installation::dropped() const {
  if (!observed.workload || observed.workload->spec.empty() || !restarts().empty()) return {};
  return dropped_directives(parse_spec(observed.workload->spec), spec_of(settings));
}

// First, when nothing else is changed: a claim that has grown stays so, whatever comes after it.
Step Installation::claim_step() {
  const std::string from_to = fmt::format("{}: {} → {}", m_names.claim, observed.claim_made->requested, settings.size);
  Step step;
  step.name = "claim";
  step.intent = "let it grow, which cannot be undone: " + from_to;
  step.undo = [] { return std::vector<Undo>{}; };
  step.act = [this, from_to]() -> StepResult {
    const ordered_json storage = {{"requests", {{"storage", settings.size}}}};
    const ordered_json manifest = {{"apiVersion", "v1"},
                                   {"kind", "PersistentVolumeClaim"},
                                   {"metadata", {{"name", m_names.claim}, {"namespace", settings.name_space}}},
                                   {"spec", {{"resources", storage}}}};
    session.kubectl.run_checked(session.kubectl.apply(manifest), m_context.deadline);
    return {Outcome::changed, from_to + "; status says when it is done"};
  };
  return step;
}

bool Installation::has_its_services() const {
  const auto missing = [this](const std::string& service) {
    return service.find('/') == std::string::npos && !observed.other_services.contains(service);
  };
  return observed.service_release && std::none_of(settings.services.begin(), settings.services.end(), missing);
}

}  // namespace raibid
