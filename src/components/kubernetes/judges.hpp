#pragma once

#include "components/kubernetes/verdict.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace raibid {

/// The parts of `judge`, one for each stretch of a pod's way to Ready. Each says what stands in the way there, or
/// nothing.

// What they share.

Judgement judgement(std::string_view reason, std::string text, std::string hint = {});
std::string pod_name(const Observation& seen);
bool contains(std::string_view text, std::string_view part);
/// `text` behind the first `prefix`, or "" when it is not there; a part of `text`, which must outlive it.
std::string_view behind(std::string_view text, std::string_view prefix);
/// The text between `before` and the next `after`; "" when either is not there.
std::string between(std::string_view text, std::string_view before, std::string_view after);
/// What a container's probe answered last, by the kubelet's events: `probe` is "Liveness", "Readiness" or "Startup".
/// Nothing when it has not failed; "" when it failed without a message.
std::optional<std::string> probe_answer(const Observation& seen, std::string_view probe, std::string_view container);
/// The last event of the pod that counts whose reason is one of these; nullptr when there is none.
const SeenEvent* last_pod_event(const Observation& seen, std::initializer_list<std::string_view> reasons,
                                std::string_view container = {});
/// "once", "twice", "3 times"
std::string times(int count);
/// The reason for which a container waits, "" when it does not.
std::string waiting_reason(const nlohmann::json& status);

}  // namespace raibid
