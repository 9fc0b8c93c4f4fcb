#include "components/kubernetes/plain_kubeconfig.hpp"

#include <doctest/doctest.h>

#include "fakes/fake_desk.hpp"
#include "sys/files.hpp"
#include "tools/kubectl.hpp"

namespace raibid::plain_kubeconfig_test {

using test::FakeDesk;

namespace {

const std::string elf =
    "\x7f"
    "ELF";

const std::string config = R"(apiVersion: v1
kind: Config
current-context: dev
contexts:
- {name: dev, context: {cluster: one, user: me, namespace: jobs}}
- {name: prod, context: {cluster: two, user: plugin}}
- {name: lost, context: {cluster: nowhere, user: me}}
clusters:
- {name: one, cluster: {server: "https://one:6443", certificate-authority-data: Y2E=}}
- {name: two, cluster: {server: "https://two:6443"}}
users:
- {name: me, user: {token: geheim, client-key-data: a2V5}}
- {name: plugin, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: aws, env: [{name: A, value: geheim}]}}}
)";

struct Fixture {
  TemporaryDirectory folder{fs::temp_directory_path()};
  fs::path bin = folder.path() / "bin";
  fs::path file = folder.path() / ".kube/config";
  Environment environment = {{"HOME", folder.path()}, {"PATH", "/nonexistent:" + bin.string()}};

  Fixture() {
    fs::create_directories(bin);
    fs::create_directories(file.parent_path());
    write_atomic(bin / "kubectl", elf, 0755);
    write_atomic(file, config);
  }
  std::optional<std::string> read(const std::string& kubeconfig = "", const std::string& wanted = "") const {
    FakeDesk desk;
    desk.context.environment = environment;
    return plain_kubeconfig(desk.context, kubeconfig, wanted);
  }
  Cluster cluster(const std::string& wanted = "") const {
    const auto view = read("", wanted);
    REQUIRE(view);
    return Kubectl::parse_config_view({0, *view, "", false}, "", wanted);
  }
};

}  // namespace

TEST_SUITE("plain kubeconfig") {
  TEST_CASE_FIXTURE(Fixture, "one plain file is read without kubectl, and says the same") {
    const Cluster dev = cluster();
    CHECK(dev.context == "dev");
    CHECK(dev.name == "one");
    CHECK(dev.server == "https://one:6443");
    CHECK(dev.context_namespace == "jobs");
    CHECK(dev.plugin.empty());
    const Cluster prod = cluster("prod");
    CHECK(prod.server == "https://two:6443");
    CHECK(prod.plugin == "aws");
  }

  TEST_CASE_FIXTURE(Fixture, "nothing secret is taken out of it") {
    for (const char* const wanted : {"dev", "prod"}) {
      const auto view = read("", wanted);
      REQUIRE(view);
      for (const char* const secret : {"geheim", "a2V5"}) CHECK(view->find(secret) == std::string::npos);
    }
  }

  TEST_CASE_FIXTURE(Fixture, "--kubeconfig comes first, then KUBECONFIG, then the one at home") {
    const fs::path other = folder.path() / "other";
    std::string text = config;
    write_atomic(other, text.replace(text.find("current-context: dev"), 20, "current-context: prod"));
    CHECK(read()->find("https://one:6443") != std::string::npos);
    environment["KUBECONFIG"] = other;
    CHECK(read()->find("https://two:6443") != std::string::npos);
    CHECK(read(file)->find("https://one:6443") != std::string::npos);
  }

  TEST_CASE_FIXTURE(Fixture, "several files are kubectl's to merge") {
    environment["KUBECONFIG"] = file.string() + ":" + file.string();
    CHECK_FALSE(read());
  }

  TEST_CASE_FIXTURE(Fixture, "a kubectl that may choose another file is asked") {
    // a script
    write_atomic(bin / "kubectl", "#!/bin/sh\nexec microk8s kubectl \"$@\"\n", 0755);
    CHECK_FALSE(read());
    // k3s: it prefers /etc/rancher/k3s/k3s.yaml
    fs::remove(bin / "kubectl");
    write_atomic(bin / "k3s", elf, 0755);
    fs::create_symlink("k3s", bin / "kubectl");
    CHECK_FALSE(read());
    // none, and a link to a kubectl of a certain version
    fs::remove(bin / "kubectl");
    CHECK_FALSE(read());
    write_atomic(bin / "kubectl-1.35", elf, 0755);
    fs::create_symlink("kubectl-1.35", bin / "kubectl");
    CHECK(read());
  }

  TEST_CASE_FIXTURE(Fixture, "what is not plain is left to kubectl, which says what is wrong") {
    CHECK_FALSE(read("", "staging"));
    CHECK_FALSE(read("", "lost"));
    CHECK_FALSE(read(folder.path() / "missing"));
    CHECK_FALSE(read(folder.path()));
    const std::vector<std::pair<std::string, std::string>> changes = {
        {"kind: Config", "kind: Preferences"}, {"apiVersion: v1\n", ""},       {"current-context: dev", ""},
        {"name: prod", "name: dev"},           {"name: two, ", "name: one, "}, {"user: me,", "user: nobody,"},
        {"name: one, ", "name: 1, "},          {"https://one:6443", ""},       {"contexts:\n", "contexts: {a\n"},
    };
    for (const auto& [from, to] : changes) {
      std::string text = config;
      REQUIRE(text.find(from) != std::string::npos);
      write_atomic(file, text.replace(text.find(from), from.size(), to));
      CHECK_MESSAGE(!read(), from, " → ", to);
    }
  }
}

}  // namespace raibid::plain_kubeconfig_test
