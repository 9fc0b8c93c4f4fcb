#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/kubernetes/deletion.hpp"

using namespace raibid;
using nlohmann::json;

TEST_CASE("an object with a deletion timestamp is being deleted, and its finalizers hold it") {
  json claim = {{"kind", "PersistentVolumeClaim"}, {"metadata", {{"name", "data-0"}}}};
  CHECK_FALSE(deletion_of(claim));
  claim["metadata"]["deletionTimestamp"] = nullptr;
  CHECK_FALSE(deletion_of(claim));

  claim["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z";
  REQUIRE(deletion_of(claim));
  CHECK(deletion_of(claim)->object == "persistentvolumeclaim/data-0");
  CHECK(describe(*deletion_of(claim)) == "has been terminating since 2026-01-31T12:00:00Z");

  claim["metadata"]["finalizers"] = {"kubernetes.io/pvc-protection", "example.com/backup"};
  CHECK(describe(*deletion_of(claim)) ==
        "has been terminating since 2026-01-31T12:00:00Z, held by kubernetes.io/pvc-protection, example.com/backup");
}

TEST_CASE("a namespace says itself what keeps it") {
  const json space = {
      {"kind", "Namespace"},
      {"metadata", {{"name", "apps"}, {"deletionTimestamp", "2026-01-31T12:00:00Z"}}},
      {"spec", {{"finalizers", {"kubernetes"}}}},
      {"status",
       {{"conditions",
         {{{"type", "NamespaceDeletionDiscoveryFailure"}, {"status", "False"}, {"message", "All resources discovered"}},
          {{"type", "NamespaceContentRemaining"},
           {"status", "True"},
           {"message", "Some resources are remaining: pods. has 1 resource instances"}}}}}}};
  CHECK(what_keeps_namespace(space) == "Some resources are remaining: pods. has 1 resource instances");
  CHECK(describe(*deletion_of(space)) == "has been terminating since 2026-01-31T12:00:00Z, held by kubernetes");
}
