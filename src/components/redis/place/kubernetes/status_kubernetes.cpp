#include "components/redis/place/kubernetes/status_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/examine_objects.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/kubernetes/secret_content.hpp"
#include "components/redis/place/kubernetes/server_files.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/server/backup_manifest.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/record.hpp"

namespace raibid {

namespace {

TlsFacts kept_certificate(const Release& found) {
  TlsFacts tls;
  tls.choice = found.tls_choice();
  tls.port = found.port();
  const TlsObjects::Object* const mounted = found.tls.mounted(tls.choice);
  if (mounted != nullptr) tls.kept = tls.choice.from == TlsChoice::From::own ? found.tls.content() : mounted->content;
  tls.kept.erase(previous_certificates_key);
  if (tls.kept.empty()) tls.kept[tls_certificate_key] = Secret();  // lost, all of it
  return tls;
}

/// Where no connection came about it is looked at whether it is to be trusted or not: it may be why.
void look_at_shown_certificate(Context& context, KubernetesRedis& redis, TimePoint until, TlsFacts& tls) {
  if (!tls.choice.enabled() || tls.served) return;
  try {
    const std::string shown = context.redis.served_certificate(redis.endpoint(Login(), until), reply_limit);
    tls.served = read_certificate(shown, "what Redis shows");
  } catch (const Error& error) {
    tls.no_handshake = error.message();
  }
}

CertificateSpec certificate_spec_of(const Release& found, const Scope& scope) {
  const Spec spec = found.spec();
  RedisSettings settings;
  settings.release = found.id.name;
  settings.name_space = found.id.name_space;
  settings.services = spec.services;
  settings.tls = spec.tls;
  const auto domain = spec.chosen.find("cluster-domain");
  if (domain != spec.chosen.end() && !domain->second.values.empty())
    settings.cluster_domain = domain->second.values.front();
  return certificate_spec(settings, RedisNames(settings.release, settings.name_space, settings.cluster_domain), scope);
}

/// Asks for the Secret that the password is taken from.
StatusFacts::Store read_store(const Kubectl& kubectl, const SecretReference& existing, const Secret& ours,
                              TimePoint until) {
  const Command question = kubectl.get({"secret/" + existing.name});
  const nlohmann::json secrets = Kubectl::parse_items(question, kubectl.ask(question, until));
  const SecretContent content = secrets.empty() ? SecretContent() : content_of(&secrets.front());
  const bool has_key = content.contains(existing.key);
  const Secret stored = value_of(content, existing.key);
  return {existing.name,
          existing.key,
          !secrets.empty(),
          has_key,
          has_key && stored == ours,
          has_key ? password_problem(stored.reveal()) : ""};
}

void examine_store(const StatusFacts::Store& store, HealthReport& report) {
  const std::string name = "Secret " + SecretReference{store.secret, store.key}.text();
  if (!store.same && !store.problem.empty())
    return report.add({"store", false, fmt::format("{} has a password that cannot be used: it {}", name, store.problem),
                       "Redis and its own Secret are as they were; store another one where that is kept"},
                      CheckReason::failed);
  report.add({"store", store.same,
              store.same      ? name + " has the password of Redis"
              : store.has_key ? name + " has another password than Redis: the store has changed it"
                              : name + (store.there ? " has no such key" : " is gone"),
              store.has_key ? "to take it over, while the one of before still holds: " +
                                  report.scope().command("credentials sync")
                            : "Redis and its own Secret are as they were; let whatever keeps it make it again"},
             store.has_key ? CheckReason::changed : CheckReason::missing);
}

}  // namespace

bool answers(const Release& found, KubernetesRedis& redis, TimePoint until) {
  redis.lead_to(found.names().way_to_master(found.ha()));
  redis.speak_tls(found.tls_client(), found.port());
  return redis.answers(admin_login(found.content()), until);
}

Spec expected_spec(const Release& found, const RedisSettings& otherwise) {
  return found.workload && !found.workload->spec.empty() ? found.spec() : spec_of(otherwise);
}

Topology look_at_followers(Context& context, const Kubectl& kubectl, const Release& found, TimePoint until) {
  Topology topology;
  topology.fails_over = false;
  const Login login = admin_login(found.content());
  const auto ask = [&](const std::string& pod, const std::string& place) {
    ServerNode node{.name = pod, .where = place};
    try {
      KubernetesRedis redis(context, kubectl, found.names());
      redis.prefer_stream();
      redis.lead_to(pod);
      redis.speak_tls(found.tls_client(), found.port());
      read_node(redis.connection(login, until), node);
    } catch (const Error& error) {
      node.why = error.message();
    }
    topology.nodes.push_back(std::move(node));
  };
  if (const Release::Pod* const first = found.pod()) ask(first->name, first->node);
  for (const Release::Pod& pod : found.followers.pods) ask(pod.name, pod.node);
  // they know the master by a name, and it does not know that name: whoever says that it follows, follows the only one
  const ServerNode* const master = topology.master();
  for (ServerNode& node : topology.nodes) {
    if (master != nullptr && node.is_replica()) node.master_address = master->address;
  }
  return topology;
}

namespace {

/// Pods and claims of the replicas that another chart has made.
void examine_followers(const Release::Followers& followers, const std::string& release, bool persistence,
                       const Kubectl& kubectl, HealthReport& report) {
  if (followers.workload.empty()) return;
  report.add({.name = "workload",
              .passed = followers.ready == followers.wanted && followers.wanted > 0,
              .text = fmt::format("{}: {} of {} ready", followers.workload, followers.ready, followers.wanted),
              .hint = kubectl.for_people({"describe", "statefulset", followers.workload}),
              .object = followers.workload},
             followers.wanted == 0 ? CheckReason::scaled_to_zero : CheckReason::not_ready);
  for (int node = 0; node < followers.wanted; ++node) {
    const auto named = [&](const auto& things, const std::string& name) {
      const auto found = std::find_if(things.begin(), things.end(), [&](const auto& one) { return one.name == name; });
      return found == things.end() ? nullptr : &*found;
    };
    const std::string pod = fmt::format("{}-{}", followers.workload, node);
    examine_pod(named(followers.pods, pod), pod, kubectl, report);
    examine_claim(named(followers.claims, "redis-data-" + pod), "redis-data-" + pod, release, persistence, kubectl,
                  report);
  }
}

}  // namespace

Topology look_at_topology(Context& context, const Kubectl& kubectl, const Release& found, TimePoint until) {
  NodeWays ways(context, kubectl, found.names(), found.nodes(), found.content());
  ways.speak_tls(found.tls_client());
  Topology topology = ways.look(until);
  for (ServerNode& node : topology.nodes) {
    if (const Release::Pod* const pod = found.pod(std::max(found.names().node_of(node.name), 0)))
      node.where = pod->node;
  }
  return topology;
}

void examine_nodes(const Context& context, const Topology& topology, const Kubectl& kubectl, const RedisNames& names,
                   HealthReport& report) {
  examine_topology(topology, kubectl.for_people({"logs", "statefulset/" + names.workload, "--all-containers"}), report);
  const auto remove = [&](const std::string& pod) { return kubectl.for_people({"delete", "pod", pod}); };
  if (!topology.fails_over) return;
  examine_spread(topology, context.preset.accepted.contains("one-node"), remove, report);
}

StatusReport examine_release(Context& context, const Kubectl& kubectl, Release found, Spec expected,
                             KubernetesRedis& redis, int unfinished, TimePoint until, const Scope& scope,
                             ClaimReader* claims) {
  StatusFacts facts{found.id.name, found.id.name_space, expected.preset, unfinished};
  const SecretContent content = found.content();
  const ServerFiles files = server_files(found.state->manifest(), found.names());
  const Scope its_own = scope.found("kubernetes", facts.name_space, facts.release, facts.preset);
  const auto existing = existing_secret_of(expected);
  const bool is_own = existing && existing->name == found.names().full;
  const bool has_pods = !found.pods.empty();
  if (!has_pods) facts.redis.failure = {"not asked: there is no pod", ""};
  redis.lead_to(found.names().way_to_master(found.ha()));
  redis.speak_tls(found.tls_client(), found.port());
  TlsFacts tls = kept_certificate(found);
  try {
    if (has_pods) {
      RedisConnection& connection = redis.connection(admin_login(content), until);
      if (tls.choice.enabled()) tls.served = read_der_certificate(connection.peer_certificate(), "what Redis shows");
      read_redis_facts(connection,
                       {files.directives.value_or(expected.directives), expected.streams,
                        files.has_acl ? value_of(content, acl_key) : Secret()},
                       facts.redis);
    }
  } catch (const Error& error) {
    const std::string sync = "the store has changed the password; to take it over: ";
    facts.redis.failure = {error.message(), is_own && is_refused_password(error)
                                                ? sync + its_own.command("credentials sync")
                                                : error.hint()};
  }
  if (has_pods) look_at_shown_certificate(context, redis, until, tls);
  if (claims != nullptr) {
    std::string what = fmt::format("{} {} {} {}", kubectl.cluster().context, kubectl.cluster().server, facts.name_space,
                                   facts.release);
    for (const Release::Claim& claim : found.claims) what += " " + claim.volume;
    facts.storage = claims->look(context, kubectl, found, facts.redis.folder, what, until);
    take_trend(context, what, facts.redis, facts.storage);
  }
  std::optional<Topology> topology;
  if (found.ha() && has_pods) topology = look_at_topology(context, kubectl, found, until);
  if (!found.followers.pods.empty()) topology = look_at_followers(context, kubectl, found, until);
  std::optional<StatusFacts::Store> store;
  if (existing && !is_own) store = read_store(kubectl, *existing, value_of(content, password_key), until);
  facts.where = StatusFacts::OnCluster{kubectl.cluster().context, kubectl.cluster().server, std::move(found),
                                       std::move(expected),       std::move(store),         std::move(topology)};
  StatusReport report = report_on(std::move(facts), its_own);
  const auto& where = std::get<StatusFacts::OnCluster>(report.facts.where);
  const Release& seen = where.seen;
  const Spec& asked = where.expected;
  const std::optional<StatusFacts::Store>& kept = where.store;
  HealthReport& health = report.health;
  const RedisNames names = seen.names();
  examine_record(seen.record, seen.id.name, health);
  examine_workload(seen, kubectl, health);
  for (int node = 0; node < seen.nodes(); ++node) examine_pod(seen.pod(node), names.pod_of(node), kubectl, health);
  for (int node = 0; node < seen.nodes(); ++node)
    examine_claim(seen.claim(node), names.claim_of(node), seen.id.name, asked.persistence, kubectl, health);
  examine_followers(seen.followers, seen.id.name, asked.persistence, kubectl, health);
  if (where.topology) examine_nodes(context, *where.topology, kubectl, names, health);
  examine_secret(seen, asked.auth, health);
  if (kept) examine_store(*kept, health);
  examine_services(seen, asked.services, health);
  examine_deletions(seen, kubectl, health);
  examine_storage(report.facts.storage, health);
  examine_trimming(seen.trimming, kubectl, health);
  examine_backups(seen.backups, kubectl, context.clock.wall(), health);
  examine_state(*seen.state, health);
  if (tls.choice.enabled() && !seen.pods.empty())
    examine_tls(tls, certificate_spec_of(seen, health.scope()), context.clock.wall(), health);
  examine_redis(report.facts.redis, health);
  return report;
}

std::string report_title(const Kubectl& kubectl, const Release& found) {
  return fmt::format("{} ({}, namespace {})", found.id.name, kubectl.cluster().context, found.id.name_space);
}

CommandResult status_redis_kubernetes(Context& context, const RedisSettings& settings) {
  const RedisNames names(settings.release, settings.name_space);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  KubernetesRedis redis(context, kubectl, names);
  redis.prefer_stream();
  redis.prepare();  // comes up beside the questions
  Release found = look_at_release(context, kubectl, settings.release, settings.services);
  const int unfinished = mention_unfinished(context);
  if (!found.installed()) {
    const std::string subject = subject_of(kubectl, settings.release);
    if (found.claim() != nullptr) throw_removed(context, subject, "claim " + found.claim()->name);
    throw_not_installed(context, subject);
  }
  Spec expected = expected_spec(found, settings);
  refuse_other_preset(context, expected.preset);
  const std::string title = report_title(kubectl, found);
  ClaimReader claims;
  StatusReport report = examine_release(context, kubectl, std::move(found), std::move(expected), redis, unfinished,
                                        question_deadline(context), context.scope(), &claims);
  return render_report(context, title, report.health);
}

}  // namespace raibid
