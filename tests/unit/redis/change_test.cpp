#include "components/redis/settings/change.hpp"

#include <doctest/doctest.h>

#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "config/redis_directives.hpp"
#include "fakes/fake_runner.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

using Texts = std::vector<std::string>;

Spec some_spec() {
  Spec spec;
  spec.chart = "embedded";
  spec.memory_limit = "512Mi";
  spec.directives = {{"appendonly", "yes"}, {"databases", "16"}, {"save", "900 1"}, {"maxmemory", "307mb"}};
  return spec;
}

/// A cluster that has the release, with a claim of 8Gi of a class that can grow.
Observed some_release() {
  Observed observed;
  observed.workload = {"raibid-redis", to_json(some_spec()), "8Gi", std::nullopt};
  observed.claims = {{"redis-data-raibid-redis-master-0", "8Gi", "fast"}};
  observed.storage_classes = {"fast", "slow"};
  observed.expandable_classes = {"fast"};
  return observed;
}

Error refusal(const Observed& observed, const std::vector<Given>& given) {
  FakeRunner runner;
  const RedisSettings settings = redis_settings_of(given);
  const RedisNames names(settings.release, settings.name_space);
  const Kubectl kubectl(runner, Cluster{}, settings.name_space);
  const Error error = error_of([&] { refuse_unchangeable(observed, settings, names, kubectl); });
  CHECK(error.code() == ExitCode::preflight);
  CHECK_FALSE(error.hint().empty());
  return error;
}

void accepts(const Observed& observed, const std::vector<Given>& given) {
  FakeRunner runner;
  const RedisSettings settings = redis_settings_of(given);
  const RedisNames names(settings.release, settings.name_space);
  CHECK_NOTHROW(refuse_unchangeable(observed, settings, names, Kubectl(runner, Cluster{}, settings.name_space)));
}

}  // namespace

TEST_CASE("change: what CONFIG SET does restarts nothing") {
  Spec after = some_spec();
  after.directives = {{"appendonly", "no"}, {"databases", "16"}, {"save", "60 1"}, {"maxmemory", "1gb"}, {"hz", "20"}};
  after.size = "9Gi";
  after.clients = {"jobs"};
  CHECK(restart_reasons(some_spec(), after).empty());
}

TEST_CASE("change: what needs a restart, by name and value") {
  Spec after = some_spec();
  after.memory_limit = "1Gi";
  after.directives[1].second = "32";
  after.auth = false;
  CHECK(restart_reasons(some_spec(), after) ==
        Texts{"memory limit 512Mi → 1Gi", "password on → off", "databases 16 → 32"});
  after = some_spec();
  after.directives.erase(after.directives.begin() + 1);
  CHECK(restart_directives(some_spec(), after) == Texts{"databases 16 → its default"});
}

TEST_CASE("change: directives that are asked for no more stay until the next start") {
  Spec after = some_spec();
  after.directives = {{"appendonly", "yes"}};
  CHECK(dropped_directives(some_spec(), after) == Texts{"maxmemory 307mb", "save 900 1"});
  CHECK(dropped_directives(some_spec(), some_spec()).empty());
}

TEST_CASE("change: a claim grows where its class allows it, and never shrinks") {
  accepts(some_release(), {{"size", "20Gi"}});
  accepts(some_release(), {{"size", "4Gi"}});
  CHECK(claim_is_to_grow(some_release(), redis_settings_of({{"size", "20Gi"}})));
  CHECK_FALSE(claim_is_to_grow(some_release(), redis_settings_of({{"size", "8192Mi"}})));
  CHECK(about_shrinking(some_release(), redis_settings_of({{"size", "8192Mi"}})).empty());
  CHECK(has(about_shrinking(some_release(), redis_settings_of({{"size", "4Gi"}})), "no claim can shrink"));
  Observed fixed = some_release();
  fixed.expandable_classes.clear();
  const Error error = refusal(fixed, {{"size", "20Gi"}});
  CHECK(has(error.message(), "cannot grow to 20Gi: StorageClass fast does not allow it"));
  CHECK(has(error.hint(), "--size 8Gi"));
}

TEST_CASE("change: what is immutable is refused before it is tried") {
  CHECK(has(refusal(some_release(), {{"chart", "bitnami"}}).message(), "another chart"));
  CHECK(has(refusal(some_release(), {{"no-persistence", "true"}}).message(), "in a claim"));
  CHECK(has(refusal(some_release(), {{"storage-class", "slow"}}).message(), "can change to slow"));
  accepts(some_release(), {{"storage-class", "fast"}});
  Observed memory = some_release();
  memory.workload->claim_size = "";
  memory.claims.clear();
  CHECK(has(refusal(memory, {}).message(), "in memory alone"));
  accepts(memory, {{"no-persistence", "true"}});
}

TEST_CASE("change: one node becomes several in place, and several one; kept data is taken up as it was") {
  Observed observed = some_release();
  observed.id = {"raibid-redis", "raibid-redis"};
  accepts(observed, {{"ha", "true"}});
  observed.claims.push_back({"redis-data-raibid-redis-master-2", "8Gi", "fast"});
  CHECK(has(refusal(observed, {{"ha", "true"}}).message(), "claim redis-data-raibid-redis-master-2 is left"));
  observed.claims.pop_back();
  Spec several = some_spec();
  several.replicas = 2;
  CHECK(restart_reasons(some_spec(), several) == Texts{"nodes 1 → 3"});
  CHECK(restart_reasons(several, some_spec()) == Texts{"nodes 3 → 1"});
  observed.claims[0].has_everything = true;
  CHECK(has(refusal(observed, {{"ha", "true"}}).hint(), "raibid-cli setup redis --ha=false"));
  observed.claims[0].has_everything = false;
  observed.workload->spec = to_json(several);
  accepts(observed, {});
  accepts(observed, {{"ha", "true"}, {"replicas", "4"}});
  accepts(observed, {{"ha", "true"}});
  observed.claims.push_back({"redis-data-raibid-redis-master-3", "8Gi", "fast"});
  CHECK(has(refusal(observed, {{"ha", "true"}, {"replicas", "4"}}).message(),
            "redis-data-raibid-redis-master-3 is left"));
  observed.claims.pop_back();

  observed.workload.reset();
  observed.claims[0].spec = to_json(several);
  observed.claims.push_back({"redis-data-raibid-redis-master-1", "8Gi", "fast"});
  CHECK(has(refusal(observed, {}).message(), "is that of 3 nodes"));
  observed.claims[0].has_everything = true;
  accepts(observed, {});
  CHECK(has(refusal(observed, {{"ha", "true"}, {"replicas", "4"}}).message(), "is that of 3 nodes"));
  accepts(observed, {{"ha", "true"}});
  // what a single node left, beside what several left before
  observed.claims[0].spec = to_json(some_spec());
  CHECK(has(refusal(observed, {{"ha", "true"}}).message(), "claim redis-data-raibid-redis-master-1 is left"));
  observed.claims.pop_back();
  accepts(observed, {{"ha", "true"}});
  // of an interrupted setup: nobody has used it
  observed.claims = {{"redis-data-raibid-redis-master-0", "8Gi", "fast"},
                     {"redis-data-raibid-redis-master-1", "8Gi", "fast"}};
  accepts(observed, {{"ha", "true"}});
}

TEST_CASE("change: TLS or a password, and another number of nodes, one after the other") {
  Observed observed = some_release();
  observed.id = {"raibid-redis", "raibid-redis"};
  Spec several = some_spec();
  several.replicas = 2;
  observed.workload->spec = to_json(several);
  accepts(observed, {{"ha", "true"}, {"tls", "true"}});
  accepts(observed, {{"ha", "true"}, {"no-auth", "true"}});
  CHECK(has(refusal(observed, {{"ha", "true"}, {"replicas", "4"}, {"no-auth", "true"}}).hint(),
            "with the password as it is: raibid-cli setup redis --ha --replicas 4 --tls=false --no-auth=false"));
  several.tls.from = TlsChoice::From::own;
  observed.workload->spec = to_json(several);
  accepts(observed, {{"ha", "true"}, {"tls-client-certs", "true"}});
  accepts(observed, {{"ha", "true"}});
  CHECK(has(refusal(observed, {}).hint(), "with TLS as it is: raibid-cli setup redis --ha=false --tls"));
  accepts(observed, {{"tls", "true"}});
}

TEST_CASE("change: a further name that is someone else's") {
  Observed observed = some_release();
  observed.services = {{"redis-service", ""}};
  CHECK(has(refusal(observed, {}).message(), "Service redis-service"));
  observed.services = {{"redis-service", "raibid-redis"}};
  accepts(observed, {});
}

TEST_CASE("change: TLS on, off or from elsewhere restarts Redis; whether clients need a certificate does not") {
  Spec after = some_spec();
  after.tls.from = TlsChoice::From::own;
  CHECK(restart_reasons(some_spec(), after) == Texts{"TLS off → on"});
  CHECK(restart_reasons(after, some_spec()) == Texts{"TLS on → off"});
  Spec before = after;
  after.tls.client_certificates = true;
  CHECK(restart_reasons(before, after).empty());
  after.tls.migrate = true;
  CHECK(restart_reasons(before, after) == Texts{"TLS on → on, plain port open"});
}
