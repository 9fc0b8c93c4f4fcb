// Passwords that a secret store keeps: which Secret is whose, and what --existing-secret may name.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/settings/existing_secret.hpp"
#include "components/redis/settings/spec.hpp"
#include "fakes/fake_runner.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "sys/random.hpp"

namespace raibid::stores_test {

namespace {

using namespace raibid::test;
using nlohmann::json;

json secret(const json& metadata) { return {{"kind", "Secret"}, {"metadata", metadata}}; }

std::string keeper(const char* where, const char* name, const char* value = "true") {
  return controller_of(secret({{where, {{name, value}}}}));
}

RedisSettings with_existing(const std::string& text) {
  RedisSettings settings;
  settings.name_space = "jobs";
  settings.release = "jobs-redis";
  settings.existing_secret = parse_secret_reference(text, "--existing-secret");
  return settings;
}

Observed holding(const SecretContent& content, const std::string& controller = "") {
  Observed observed;
  observed.secret.emplace();
  observed.secret->ours = true;
  observed.secret->content = content;
  observed.secret->controller = controller;
  return observed;
}

SecretContent plain() { return secret_content(Secret("a-password"), Secret("of-the-exporter")); }

const RedisNames names("jobs-redis", "jobs");

}  // namespace

TEST_CASE("stores: a Secret's keeper is told by its owner, its labels and its annotations") {
  const json owner = {{"kind", "ExternalSecret"}, {"name", "queue"}};
  CHECK(controller_of(secret({{"ownerReferences", {owner}}})) == "ExternalSecret queue");
  CHECK(keeper("labels", "reconcile.external-secrets.io/created-by", "abc") == "External Secrets");
  CHECK(keeper("labels", "reconcile.external-secrets.io/managed") == "External Secrets");
  CHECK(keeper("annotations", "sealedsecrets.bitnami.com/managed") == "Sealed Secrets");
  CHECK(keeper("annotations", "sealedsecrets.bitnami.com/patch") == "Sealed Secrets");
  CHECK(keeper("labels", "secrets-store.csi.k8s.io/managed") == "the Secrets Store CSI driver");
  CHECK(keeper("labels", "app.kubernetes.io/managed-by", "hashicorp-vso") == "the Vault Secrets Operator");
  CHECK(keeper("labels", "secrets.hashicorp.com/vso-ownerRefUID", "x") == "the Vault Secrets Operator");
  CHECK(keeper("annotations", "argocd.argoproj.io/tracking-id", "app:/Secret:ns/x") == "Argo CD");
  CHECK(keeper("labels", "argocd.argoproj.io/instance", "app") == "Argo CD");
  CHECK(keeper("labels", "kustomize.toolkit.fluxcd.io/name", "app") == "Flux");
  CHECK(keeper("labels", "helm.toolkit.fluxcd.io/name", "app") == "Flux");
}

TEST_CASE("stores: what says nothing of a keeper is nobody's") {
  CHECK(controller_of(secret({{"name", "x"}})).empty());
  CHECK(keeper("labels", "app.kubernetes.io/managed-by", "raibid-cli").empty());
  CHECK(keeper("labels", "app.kubernetes.io/managed-by", "Helm").empty());
  CHECK(keeper("labels", "reconcile.external-secrets.io/managed", "false").empty());
  CHECK(keeper("annotations", "reconcile.external-secrets.io/managed").empty());
  CHECK(controller_of(secret({{"labels", "odd"}, {"ownerReferences", "odd"}})).empty());
  CHECK(controller_of(json()).empty());
}

TEST_CASE("stores: --existing-secret names a Secret and one of its keys") {
  CHECK(parse_secret_reference("queue", "x") == SecretReference{"queue", "redis-password"});
  CHECK(parse_secret_reference("queue/pass.word_1", "x") == SecretReference{"queue", "pass.word_1"});
  CHECK(parse_secret_reference("queue/redis-password", "x").text() == "queue");
  CHECK(parse_secret_reference("queue/other", "x").text() == "queue/other");
  for (const char* bad : {"", "/key", "Queue", "queue/", "queue/a/b", "queue/a b", "que ue"}) {
    CAPTURE(bad);
    const Error error = error_of([&] { parse_secret_reference(bad, "--existing-secret"); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(has(error.message(), "--existing-secret"));
  }
}

TEST_CASE("stores: the record has the Secret that a Redis was set up with") {
  const RedisSettings settings = redis_settings_of({{"existing-secret", "queue/key"}});
  CHECK(settings.existing_secret == SecretReference{"queue", "key"});
  CHECK(existing_secret_of(spec_of(settings)) == settings.existing_secret);
  CHECK(existing_secret_of(parse_spec(to_json(spec_of(settings)))) == settings.existing_secret);
  const RedisSettings none = redis_settings_of({{"existing-secret", "none"}});
  CHECK_FALSE(none.existing_secret);
  CHECK_FALSE(existing_secret_of(spec_of(none)));
  CHECK_FALSE(existing_secret_of(Spec{}));
}

TEST_CASE("stores: --existing-secret goes with a cluster, a password, and no other source of one") {
  const auto refused = [](std::vector<Given> options) {
    options.push_back({"existing-secret", "queue"});
    const Error error = error_of([&] { redis_settings_of(options); });
    CHECK(error.code() == ExitCode::usage);
    return error.message();
  };
  CHECK(has(refused({{"target", "local"}}), "cannot be used with --target local: a Secret is in a cluster"));
  CHECK(has(refused({{"target", "external"}, {"url", "redis://h"}}), "cannot be used with --target external"));
  CHECK(has(refused({{"no-auth", "true"}}), "contradict each other"));
  CHECK(has(refused({{"password-file", "/tmp/p"}}), "contradict each other"));
}

TEST_CASE("stores: a password that Redis or its clients could not have is told without repeating it") {
  CHECK(password_problem("good-password").empty());
  CHECK(password_problem("") == "is empty");
  CHECK(password_problem("a-password\n") == "ends with a line break");
  CHECK(has(password_problem("a password"), "a character 2 that is a space or not printable ASCII"));
  CHECK(has(password_problem("short"), "fewer than 8"));
  CHECK(has(password_problem(std::string(600, 'x')), "more than 512"));
}

TEST_CASE("stores: a Secret that someone else keeps is refused, unless --existing-secret names it") {
  RedisSettings settings = with_existing("other");
  CHECK_NOTHROW(refuse_kept_secret(holding(plain()), settings, names, Scope()));
  CHECK_NOTHROW(refuse_kept_secret(Observed(), settings, names, Scope()));
  const Error kept = error_of([&] { refuse_kept_secret(holding(plain(), "Argo CD"), settings, names, Scope()); });
  CHECK(kept.code() == ExitCode::preflight);
  CHECK(has(kept.message(), "Secret jobs-redis in namespace jobs belongs to Argo CD"));
  CHECK(has(kept.hint(), "--existing-secret jobs-redis"));
  settings.existing_secret.reset();
  CHECK_THROWS_AS(refuse_kept_secret(holding(plain(), "Argo CD"), settings, names, Scope()), Error);
  CHECK_NOTHROW(refuse_kept_secret(holding(plain(), "Argo CD"), with_existing("jobs-redis"), names, Scope()));
}

TEST_CASE("stores: the release's own Secret as that of a store has to hold all that is read of it") {
  RedisSettings settings = with_existing("jobs-redis");
  CHECK(missing_keys(holding(plain()), settings).empty());
  settings.streams = {{"jobs", {"workers"}, 1000}};
  settings.trim_schedule = "*/10 * * * *";
  settings.user.name = "worker";
  CHECK(missing_keys(holding(plain()), settings) ==
        std::vector<std::string>{"trim-password", "redis-username", "admin-password"});
  const Error lacking = error_of([&] { refuse_kept_secret(holding(plain()), settings, names, Scope()); });
  CHECK(has(lacking.message(), "is not written: it lacks trim-password, redis-username, admin-password"));
  SecretContent changed = plain();
  changed[password_key] = Secret("of-the-store");
  const Error other =
      error_of([&] { refuse_kept_secret(holding(changed), with_existing("jobs-redis"), names, Scope()); });
  CHECK(has(other.message(), "redis-password is no password of users.acl"));
  const Error key =
      error_of([&] { refuse_kept_secret(holding(plain()), with_existing("jobs-redis/other"), names, Scope()); });
  CHECK(has(key.message(), "has to be in key redis-password"));
}

TEST_CASE("stores: a store that goes back to the password of before has two, not three") {
  const SecretContent second = with_second_password(plain(), Secret("another-one"), {});
  const SecretContent back = with_second_password(second, Secret("a-password"), {});
  CHECK(password_hashes(back) == std::vector{sha256_hex("a-password"), sha256_hex("another-one")});
  CHECK(value_of(back, password_key) == Secret("a-password"));
}

}  // namespace raibid::stores_test
