#pragma once

#include <functional>
#include <string>

#include "components/context.hpp"
#include "components/kubernetes/session.hpp"
#include "plan/step.hpp"

namespace raibid {

/// What the undos of `setup redis` on Kubernetes do. All can run twice. `deadline` is asked when one runs: undoing has
/// its own minute.
UndoTable kubernetes_undos(Context& context, ClusterSession& session, const std::function<TimePoint()>& deadline);

/// Builders for the records that those undo.
Undo undo_namespace(const Kubectl& kubectl, const std::string& release, const std::string& secret);
/// `needed_by`: "kind/name" of what must be gone first, "" when nothing needs the object.
Undo undo_object(const Kubectl& kubectl, const std::string& name, const std::string& needed_by = {});
/// Takes back only our own fields of a Secret that was adopted.
Undo undo_adoption(const Kubectl& kubectl, const std::string& secret);
Undo undo_install(const Helm& helm, const std::string& release, const std::string& pod);
Undo undo_upgrade(const Helm& helm, const std::string& release, int revision, const std::string& pod);

}  // namespace raibid
