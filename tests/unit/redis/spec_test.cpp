#include "components/redis/settings/spec.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

Spec some_spec() {
  Preset preset = job_queue_preset();
  preset.services = {"redis", "app/redis-service"};
  return spec_of(
      redis_settings_of({{"allow-from", "ci/app=worker"}, {"no-metrics", "true"}, {"storage-class", "fast"}}, preset));
}

}  // namespace

TEST_CASE("a spec comes back as it was written") {
  const Spec spec = some_spec();
  CHECK(parse_spec(to_json(spec)) == spec);
  CHECK(parse_spec(to_json(Spec())) == Spec());
  Spec other = spec;
  other.streams[0].max_length = 5;
  CHECK_FALSE(parse_spec(to_json(other)) == spec);
}

TEST_CASE("a spec keeps the limits of its streams, and says nothing of those that have none") {
  Spec spec = some_spec();
  CHECK(to_json(spec).find("max_lag") == std::string::npos);
  spec.streams[0].limits = {1000, std::chrono::minutes(15), 0};
  const Spec read = parse_spec(to_json(spec));
  CHECK(read == spec);
  CHECK(read.streams[0].limits.pending_age == Duration(900'000));
  CHECK(read.streams[0].limits.dead == 0);
  CHECK_FALSE(read == some_spec());
  for (const char* bad : {R"({"streams":[{"name":"a","max_lag":-1}]})", R"({"streams":[{"name":"a","max_dead":"1"}]})",
                          R"({"streams":[{"name":"a","max_pending_age_ms":1.5}]})"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_spec(bad), Error);
  }
}

TEST_CASE("a spec says what was asked, on one line") {
  const std::string text = to_json(some_spec());
  CHECK(text.find('\n') == std::string::npos);
  const auto object = nlohmann::json::parse(text);
  CHECK(object["preset"] == "raibid");
  CHECK(object["chart"] == "embedded");
  CHECK(object["streams"] ==
        nlohmann::json::parse(R"([{"name":"raibid:jobs","groups":["raibid-workers"],"max_length":10000}])"));
  CHECK(object["redis"].size() == 7);
  CHECK(object["redis"][5] == nlohmann::json{"maxmemory", "307mb"});
  CHECK(object["auth"] == true);
  CHECK(object["metrics"] == false);
  CHECK(object["size"] == "8Gi");
  CHECK(object["storage_class"] == "fast");
  CHECK(object["memory_limit"] == "512Mi");
  CHECK(object["clients"] == nlohmann::json{"ci/app=worker"});
  CHECK(object["services"] == nlohmann::json{"redis", "app/redis-service"});
}

TEST_CASE("a spec keeps what was chosen, and by whom; what nobody chose is not in it") {
  const Spec spec = spec_of(redis_settings_of({{"memory-limit", "1Gi"},
                                               {"no-auth", "true", "RAIBID_NO_AUTH", Source::environment},
                                               {"size", "2Gi", "config.yaml:1", Source::file},
                                               {"cpu-limit", "1", "preset x:1", Source::preset},
                                               {"strict", "true"},
                                               {"adopt", "true"}}));
  CHECK(spec.chosen ==
        Choices{{"memory-limit", {"flag", {"1Gi"}}}, {"no-auth", {"variable", {"true"}}}, {"size", {"file", {"2Gi"}}}});
  CHECK(parse_spec(to_json(spec)) == spec);
  CHECK_FALSE(has(to_json(spec_of(redis_settings_of({}))), "chosen"));
}

TEST_CASE("a spec never tells where a password is, nor what was set by hand") {
  const std::string text =
      to_json(spec_of(redis_settings_of({{"password-file", "/home/u/hunter2"}, {"set", "a=hunter2"}})));
  CHECK_FALSE(has(text, "hunter2"));
}

TEST_CASE("the size of a claim that is not made is no part of it") {
  const Spec spec = spec_of(redis_settings_of({{"no-persistence", "true"}}));
  CHECK_FALSE(spec.persistence);
  CHECK(spec.size.empty());
}

TEST_CASE("no chart takes a spec for a template") {
  Spec spec;
  spec.streams = {{"{{raibid}}:{{{jobs", {"a{{b"}, 0}};
  const std::string text = to_json(spec);
  CHECK_FALSE(has(text, "{{"));
  CHECK(parse_spec(text) == spec);
}

TEST_CASE("no annotation, an empty spec; keys of other versions are fine") {
  CHECK(parse_spec("") == Spec());
  CHECK(parse_spec("{}") == Spec());
  const Spec spec = parse_spec(R"({"preset":"x","invented":{"later":[1]},"streams":[{"name":"a","more":1}]})");
  CHECK(spec.preset == "x");
  CHECK(spec.streams.at(0).name == "a");
  CHECK(spec.auth);
}

TEST_CASE("garbage is refused") {
  for (const char* text : {"x",
                           "[]",
                           "null",
                           "7",
                           "{",
                           R"({"preset":7})",
                           R"({"auth":"yes"})",
                           R"({"streams":{}})",
                           R"({"streams":["a"]})",
                           R"({"streams":[{}]})",
                           R"({"streams":[{"name":"a","groups":"b"}]})",
                           R"({"streams":[{"name":"a","groups":[1]}]})",
                           R"({"streams":[{"name":"a","max_length":1.5}]})",
                           R"({"streams":[{"name":"a","max_length":-1}]})",
                           R"({"streams":[{"name":"a","max_length":"1"}]})",
                           R"({"redis":{"a":"b"}})",
                           R"({"redis":[["a"]]})",
                           R"({"redis":[["a",1]]})",
                           R"({"clients":"a"})",
                           R"({"services":[null]})",
                           R"({"preset_file":1})",
                           R"({"chosen":[]})",
                           R"({"chosen":{"size":"8Gi"}})",
                           R"({"chosen":{"size":{"by":"hand","values":["8Gi"]}}})",
                           R"({"chosen":{"size":{"values":["8Gi"]}}})",
                           R"({"chosen":{"size":{"by":"flag","values":"8Gi"}}})",
                           "{\"preset\":\"\xff\"}"}) {
    CAPTURE(text);
    const Error error = error_of([&] { parse_spec(text); });
    CHECK(error.code() == ExitCode::failure);
    CHECK(has(error.message(), "raibid-cli/spec"));
  }
}

TEST_CASE("a spec keeps where the certificate is from, and says nothing of TLS where there is none") {
  CHECK_FALSE(has(to_json(some_spec()), "\"tls\""));
  for (const std::vector<Given>& given : {std::vector<Given>{{"tls", "true"}, {"tls-migrate", "true"}},
                                          {{"tls-secret", "a"}, {"tls-client-certs", "true"}},
                                          {{"tls-issuer", "ClusterIssuer/b"}}}) {
    const Spec spec = spec_of(redis_settings_of(given));
    CHECK(spec.tls.enabled());
    CHECK(parse_spec(to_json(spec)) == spec);
    Spec other = spec;
    other.tls.migrate = !other.tls.migrate;
    CHECK_FALSE(other == spec);
  }
  for (const char* bad : {R"({"tls":true})", R"({"tls":{}})", R"({"tls":{"from":"x"}})",
                          R"({"tls":{"from":"own","migrate":"no"}})", R"({"tls":{"from":"secret","secret":1}})"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_spec(bad), Error);
  }
}
