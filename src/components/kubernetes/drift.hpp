#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace raibid {

/// A field that a manifest sets and the live object has otherwise. Values are shortened for a message; those of a
/// Secret are never in it.
struct FieldDifference {
  std::string path;    ///< "spec.template.spec.containers[redis].image"
  std::string live;    ///< "" when the field is missing
  std::string wanted;  ///< "" when the live object has more than the manifest allows
};

/// What of `wanted` (an object of a manifest) is otherwise in `live`. Only what the manifest sets counts: maps are
/// compared by key, lists of named things by name, other lists item by item. What the API server writes in another way
/// is the same: a quantity ("1Gi", "1024Mi"), a zero or empty value that it leaves out. Selectors and the rules of a
/// NetworkPolicy have to be equal, because one key more selects something else.
std::vector<FieldDifference> compare_object(const nlohmann::json& wanted, const nlohmann::json& live);

/// How an object differs from what its release has.
struct Drift {
  std::size_t at = 0;  ///< its place in the manifest
  std::string object;  ///< "Service raibid-redis-master"
  bool missing = false;
  std::string owner;  ///< who has it now, when that is not the release: "Argo CD (…)"
  std::vector<FieldDifference> fields;

  /// Putting it back replaces the pods of its workload.
  bool replaces_pods() const;
  /// A line for each difference: "Service raibid-redis-master is missing".
  std::vector<std::string> lines() const;
  /// The differences alone: "containers[redis].image is redis:6, the release has redis:7".
  std::vector<std::string> changes() const;
};

/// What Helm adds to each object of a release.
struct ReleaseName {
  std::string name;
  std::string name_space;
};

/// Compares each object of `manifest` with the one in `live` of the same group, kind, name and namespace (both are
/// arrays; without a namespace an object is in the release's). Objects of a kind without namespaces are found, too.
std::vector<Drift> compare_release(const nlohmann::json& manifest, const nlohmann::json& live,
                                   const ReleaseName& release);

/// The object in `live` that `wanted` describes; nullptr when there is none.
const nlohmann::json* find_object(const nlohmann::json& live, const nlohmann::json& wanted, const ReleaseName& release);

/// The object as Helm applies it: with the label and annotations by which Helm knows its own.
nlohmann::json as_helm_applies(nlohmann::json object, const ReleaseName& release);

}  // namespace raibid
