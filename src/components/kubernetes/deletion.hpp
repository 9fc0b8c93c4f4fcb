#pragma once

#include <nlohmann/json_fwd.hpp>

#include <optional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// An object that was deleted and is still there, because something holds it (metadata.deletionTimestamp). There is no
/// way back: it goes as soon as its last finalizer does.
struct Deletion {
  std::string object;                   ///< "persistentvolumeclaim/redis-data-0"
  std::string since;                    ///< as the API server writes it
  std::vector<std::string> finalizers;  ///< what holds it
};

/// Empty when the object is not being deleted.
std::optional<Deletion> deletion_of(const nlohmann::json& object);

/// "has been terminating since 2026-01-31T12:00:00Z, held by kubernetes.io/pvc-protection".
std::string describe(const Deletion& deletion);

/// "persistentvolumeclaim/redis-data-0" of a document of the API.
std::string name_of(const nlohmann::json& object);

/// Those of `names` ("kind/name") that are there. Throws as Kubectl::parse_items.
std::vector<nlohmann::json> look_for(Context& context, const Kubectl& kubectl, const std::vector<std::string>& names,
                                     TimePoint deadline);

/// The same for objects that a login may have no right to see: then the answer is empty.
std::vector<nlohmann::json> look_for_if_allowed(Context& context, const Kubectl& kubectl,
                                                const std::vector<std::string>& names, TimePoint deadline);

/// Deletes "kind/name" pairs, waits, and looks whether they are gone: an exit code of 0 alone proves nothing. Throws
/// Error (failure) that names what holds each one that stays.
void remove_and_check(Context& context, const Kubectl& kubectl, const std::vector<std::string>& names,
                      TimePoint deadline);

/// What the namespace controller says keeps a namespace that is being deleted; "" when it says nothing.
std::string what_keeps_namespace(const nlohmann::json& name_space);

/// Deletes the namespace of `kubectl` and waits until it is gone. One that is empty, and kept only by a metrics API
/// that does not answer, counts as gone, with a warning: the controller takes it when that API answers again. Throws
/// Error (failure) with what keeps it.
void remove_namespace_and_check(Context& context, const Kubectl& kubectl, TimePoint deadline);

}  // namespace raibid
