#include "components/redis/place/known_names.hpp"

#include <doctest/doctest.h>

#include "cli/complete.hpp"
#include "components/kubernetes/kubeconfig_names.hpp"
#include "components/redis/server/credentials.hpp"
#include "fakes/fake_desk.hpp"
#include "sys/files.hpp"

namespace raibid::known_names_test {

using test::FakeDesk;

namespace {

using Names = std::vector<std::string>;

const std::string first = R"(apiVersion: v1
kind: Config
contexts:
- {name: "arn:aws:eks:eu:1:cluster/shop", context: {cluster: shop, user: me, namespace: orders}}
- {name: plugin, context: {cluster: shop, user: plugin}}
- {name: lost, context: {cluster: nowhere, user: me}}
- {name: "two\nlines", context: {cluster: shop, user: me}}
clusters:
- {name: shop, cluster: {server: "https://shop:6443"}}
users:
- {name: me, user: {token: geheim}}
- {name: plugin, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: login}}}
)";
const std::string second = R"(apiVersion: v1
kind: Config
current-context: dev
contexts:
- {name: dev, context: {cluster: dev, user: me}}
- {name: lost, context: {cluster: dev, user: me}}
clusters:
- {name: dev, cluster: {server: "https://dev:6443"}}
)";

struct Fixture {
  TemporaryDirectory folder{fs::temp_directory_path()};
  FakeDesk desk;

  Fixture() {
    write_atomic(folder.path() / "first", first);
    write_atomic(folder.path() / "second", second);
    fs::create_directories(folder.path() / ".kube");
    write_atomic(folder.path() / ".kube/config", second);
    desk.context.paths = {folder.path() / "home", folder.path(), folder.path()};
    fs::create_directories(desk.context.paths.home);
    desk.context.environment["KUBECONFIG"] = (folder.path() / "first").string() + ":" +
                                             (folder.path() / "missing").string() + ":" +
                                             (folder.path() / "second").string();
    set({});
  }
  void set(std::map<std::string, std::string> given) {
    SettingMap values;
    for (const char* name : {"kubeconfig", "context", "namespace"}) values[name] = {};
    values["target"] = {{"kubernetes"}, {}};
    for (const auto& [name, value] : given) values[name] = {{value}, {Source::flag, "--" + name}};
    desk.context.settings = Settings(std::move(values));
  }
  void save(const std::string& target, const std::string& place, const std::string& name_space,
            const std::string& release) {
    Credentials credentials;
    credentials.target = target;
    credentials.context = place;
    credentials.cluster_uid = place;
    credentials.name_space = name_space;
    credentials.release = release;
    credentials.host = "localhost";
    save_credentials(desk.context.files, credentials, credentials_path(desk.context.paths, credentials, release));
  }
  Names names(NamedThing thing) const { return known_names(desk.context, thing); }
};

}  // namespace

TEST_SUITE("names for completion") {
  TEST_CASE_FIXTURE(Fixture, "contexts are those of each kubeconfig, merged as kubectl merges them") {
    CHECK(names(NamedThing::context) == Names{"arn:aws:eks:eu:1:cluster/shop", "dev", "lost", "plugin"});
    const KubeconfigNames all = kubeconfig_names(desk.context);
    CHECK(all.current == "dev");
    REQUIRE(all.find("") != nullptr);
    CHECK(all.find("")->server == "https://dev:6443");
    CHECK(all.find("lost")->server.empty());
    CHECK_FALSE(all.find("dev")->asks);
    CHECK(all.find("plugin")->asks);
    set({{"kubeconfig", (folder.path() / "second").string()}});
    CHECK(names(NamedThing::context) == Names{"dev", "lost"});
    set({});
    desk.context.environment.erase("KUBECONFIG");
    CHECK(names(NamedThing::context) == Names{"dev", "lost"});  // ~/.kube/config
  }

  TEST_CASE_FIXTURE(Fixture, "a kubeconfig that is no file, or not YAML, names nothing") {
    write_atomic(folder.path() / "first", "contexts: [");
    set({{"kubeconfig", (folder.path() / "first").string()}});
    CHECK(names(NamedThing::context).empty());
    set({{"kubeconfig", folder.path().string()}});
    CHECK(names(NamedThing::context).empty());
    CHECK(names(NamedThing::name_space).empty());
    CHECK_FALSE(names_are_old(desk.context));
  }

  TEST_CASE_FIXTURE(Fixture, "what setup saved credentials for is known before the cluster was asked") {
    save("kubernetes", "dev", "jobs", "raibid-redis");
    save("kubernetes", "dev", "shop", "queue");
    save("kubernetes", "plugin", "elsewhere", "other");
    CHECK(names(NamedThing::name_space) == Names{"jobs", "shop"});
    CHECK(names(NamedThing::release) == Names{"queue", "raibid-redis"});
    CHECK(names(NamedThing::storage_class).empty());
    set({{"namespace", "shop"}});
    CHECK(names(NamedThing::release) == Names{"queue"});
    set({{"context", "plugin"}});
    CHECK(names(NamedThing::release) == Names{"other"});
    set({{"context", "arn:aws:eks:eu:1:cluster/shop"}});
    CHECK(names(NamedThing::name_space) == Names{"orders"});  // the context's own
    CHECK(names(NamedThing::release).empty());
    set({{"target", "external"}});
    CHECK(names(NamedThing::release).empty());
    set({{"target", "local"}});
    CHECK(names(NamedThing::name_space).empty());
    CHECK(names(NamedThing::release).empty());
  }

  TEST_CASE_FIXTURE(Fixture, "a cluster is asked only where nobody can be asked for a password") {
    CHECK(names_are_old(desk.context));
    set({{"context", "plugin"}});
    CHECK_FALSE(names_are_old(desk.context));
    set({{"context", "lost"}});
    CHECK_FALSE(names_are_old(desk.context));
    set({{"target", "local"}});
    CHECK_FALSE(names_are_old(desk.context));
    set({{"context", "plugin"}});
    learn_names(desk.context);  // the fake runner fails on any child
    CHECK_FALSE(fs::exists(desk.context.paths.home / "completion"));
  }

  TEST_CASE("each kind of name has a word of its own for the scripts") {
    CHECK(plural_of(NamedThing::context) == "contexts");
    CHECK(plural_of(NamedThing::name_space) == "namespaces");
    CHECK(plural_of(NamedThing::release) == "releases");
    CHECK(plural_of(NamedThing::storage_class) == "storage-classes");
    CHECK(plural_of(NamedThing::none).empty());
  }
}

}  // namespace raibid::known_names_test
