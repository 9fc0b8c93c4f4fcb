#include "components/redis/place/kubernetes/setup_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/evidence.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/release_state.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/node_certificates.hpp"
#include "components/redis/place/kubernetes/node_servers.hpp"
#include "components/redis/place/kubernetes/repair.hpp"
#include "components/redis/place/kubernetes/restore_kubernetes.hpp"
#include "components/redis/place/kubernetes/setup_refusals.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/spec.hpp"
#include "config/yaml.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration evidence_limit = std::chrono::seconds(10);

// What a helm that was killed left; true when it changed something.
bool repair(Context& context, const Observed& observed, const RedisNames& names, const ClusterSession& session,
            const RedisSettings& settings, ReleaseLock& lock, bool abandoned, const UndoTable& undos) {
  const WallTime now = context.clock.wall();
  if (!observed.record || judge_release(*observed.record, abandoned, now).kind == Repair::Kind::none) return false;
  lock.acquire();
  if (const std::optional<Error> who = lock.taken_over(context.deadline)) throw *who;
  refuse_if_changed_since(context, session.kubectl, names, settings, observed);
  const Repair repair = judge_release(*observed.record, abandoned || lock.took_over(), now);
  refuse_busy_release(repair, *observed.record, settings.release, session.helm, now);
  repair_release(context, repair, *observed.record, settings.release, names, undos);
  return true;
}

/// What the running Redis holds has to fit into what it is given. A Redis that cannot be asked may be changed: that may
/// be what heals it. Throws as about_less_memory.
void check_memory(Context& context, const RedisSettings& settings, const Observed& observed, const Login& login,
                  const Kubectl& kubectl, const RedisNames& names) {
  if (!observed.redis_runs() || !observed.workload || observed.workload->spec.empty()) return;
  const auto limit = [](const Directives& directives) {
    std::int64_t bytes = 0;
    for (const auto& [name, value] : directives) {
      if (name == "maxmemory") bytes = parse_redis_memory(value).value_or(0);
    }
    return bytes;
  };
  const std::int64_t before = limit(parse_spec(observed.workload->spec).directives);
  const std::int64_t wanted = limit(settings.directives);
  if (wanted == 0 || (before != 0 && wanted >= before)) return;
  // a way of its own: it leads to the pod that this change replaces
  KubernetesRedis redis(context, kubectl, names);
  redis.prefer_stream();
  redis.speak_tls(observed.tls_client(), observed.port());
  RedisConnection* connection = nullptr;
  try {
    connection = &redis.connection(login, question_deadline(context));
  } catch (const Error&) {
    return;
  }
  const std::string dropped = about_less_memory(*connection, settings.directives, less_memory_hint(context));
  if (!dropped.empty()) context.reporter.warning(dropped);
}

nlohmann::ordered_json redacted(nlohmann::ordered_json manifest) {
  for (auto& value : manifest["data"]) value = "***";
  return manifest;
}

SetupPlan dry_run(Context& context, Installation& installation, const Plan& plan) {
  const Cluster& cluster = installation.session.kubectl.cluster();
  SetupPlan result{describe_plan(plan) + "\n# values for helm\n" + to_yaml(installation.values()) + "\n# manifests\n",
                   {{"dry_run", true},
                    {"target", "kubernetes"},
                    {"context", cluster.context},
                    {"server", cluster.server},
                    {"namespace", installation.settings.name_space},
                    {"release", installation.settings.release},
                    {"steps", plan_data(plan)},
                    {"restarts", installation.restarts()},
                    {"objects", nlohmann::ordered_json::array()},
                    {"values", installation.values()}}};
  std::vector<nlohmann::ordered_json> own;
  if (!installation.observed.name_space) own.push_back(installation.namespace_manifest());
  if (installation.settings.auth) own.push_back(redacted(installation.secret_manifest()));
  for (const nlohmann::ordered_json& manifest : installation.certificate_manifests()) own.push_back(manifest);
  if (auto claim = installation.backup_claim_manifest(); !claim.is_null()) own.push_back(std::move(claim));
  const auto add_object = [&](const nlohmann::json& manifest) {
    const std::string kind = text_at(manifest, {"kind"});
    nlohmann::ordered_json name_space;  // null where there is none
    if (kind != "Namespace") name_space = installation.settings.name_space;
    (*result.data)["objects"].push_back(
        {{"kind", kind}, {"name", text_at(manifest, {"metadata", "name"})}, {"namespace", name_space}});
  };
  for (const nlohmann::ordered_json& manifest : own) {
    result.text += "---\n" + to_yaml(manifest);
    add_object(nlohmann::json(manifest));
  }
  const std::string rendered = installation.render(context.deadline);
  for (const nlohmann::json& object : ReleaseState::objects_of(rendered)) add_object(object);
  result.text += rendered;
  return result;
}

std::string describe_preflight(const ClusterSession& session, const Observed& observed,
                               const Installation& installation) {
  const std::string storage = installation.storage_class();
  return fmt::format("helm {}, kubectl {}, Kubernetes {}{}", session.helm_version.text, observed.versions.client,
                     observed.versions.server, storage.empty() ? "" : ", StorageClass " + storage);
}

/// Before it is done: a restart is a moment without Redis, which someone may want to choose.
void say_what_changes(const Context& context, const Installation& installation) {
  if (const auto reasons = installation.restarts(); !reasons.empty()) {
    context.reporter.note("this change restarts Redis: " + join(reasons, ", "));
  }
  if (const auto dropped = installation.dropped(); !dropped.empty()) {
    context.reporter.note("no longer configured, but kept by Redis until its next start: " + join(dropped, ", "));
  }
  if (installation.settings.persistence && !installation.observed.claim() &&
      !installation.observed.storage_classes_known) {
    context.reporter.note("this login may not list StorageClasses: whether " +
                          (installation.settings.storage_class.empty()
                               ? std::string("there is a default one for the claim")
                               : "there is one named " + installation.settings.storage_class) +
                          " shows when the pod starts");
  }
  std::vector<std::string> others;
  for (const Release::Claim& claim : installation.observed.claims) {
    if (installation.takes_first_of_several() && installation.observed.names().node_of(claim.name) > 0)
      others.push_back(claim.name);
  }
  if (!others.empty()) {
    std::vector<std::string> removal = {"delete", "persistentvolumeclaim"};
    removal.insert(removal.end(), others.begin(), others.end());
    context.reporter.note(
        fmt::format("{} of the other nodes stay; the claim of node 0 has what is in them, so they can go: {}",
                    join(others, ", "), installation.session.kubectl.for_people(removal)));
  }
  const std::string smaller = about_shrinking(installation.observed, installation.settings);
  if (!smaller.empty()) context.reporter.warning(smaller);
}

/// choose_cluster; its errors (no helm, no kubectl, no kubeconfig) also name the setup that needs no cluster.
ClusterSession choose_cluster_for_setup(Context& context, const RedisSettings& settings) {
  try {
    return choose_cluster(context, settings.name_space, NeedsHelm::yes);
  } catch (Error& error) {
    const std::string release = context.settings.is_set("release") ? settings.release : "";
    const std::string instead =
        "without a cluster: " + context.scope().found("local", "", release, "").command("setup redis");
    throw error.with_hint(error.hint().empty() ? instead : error.hint() + "\n" + instead);
  }
}

}  // namespace

SetupOutcome setup_redis_kubernetes(Context& context, const RedisSettings& given, const SetupRequest& request) {
  RedisSettings settings = given;
  const Told told(context);
  const TimePoint started = context.clock.now();
  const bool dry = context.guard.dry_run();
  // back to one node takes a handover
  const Duration patience_of_undo = context.pace->patience(undo_limit) * 3;
  RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster_for_setup(context, settings);
  context.reporter.heading(describe(session.kubectl));
  context.reporter.step_started("preflight");
  Observed observed = observe(context, session.kubectl, names, settings, Look::with_state);
  const auto take_record = [&] {
    context.settings = told.settings;
    context.preset = told.preset;
    if (const std::string record = observed.recorded_spec(); !record.empty()) {
      const Spec spec = request.record ? *request.record : parse_spec(record);
      take_record_for_setup(
          context, with_folders_of_this_machine(context, spec, session.kubectl.cluster().context, observed.id));
    }
    const RedisSettings asked_for = settings;
    settings = redis_settings(context);
    names = RedisNames(settings.release, settings.name_space, settings.cluster_domain);
    if (settings.services != asked_for.services || settings.tls != asked_for.tls || settings.backup != asked_for.backup)
      observed = observe(context, session.kubectl, names, settings, Look::with_state);
  };
  take_record();
  give_advice(context, settings);

  ReleaseLock lock(context, session.kubectl, settings.release, request.operation,
                   context.deadline + context.pace->patience(evidence_limit) + patience_of_undo);
  lock.seen(observed.lease);
  if (!dry) lock.refuse_if_held();

  JournaledRun run(context,
                   {request.operation, fmt::format("{}, release {}", describe(session.kubectl), settings.release),
                    journal_key(observed.cluster_uid, settings.name_space, settings.release)},
                   patience_of_undo);
  const auto undo_until = [&run] { return run.undo_until(); };
  const UndoScope scope{
      run.id(), context.settings.flag("discard-data") ? UndoScope::LeftData::discard : UndoScope::LeftData::keep};
  std::optional<Installation> installation;
  KubernetesRedis undo_redis(context, session.kubectl, names);
  undo_redis.prefer_stream();
  SecretStore undo_store(context, session.kubectl, names.full, undo_until);
  std::unique_ptr<RedisConnection> undo_connection;
  bool first_node_alone = false;  // an undo has gone back to it
  const auto log_in_with = [&](const std::optional<TlsClient>& tls, int port, const Login& login) {
    const bool several = installation ? installation->leads_through_proxies() : observed.ha();
    undo_redis.lead_to(names.way_to_master(several && !first_node_alone));
    undo_redis.speak_tls(tls, port);
    return undo_redis.another(login, undo_until());
  };
  const LogIn log_in = [&](const Login& login) {
    const std::optional<TlsClient> present = observed.tls_client();
    if (!installation) return log_in_with(present, observed.port(), login);
    const bool was_other = installation->tls().has_value() != present.has_value();
    try {
      return log_in_with(installation->tls(), pod_port(settings.tls), login);
    } catch (const Error&) {
      if (!was_other) throw;
      return log_in_with(present, observed.port(), login);  // TLS is turned on or off after this
    }
  };
  const auto undo_source = [&]() -> RedisConnection& {
    if (undo_connection && !undo_redis.tunnel().finished()) return *undo_connection;
    undo_connection = installation ? log_in_as_any(log_in, installation->logins())
                                   : log_in(observed.secret ? admin_login(observed.secret->content) : Login());
    return *undo_connection;
  };
  add_common_undos(run.undos(), context, undo_source);
  ReleaseCertificates undo_certificates(context, session.kubectl, names, settings.release, run.id(), undo_until);
  add_restore_undos(run.undos(), context, session.kubectl, undo_until);
  add_release_certificates_undos(run.undos(), undo_certificates);
  add_certificates_undo(run.undos(), undo_certificates, [&](const SecretContent& content) {
    // a pod that a rollback replaces reads the files at its start
    if (installation && !installation->renews_live()) return;
    if (!observed.tls_client()) return;
    TlsChoice choice = observed.tls_choice();
    choice.client_certificates = choice.client_certificates || settings.tls.client_certificates;
    if (observed.ha()) {
      NodeWays ways(context, session.kubectl, names, observed.nodes(), observed.content());
      const std::vector<TlsClient> known = {*observed.tls_client(), release_tls(content, choice, names)};
      return NodeCertificates{context, session.kubectl, ways, undo_certificates}.serve(
          content, known, choice.client_certificates, undo_until());
    }
    RedisConnection* redis = nullptr;
    try {
      redis = &undo_source();
    } catch (const Error&) {
      undo_redis.open_again();  // the Secret says nothing of what Redis serves, as after a run that was killed
    }
    undo_certificates.serve(names.pod, redis, content, [&] {
      undo_redis.speak_tls(release_tls(content, choice, names), observed.port());
      return undo_redis.another(observed.secret ? admin_login(observed.secret->content) : Login(), undo_until());
    });
  });
  std::optional<NodeWays> undo_ways;
  std::optional<NodeServers> undo_nodes;
  add_users_undo(run.undos(), undo_store, UserServers([&] {
                   undo_connection.reset();  // who is logged in there may be gone afterwards
                   const int nodes = installation ? installation->nodes_with_users() : observed.nodes();
                   if (first_node_alone || nodes == 1) return UserServers(log_in).running();
                   undo_store.tell_pods(names.pods(nodes));
                   if (!undo_ways || undo_ways->nodes() != nodes) {
                     undo_ways.emplace(context, session.kubectl, names, nodes, SecretContent());
                     undo_nodes.emplace(context, session.kubectl, *undo_ways, undo_until);
                   }
                   undo_ways->speak_tls(installation ? installation->tls() : observed.tls_client());
                   return undo_nodes->servers().running();
                 }));
  add_kubernetes_undos(run.undos(), context, session, settings.release, names, scope, undo_until);
  add_conversion_undos(run.undos(), [&]() -> RedisConnection& {
    first_node_alone = true;
    undo_connection.reset();
    return undo_source();
  });
  run.also_hold([&](Before what) { return lock.taken_over(what == Before::act ? context.deadline : undo_until()); });
  run.on_failure(
      [&](const Error& error) -> std::string {
        if (!installation) return "";
        return keep_evidence(context.files, context.clock, session.kubectl, names.selector, context.paths.evidence(),
                             error, to_yaml(installation->values()),
                             context.clock.now() + context.pace->patience(evidence_limit));
      },
      settings.keep_on_failure);
  const auto look_again = [&] {
    observed = observe(context, session.kubectl, names, settings, Look::with_state);
    take_record();  // another one when a change was undone
    lock.seen(observed.lease);
  };
  bool abandoned = false;  // whoever worked on the release is dead
  if (dry) {
    if (const auto left = run.left()) context.reporter.note(describe_left(*left));
  } else if (run.open()) {
    if (observed.name_space && !observed.name_space->terminating) lock.acquire();
    run.recover();
    abandoned = true;
    look_again();
  }
  say_what_is_kept(context, told, request.record.has_value());

  Plan plan;
  run.before([&] {
    settings = as_installed(settings, observed);
    if (kept_by_store(settings, names)) read_existing_secret(context, session.kubectl, *settings.existing_secret);
    refuse_foreign(observed, settings, names, session.kubectl);
    refuse_kept_secret(observed, settings, names, context.scope());
    refuse_deletions(observed, settings, names, session.kubectl);
    refuse_backup_place(observed, settings, names, session.kubectl);
    refuse_other_owners(observed, session.kubectl);
    refuse_unfit(observed, settings, session.kubectl);
    check_certificate(context, observed, settings, names, session.kubectl);
    refuse_unchangeable(observed, settings, names, session.kubectl);
    if (!dry && repair(context, observed, names, session, settings, lock, abandoned, run.undos())) look_again();
    installation.emplace(context, settings, names, session, observed, lock,
                         choose_passwords(context, observed, settings, names, session.kubectl), run.id());
    installation->set_operation(request.operation);
    refuse_missing_chart(context, *installation);
    refuse_to_write(context, *installation);
    refuse_users_with_other_nodes(context, *installation);
    if (!dry && observed.redis_runs() && kept_by_store(settings, names))
      refuse_unknown_password(context, observed, session.kubectl, names);
    installation->compare_with_present();
    if (!dry)
      check_memory(context, settings, observed, observed.secret ? admin_login(observed.secret->content) : Login(),
                   session.kubectl, names);
    refuse_more_than_one_node_less(*installation);
    installation->try_new_pod();
    plan = installation->plan();
    const std::vector<std::string> reasons = installation->restarts();
    if (request.agree) {
      request.agree(observed.redis_runs() ? reasons : std::vector<std::string>());
    } else if (!dry && observed.redis_runs() && !reasons.empty()) {
      agree_to_restart(context, reasons);
    }
    if (!dry && observed.redis_runs() && installation->changes_user_name())
      agree_to_other_user(context, shown_user(application_login(observed.secret->content)));
  });
  if (request.diff) return {std::nullopt, installation->diff(), {}, false};
  if (dry) return {dry_run(context, *installation, plan), std::nullopt, {}, false};
  context.reporter.step_ended("preflight", Mark::done, describe_preflight(session, observed, *installation),
                              std::chrono::duration_cast<Duration>(context.clock.now() - started));
  say_what_changes(context, *installation);
  const bool changed = run.execute(plan).changed;
  installation->forget_kept_record();
  installation->forget_previous_users();
  installation->forget_previous_certificate();
  context.signals.acknowledge();  // all is done: a Ctrl-C from here on has nothing to stop
  lock.release();
  return {std::nullopt, std::nullopt, installation->credentials(), changed, installation->seen()};
}

}  // namespace raibid
