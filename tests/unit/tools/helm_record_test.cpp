#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "support/helm_secret.hpp"
#include "tools/helm_record.hpp"

using namespace raibid;

TEST_CASE("Helm's record gives its manifest, and a damaged one is named") {
  const std::string manifest = "---\nkind: Service\n" + std::string(300'000, '#');
  nlohmann::json secret = test::helm_secret("jobs", "apps", 7, manifest);
  const auto record = read_helm_record(secret);
  REQUIRE(record);
  CHECK(record->release == "jobs");
  CHECK(record->name_space == "apps");
  CHECK(record->revision == 7);
  CHECK(record->manifest == manifest);

  CHECK_FALSE(read_helm_record({{"kind", "Secret"}, {"type", "Opaque"}}));
  for (const std::string& stored : {std::string("%"), base64_encode(base64_encode("no gzip")), std::string(),
                                    secret["data"]["release"].get<std::string>().substr(0, 200)}) {
    secret["data"]["release"] = stored;
    CHECK_THROWS_AS(read_helm_record(secret), Error);
  }
}

TEST_CASE("another manifest in Helm's record leaves everything else as it was") {
  const nlohmann::json secret = test::helm_secret("jobs", "apps", 7, "---\nkind: Service\n");
  const nlohmann::json changed = with_manifest(secret, "---\nkind: Secret\n");
  const auto record = read_helm_record(changed);
  REQUIRE(record);
  CHECK(record->manifest == "---\nkind: Secret\n");
  CHECK(record->release == "jobs");
  CHECK(record->revision == 7);
  nlohmann::json rest = changed;
  rest["data"]["release"] = secret["data"]["release"];
  CHECK(rest == secret);
}

TEST_CASE("what Helm's record holds beside its manifest is passed over") {
  nlohmann::json secret = test::helm_secret("jobs", "apps", 7, "---\nkind: Service\n");
  const nlohmann::json changed = with_manifest(secret, "a \"manifest\": {\n");
  CHECK(read_helm_record(changed)->manifest == "a \"manifest\": {\n");
}
