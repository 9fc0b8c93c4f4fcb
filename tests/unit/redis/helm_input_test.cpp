#include "components/redis/settings/helm_input.hpp"

#include <doctest/doctest.h>

#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

struct Folder {
  TemporaryDirectory folder{std::filesystem::temp_directory_path()};
  std::string write(const std::string& name, const std::string& content) const {
    const fs::path path = folder.path() / name;
    fs::create_directories(path.parent_path());
    write_atomic(path, content);
    return path;
  }
};

ChartChoice chart_of(const std::string& chart, const std::string& version = {}) {
  std::vector<Given> given{{"chart", chart}};
  if (!version.empty()) given.push_back({"chart-version", version});
  return choose_chart(settings_of(given));
}

std::string set_refusal(const std::string& set) {
  const Error error = error_of([&] { check_sets({set}, ChartChoice::Kind::embedded, "--set (RAIBID_SET)"); });
  CHECK(error.code() == ExitCode::usage);
  CHECK(has(error.message(), "--set (RAIBID_SET)"));
  CHECK_FALSE(has(error.message() + error.hint(), "hunter2"));
  return error.message();
}

}  // namespace

TEST_CASE("the embedded chart is the default") {
  const ChartChoice chart = choose_chart(settings_of({}));
  CHECK(chart.kind == ChartChoice::Kind::embedded);
  CHECK(chart.reference.empty());
  CHECK(chart.version.empty());
}

TEST_CASE("Bitnami's chart, by name, by registry and by repository") {
  for (const char* name : {"bitnami", "oci://registry-1.docker.io/bitnamicharts/redis",
                           "oci://mirror.example.com/hub/bitnamicharts/redis", "bitnami/redis"}) {
    CAPTURE(name);
    const ChartChoice chart = chart_of(name);
    CHECK(chart.kind == ChartChoice::Kind::bitnami);
    CHECK(chart.version == "23.1.1");
    CHECK(chart_of(name, "22.0.0").version == "22.0.0");
  }
  CHECK(chart_of("bitnami").reference == "oci://registry-1.docker.io/bitnamicharts/redis");
  CHECK(chart_of("bitnami/redis").reference == "bitnami/redis");
}

TEST_CASE("other charts") {
  CHECK(chart_of("oci://ghcr.io/team/redis", "1.2.3").kind == ChartChoice::Kind::other);
  CHECK(chart_of("oci://ghcr.io/team/redis", "1.2.3").version == "1.2.3");
  CHECK(chart_of("team/redis").reference == "team/redis");
  CHECK(chart_of("https://example.com/redis-1.tgz").kind == ChartChoice::Kind::other);
}

TEST_CASE("a chart's folder, Bitnami's or another") {
  const Folder folder;
  folder.write("bitnami/Chart.yaml", "apiVersion: v2\nname: redis\nversion: 23.1.1\nhome: https://bitnami.com\n");
  folder.write("mine/Chart.yaml", "apiVersion: v2\nname: redis\nversion: 1.0.0\n");
  const std::string bitnami = folder.folder.path() / "bitnami";
  CHECK(chart_of(bitnami).kind == ChartChoice::Kind::bitnami);
  CHECK(chart_of(bitnami).reference == bitnami);
  CHECK(chart_of(bitnami).version.empty());
  CHECK(chart_of(folder.folder.path() / "mine").kind == ChartChoice::Kind::other);
  CHECK(chart_of(folder.write("packed.tgz", "")).kind == ChartChoice::Kind::other);
  CHECK(has(error_of([&] { chart_of(bitnami, "1.0.0"); }).message(), "--chart-version"));
}

TEST_CASE("charts that cannot be meant") {
  const Folder folder;
  const auto refusal = [](const std::string& chart) {
    const Error error = error_of([&] { chart_of(chart); });
    CHECK(error.code() == ExitCode::usage);
    return error.message();
  };
  CHECK(has(refusal("embeded"), "embedded"));
  CHECK(has(refusal("/nowhere/redis"), "no chart at /nowhere/redis"));
  CHECK(has(refusal("./nowhere"), "no chart at ./nowhere"));
  CHECK(has(refusal(folder.folder.path()), "holds no Chart.yaml"));
  folder.write("broken/Chart.yaml", "name: [");
  CHECK(has(refusal(folder.folder.path() / "broken"), "Chart.yaml"));
  CHECK(has(error_of([] { chart_of("embedded", "1.0.0"); }).message(), "only one version"));
}

TEST_CASE("--set takes what helm takes") {
  CHECK_NOTHROW(check_sets({"a.b=c", "master.nodeSelector.disk=ssd,metrics.enabled=false", "list={a,b}", "a=b\\,c=d",
                            "x[0].y=1", "empty=", "auth.usePasswordFiles=true",
                            "auth.existingSecretPasswordKey=redis-password", "note=see the password page"},
                           ChartChoice::Kind::embedded, "--set"));
  CHECK_NOTHROW(check_sets({"tls.enabled=true", "architecture=replication"}, ChartChoice::Kind::bitnami, "--set"));
  CHECK(has(set_refusal("nonsense"), "KEY=VALUE"));
  CHECK(has(set_refusal("=x"), "KEY=VALUE"));
  CHECK(has(set_refusal("a=b,nonsense"), "KEY=VALUE"));
  CHECK(has(set_refusal(""), "KEY=VALUE"));
}

TEST_CASE("a password by --set is refused, and not repeated") {
  for (const char* set : {"auth.password=hunter2", "global.redis.password=hunter2", "a=1,auth.password=hunter2",
                          "auth.acl.users[0].password=hunter2", "redisPassword=hunter2", "AUTH.PassWord=hunter2",
                          "sentinel.passwd=hunter2", "tls.passphrase=hunter2", "x.requirepass=hunter2",
                          "commonConfiguration=requirepass hunter2", "master.extraFlags={--requirepass,hunter2}",
                          "master.configuration=hz 10\nmasterauth hunter2"}) {
    CAPTURE(set);
    CHECK(has(set_refusal(set), "would put a password"));
  }
}

TEST_CASE("--set of what an option decides is refused, with that option") {
  for (const char* key : {"auth.enabled", "architecture", "replica.replicaCount", "sentinel.quorum", "tls.enabled",
                          "tls.existingSecret", "TLS.authClients"}) {
    CAPTURE(key);
    CHECK(has(set_refusal(std::string("a=1,") + key + "=x"), std::string(key) + " is decided by raibid-cli"));
  }
  CHECK(error_of([] { check_sets({"tls.enabled=true"}, ChartChoice::Kind::embedded, "--set"); }).hint() ==
        "use --tls, --tls-secret or --tls-client-certs");
  const Error error = error_of([] { check_sets({"auth.enabled=no"}, ChartChoice::Kind::bitnami, "--set"); });
  CHECK(has(error.message(), "auth.enabled is decided"));
}

TEST_CASE("names by which everything is found cannot be set") {
  CHECK(has(set_refusal("fullnameOverride=x"), "names"));
  CHECK(has(set_refusal("a=1,nameOverride=x"), "names"));
  CHECK(has(set_refusal("namespaceOverride=x"), "names"));
}

TEST_CASE("values files are searched for passwords") {
  const Folder folder;
  const auto refusal = [&](const std::string& content) {
    const std::string file = folder.write("values.yaml", content);
    const Error error = error_of([&] { check_values_files({file}, "--values"); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(has(error.message(), file));
    CHECK_FALSE(has(error.message() + error.hint(), "hunter2"));
    return error.message();
  };
  CHECK(has(refusal("auth:\n  password: hunter2\n"), "auth.password would put a password"));
  CHECK(has(refusal("auth:\n  password: 12345678\n"), "auth.password would put a password"));
  CHECK(has(refusal("users:\n- {name: a, redisPassword: hunter2}\n"), "users[0].redisPassword"));
  CHECK(has(refusal("commonConfiguration: |\n  hz 10\n  requirepass hunter2\n"), "commonConfiguration"));
  CHECK(has(refusal("master: {extraFlags: [--requirepass, hunter2]}\n"), "master.extraFlags[0]"));
  CHECK(has(refusal("fullnameOverride: x\n"), "names"));
  CHECK(has(refusal("a: [\n"), "values.yaml"));
}

TEST_CASE("values files without one pass") {
  const Folder folder;
  CHECK_NOTHROW(check_values_files(
      {folder.write("values.yaml",
                    "auth:\n  password: \"\"\n  usePasswordFiles: true\n  existingSecretPasswordKey: x\n"
                    "master:\n  nodeSelector: {disk: ssd}\n# password: hunter2\n"),
       folder.write("empty.yaml", "{}\n")},
      "--values"));
}

TEST_CASE("values that are no file") {
  const auto refusal = [](const std::string& file) {
    const Error error = error_of([&] { check_values_files({file}, "--values"); });
    CHECK(error.code() == ExitCode::usage);
    return error.message();
  };
  CHECK(has(refusal("/nowhere/values.yaml"), "no file /nowhere/values.yaml"));
  CHECK(has(refusal("-"), "not a file"));
  CHECK(has(refusal("https://example.com/values.yaml"), "not a file"));
  CHECK(has(refusal("/"), "/"));
}
