#include "components/redis/place/kubernetes/role.hpp"

#include "components/redis/place/kubernetes/observed.hpp"
#include "support/redis_settings.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace raibid::role_test {

using namespace raibid::test;

namespace {

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool allows(const std::vector<RoleRule>& rules, const Kubectl::Right& right) {
  const std::string resource = right.resource + (right.subresource.empty() ? "" : "/" + right.subresource);
  return std::any_of(rules.begin(), rules.end(), [&](const RoleRule& rule) {
    return rule.names.empty() && has(rule.groups, right.group) && has(rule.resources, resource) &&
           has(rule.verbs, right.verb);
  });
}

}  // namespace

TEST_CASE("the printed Role has every right that setup asks for") {
  const std::vector<RoleRule> rules = role_rules(redis_settings_of({}));
  for (const Kubectl::Right& right : needed_rights(false, true)) {
    INFO(right.verb, " ", right.resource, "/", right.subresource);
    CHECK(allows(rules, right));
  }
  CHECK_FALSE(allows(rules, {"create", "", "namespaces", "", true}));
  for (const RoleRule& rule : rules) {
    CHECK_FALSE(has(rule.verbs, "*"));
    CHECK_FALSE(has(rule.resources, "*"));
    CHECK_FALSE(has(rule.groups, "*"));
  }
}

TEST_CASE("the printed Role has the right to make the claim for backups, and a restore has a Role of its own") {
  const RedisSettings settings = redis_settings_of({{"backup-schedule", "@daily"}});
  for (const Kubectl::Right& right : needed_rights(false, true, false, settings.backup.own_claim())) {
    INFO(right.verb, " ", right.resource, "/", right.subresource);
    CHECK(allows(role_rules(settings), right));
  }
  CHECK_FALSE(allows(role_rules(redis_settings_of({})), {"create", "", "persistentvolumeclaims", ""}));
  for (const Kubectl::Right& right :
       {Kubectl::Right{"create", "", "pods", ""}, Kubectl::Right{"create", "", "pods", "exec"}}) {
    CHECK_FALSE(allows(role_rules(settings), right));
    CHECK(allows(restore_rules(), right));
  }
  CHECK(role_manifests(settings).find("name: raibid-cli-raibid-redis-restore\n") != std::string::npos);
}

TEST_CASE("a preset with a Service in another namespace gets a Role there") {
  Preset preset = job_queue_preset();
  preset.services = {"app/redis-service"};
  const std::string text = role_manifests(redis_settings_of({}, preset));
  CHECK(text.find("namespace: app\n") != std::string::npos);
  CHECK(text.find("kind: ClusterRole\n") != std::string::npos);
  CHECK(role_manifests(redis_settings_of({})).find("namespace: app\n") == std::string::npos);
}

}  // namespace raibid::role_test
