#include "components/redis/settings/naming.hpp"

#include <doctest/doctest.h>

#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

TEST_CASE("names are those of the Bitnami chart") {
  const RedisNames names("raibid-redis", "raibid-redis");
  CHECK(names.full == "raibid-redis");
  CHECK(names.workload == "raibid-redis-master");
  CHECK(names.pod == "raibid-redis-master-0");
  CHECK(names.claim == "redis-data-raibid-redis-master-0");
  CHECK(names.host == "raibid-redis-master.raibid-redis.svc.cluster.local");
  CHECK(names.selector == "app.kubernetes.io/name=redis,app.kubernetes.io/instance=raibid-redis");
}

TEST_CASE("a release without redis in its name gets it") {
  const RedisNames names("jobs", "work");
  CHECK(names.full == "jobs-redis");
  CHECK(names.host == "jobs-redis-master.work.svc.cluster.local");
  CHECK(names.selector == "app.kubernetes.io/name=redis,app.kubernetes.io/instance=jobs");
}

TEST_CASE("an option is named with its origin") {
  const Settings settings = settings_of({{"size", "1Gi", "RAIBID_SIZE", Source::environment}, {"image", "x"}});
  CHECK(named(settings, "size") == "--size (RAIBID_SIZE)");
  CHECK(named(settings, "image") == "--image");
  CHECK(named(settings, "chart") == "--chart (default)");
}

TEST_CASE("names that Kubernetes and Helm take") {
  for (const char* name : {"a", "raibid-redis", "r2d2", "a--b"}) {
    CAPTURE(name);
    CHECK(namespace_of(settings_of({{"namespace", name}})) == name);
    CHECK(release_of(settings_of({{"release", name}})) == name);
  }
  CHECK(namespace_of(settings_of({{"namespace", "2fast"}})) == "2fast");
  CHECK(namespace_of(settings_of({{"namespace", std::string(63, 'n')}})).size() == 63);
  CHECK(release_of(settings_of({{"release", "redis-" + std::string(39, 'r')}})).size() == 45);
}

TEST_CASE("names that they do not take") {
  for (const char* name : {"", "Raibid", "a_b", "-a", "a-", "a.b", "a b", "ä", "a\n", "a/b"}) {
    CAPTURE(name);
    for (const char* option : {"namespace", "release"}) {
      const Error error = error_of([&] {
        const Settings settings = settings_of({{option, name, "RAIBID_X", Source::environment}});
        namespace_of(settings);
        release_of(settings);
      });
      CHECK(error.code() == ExitCode::usage);
      CHECK(has(error.message(), std::string("--") + option + " (RAIBID_X)"));
      CHECK_FALSE(error.hint().empty());
    }
  }
}

TEST_CASE("names that are too long") {
  const auto message = [](const char* option, const std::string& name) {
    return error_of([&] {
             const Settings settings = settings_of({{option, name}});
             namespace_of(settings);
             release_of(settings);
           })
        .message();
  };
  CHECK(has(message("namespace", std::string(64, 'n')), "64 characters; Kubernetes allows 63"));
  CHECK(has(message("release", std::string(54, 'r')), "54 characters; Helm allows 53"));
  // 40 characters and "-redis" are 46: one more than the pods' labels leave room for
  CHECK(has(message("release", std::string(40, 'r')), "46 characters"));
  CHECK(release_of(settings_of({{"release", std::string(39, 'r')}})).size() == 39);
}

TEST_CASE("a release begins the name of a Service, which begins with a letter") {
  CHECK(has(error_of([] { release_of(settings_of({{"release", "2redis"}})); }).message(), "must begin with a letter"));
}

TEST_CASE("a preset of one's own that names neither") {
  const Error error = error_of([] {
    namespace_of(settings_of({{"namespace", "", "default", Source::default_value}}));
  });
  CHECK(has(error.message(), "there is no namespace"));
  CHECK(has(error.hint(), "-n"));
  CHECK(has(error_of([] { release_of(settings_of({{"release", ""}})); }).message(), "there is no release"));
}
