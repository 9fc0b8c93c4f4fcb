#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>

#include "sys/process.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// A StatefulSet once its controller has observed its newest generation: from then on status.updateRevision, and the
/// pods that it creates, are of what was asked for. Null when there is no such StatefulSet. Throws Error (failure) when
/// that takes longer than until `deadline`.
nlohmann::json settled_set(Runner& runner, const Kubectl& kubectl, const std::string& name, TimePoint deadline);

}  // namespace raibid
