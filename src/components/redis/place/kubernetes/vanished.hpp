#pragma once

#include <string>
#include <vector>

#include "components/context.hpp"
#include "tools/helm.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The objects of a release whose kind the cluster does not know any more: someone has removed its definition (the
/// ServiceMonitor's, with the operator), and every such object went with it. Helm (3.17 and 4.1, tried) then refuses
/// every change and every removal of the release for good, because it looks up each object of its record. This takes
/// them out of the release's records, which changes nothing else, says so, and returns their names. A group that does
/// not answer (an APIService that is down) has not vanished. Returns nothing when there is none, or when that cannot be
/// known. Throws Error as Kubectl when a record cannot be written.
std::vector<std::string> take_out_vanished(Context& context, const Kubectl& kubectl, const std::string& release,
                                           TimePoint deadline);

/// Helm::run_checked for an uninstall or a rollback, and once more without what has vanished.
Output run_helm(Context& context, const Kubectl& kubectl, const Helm& helm, const std::string& release,
                const Command& command, TimePoint deadline);

}  // namespace raibid
