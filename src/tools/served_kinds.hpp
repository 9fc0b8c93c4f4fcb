#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace raibid {

/// A kind that the API server says it serves, in the version that it prefers.
struct ServedKind {
  std::string group, version, plural, kind;
  bool namespaced = true;
  bool can_be_listed = true;

  /// As `kubectl api-resources -o name` writes it: "deployments.apps".
  std::string name() const { return group.empty() ? plural : plural + "." + group; }
  std::string api_version() const { return group.empty() ? version : group + "/" + version; }
};

struct ServedKinds {
  std::vector<ServedKind> kinds;
  std::vector<std::string> silent;  ///< groups with version whose server does not answer: what they serve is not known
};

/// Of the answers for /api and /apis (Kubectl::api_resources). std::nullopt when they are no lists of kinds: a server
/// older than 1.26 answers with the names of its groups, and kubectl with lines of text.
std::optional<ServedKinds> parse_served_kinds(const std::string& answers);

}  // namespace raibid
