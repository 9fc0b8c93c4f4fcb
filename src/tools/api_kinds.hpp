#pragma once

#include <string>
#include <string_view>

namespace raibid {

/// A kind of the Kubernetes API as we use it.
struct ApiKind {
  std::string_view group, version, plural, kind;
  bool namespaced = true;

  std::string api_version() const;
};

/// By what kubectl takes for a kind: "secrets", "secret", "lease.coordination.k8s.io". nullptr for one that is not in
/// our table: kubectl asks the server which kinds there are, we leave such a command to it.
const ApiKind* find_kind(std::string_view name);
/// By an object's own two fields.
const ApiKind* find_kind(std::string_view api_version, std::string_view kind);

/// The path of all objects of a kind, of one namespace or ("") of all.
std::string collection_path(const ApiKind& kind, std::string_view name_space);
/// The path of one object.
std::string object_path(const ApiKind& kind, std::string_view name_space, std::string_view name);

/// For a path or a query (RFC 3986): all but unreserved characters as %XX.
std::string url_escape(std::string_view text);

}  // namespace raibid
