#include "components/redis/place/kubernetes/setup_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/evidence.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/repair.hpp"
#include "components/redis/place/kubernetes/restore_kubernetes.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/restart.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/secret_problem.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/record.hpp"
#include "components/redis/settings/services.hpp"
#include "components/redis/settings/spec.hpp"
#include "config/yaml.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration evidence_limit = std::chrono::seconds(10);

[[noreturn]] void cannot_set_up(const std::string& message, const std::string& hint) {
  throw Error(ExitCode::preflight, message, hint);
}

/// A certificate, a CA or a bundle that someone else made is never overwritten.
void refuse_foreign_certificate(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                                const Kubectl& kubectl) {
  if (!settings.tls.enabled()) return;
  const auto refuse = [&](const std::optional<TlsObjects::Object>& object, const std::string& kind,
                          const std::string& name, bool may_be_given) {
    if (!object || object->ours) return;
    cannot_set_up(fmt::format("{} {} in namespace {} was not made by raibid-cli", kind, name, settings.name_space),
                  may_be_given ? fmt::format("to use its certificate: --tls-secret {}; else choose another name with "
                                             "--release",
                                             name)
                               : "choose another name with --release, or, when nobody needs it, remove it: " +
                                     kubectl.for_people({"delete", to_lower(kind), name}));
  };
  if (settings.tls.from != TlsChoice::From::secret) refuse(observed.tls.certificate, "Secret", names.certificate, true);
  if (observed.tls.issued && !observed.tls.issued->ours) {
    cannot_set_up(fmt::format("Certificate {} in namespace {} was not made by raibid-cli", names.certificate,
                              settings.name_space),
                  fmt::format("to use what it issues: --tls-secret {}; else choose another name with --release",
                              names.certificate));
  }
  if (settings.tls.from == TlsChoice::From::own) refuse(observed.tls.authority, "Secret", names.authority, false);
  refuse(observed.tls.trust, "ConfigMap", names.authority, false);
}

/// --tls-secret: what is brought has to fit before anything is changed.
void check_certificate(const Context& context, const Observed& observed, const RedisSettings& settings,
                       const RedisNames& names, const Kubectl& kubectl) {
  if (settings.tls.from == TlsChoice::From::issuer && !observed.cert_manager) {
    cannot_set_up("--tls-issuer: this cluster has no cert-manager (cert-manager.io/v1)",
                  "install it, or use --tls, or --tls-secret with a certificate that you have");
  }
  if (settings.tls.from == TlsChoice::From::issuer && !observed.issuer_known) {
    cannot_set_up(fmt::format("there is no {} {}{}", settings.tls.issuer_kind, settings.tls.issuer,
                              settings.tls.issuer_kind == "Issuer" ? " in namespace " + settings.name_space : ""),
                  "see what there is: " + kubectl.for_people({"get", "issuers,clusterissuers", "--all-namespaces"}));
  }
  if (settings.tls.from != TlsChoice::From::secret) return;
  const TlsObjects::Object* const given = observed.tls.mounted(settings.tls);
  if (given == nullptr) {
    cannot_set_up(
        fmt::format("there is no Secret {} in namespace {}", settings.tls.secret, settings.name_space),
        "make it first: " + kubectl.for_people({"create", "secret", "generic", settings.tls.secret,
                                                "--from-file=tls.crt", "--from-file=tls.key", "--from-file=ca.crt"}));
  }
  CertificateSpec spec = certificate_spec(settings, names, context.scope());
  // what applications are handed; that it has the others is up to who made it
  spec.names = {application_host(settings, names)};
  if (spec.names.front() != names.host) spec.names.push_back(names.host);
  with_given_certificate({}, given->content, spec, "Secret " + settings.tls.secret, settings.tls.client_certificates,
                         context.clock.wall());
}

// Anything of our names that someone else made is left alone, unless the user says that it is ours to take.
void refuse_foreign(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                    const Kubectl& kubectl) {
  const std::string& space = settings.name_space;
  if (observed.name_space && observed.name_space->terminating) {
    const std::string& why = observed.name_space->kept_by;
    cannot_set_up(fmt::format("namespace {} is being deleted{}", space, why.empty() ? "" : ": " + why),
                  "wait until it is gone: " +
                      kubectl.for_people({"wait", "--for=delete", "namespace/" + space, "--timeout=120s"}));
  }
  if (observed.record && !observed.record->ours && !settings.adopt) {
    cannot_set_up(fmt::format("release {} in namespace {} was not made by raibid-cli", settings.release, space),
                  "choose another name with --release, or let raibid-cli take it over with --adopt");
  }
  if (observed.secret && !observed.secret->ours && !settings.adopt && !kept_by_store(settings, names)) {
    cannot_set_up(
        fmt::format("Secret {} in namespace {} was not made by raibid-cli", names.full, space),
        "choose another name with --release, or let raibid-cli take it over, password included, with --adopt");
  }
  // what is ours inside was let in before: a re-run needs no second --adopt
  const bool inside = (observed.record && observed.record->ours) || (observed.secret && observed.secret->ours);
  if (observed.name_space && !observed.name_space->ours && !settings.adopt && !inside) {
    cannot_set_up(
        fmt::format("namespace {} exists and was not made by raibid-cli", space),
        "choose another with -n, or use this one with --adopt (teardown will then leave the namespace alone)");
  }
  refuse_foreign_certificate(observed, settings, names, kubectl);
  // helm itself refuses to take these over: no --adopt helps here
  if (observed.workload && observed.workload->release != settings.release) {
    cannot_set_up(fmt::format("StatefulSet {} in namespace {} does not belong to release {}", names.workload, space,
                              settings.release),
                  "choose another name with --release, or remove it: " +
                      kubectl.for_people({"delete", "statefulset", names.workload}));
  }
  // an install over it would be ours to undo, and Redis with it
  if (was_left_behind(observed, settings)) throw left_behind(observed, settings, names, kubectl);
  if (const Release::Service* const service = observed.service(names.workload);
      service && service->release != settings.release) {
    cannot_set_up(fmt::format("Service {} in namespace {} does not belong to release {}", names.workload, space,
                              settings.release),
                  "choose another name with --release, or remove it: " +
                      kubectl.for_people({"delete", "service", names.workload}));
  }
}

/// What someone else has taken over is not overwritten.
void refuse_other_owners(const Observed& observed, const Kubectl& kubectl) {
  if (!observed.state) return;
  for (const Drift& drift : observed.state->drift()) {
    if (drift.owner.empty()) continue;
    const std::string name = to_lower(drift.object.substr(0, drift.object.find(' ')));
    cannot_set_up(
        join(drift.lines(), "; ") + ", and is not overwritten",
        "see who has it: " + kubectl.for_people({"get", name, drift.object.substr(name.size() + 1), "-o", "yaml"}) +
            "; when nobody needs it there, remove it and run this again");
  }
}

void refuse_unfit(const Observed& observed, const RedisSettings& settings, const Kubectl& kubectl) {
  if (!observed.refused.empty()) throw missing_rights(observed.refused, kubectl);
  if (!settings.persistence || observed.claim() || !observed.storage_classes_known) return;
  const std::string classes = join(observed.storage_classes, ", ");
  const bool known = std::find(observed.storage_classes.begin(), observed.storage_classes.end(),
                               settings.storage_class) != observed.storage_classes.end();
  if (!settings.storage_class.empty() && !known) {
    cannot_set_up(fmt::format("there is no StorageClass {}", settings.storage_class),
                  classes.empty()
                      ? "the cluster has none: install a provisioner, or use --no-persistence"
                      : "the cluster has: " + classes + did_you_mean(settings.storage_class, observed.storage_classes));
  }
  if (settings.storage_class.empty() && observed.default_storage_class.empty()) {
    cannot_set_up("the cluster has no default StorageClass for the claim",
                  classes.empty() ? "install a provisioner (k3s ships local-path), or use --no-persistence"
                                  : "choose one with --storage-class: " + classes);
  }
}

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

/// Users in a Secret of the release that something else keeps are that one's, too.
void refuse_to_write(const Context& context, const Installation& installation) {
  const std::string what = installation.would_write();
  if (what.empty()) return;
  cannot_set_up(
      fmt::format("users.acl of Secret {} has to be changed ({}), and --existing-secret says that something "
                  "else keeps it",
                  installation.settings.existing_secret->name, what),
      "write the manifest again: " + context.scope().command("export external-secret", "--store NAME --key PATH"));
}

/// The store may have changed the password while Redis runs: that has a way of its own.
void refuse_unknown_password(Context& context, const Observed& observed, const Kubectl& kubectl,
                             const RedisNames& names) {
  KubernetesRedis redis(context, kubectl, names);
  try {
    redis.connection(admin_login(observed.secret->content), question_deadline(context));
  } catch (const Error& error) {
    if (!is_refused_password(error)) return;  // Redis may be down, and setup what heals it
    cannot_set_up(
        fmt::format("Redis does not know the password that Secret {} has: the store changed it", names.full),
        "let both hold first: " + context.scope().command("credentials sync", "--existing-secret " + names.full));
  }
}

// Helm would find out only after namespace and Secret are made.
void refuse_missing_chart(Context& context, const Installation& installation) {
  const ChartChoice& chart = installation.settings.chart;
  if (chart.kind == ChartChoice::Kind::embedded || installation.converged()) return;
  try {
    installation.session.helm.run_checked(
        installation.session.helm.show_chart({chart.reference, chart.repository, chart.version}), context.deadline);
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  }
}

/// What someone has changed in our Secret, in words; "" for nothing.
std::string changed_by_hand(const Observed& observed, const RedisSettings& settings) {
  const bool ours = observed.secret && observed.secret->ours && observed.secret->complete;
  return ours && settings.chart.kind == ChartChoice::Kind::embedded ? secret_problem(observed.secret->content) : "";
}

Secret stored_password(const Observed& observed) { return observed.secret ? observed.secret->password : Secret(); }

/// Redis keeps the password that it read at its start: with another one in a new Secret nobody would get in.
void refuse_new_password(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl) {
  if (!observed.workload || !observed.redis_runs() || !parse_spec(observed.workload->spec).auth) return;
  throw Error(ExitCode::preflight,
              fmt::format("Redis runs with a password that is not known here: Secret {} {}, and no credentials file "
                          "of this user has it",
                          names.full, observed.secret ? "has no redis-password" : "is gone"),
              "if you know it, put it back without a restart: --password-file FILE\n"
              "else restart Redis with a new one, which keeps the data: " +
                  scope_of(kubectl, settings.release).command("teardown redis") + "; then run this command again");
}

/// For a Secret that was changed by hand: the password of it that Redis knows, from --password-file or this user's
/// credentials file. Throws Error (preflight) when nobody has one.
Secret known_password(Context& context, const Observed& observed, const RedisSettings& settings,
                      const RedisNames& names, const Kubectl& kubectl, const std::string& problem) {
  std::vector<Secret> candidates;
  if (!settings.password_file.empty())
    candidates.push_back(read_password_file(settings.password_file, context.deadline));
  if (settings.existing_secret) candidates.push_back(read_existing_secret(context, kubectl, *settings.existing_secret));
  if (const auto credentials =
          find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release))
    candidates.push_back(credentials->password);
  for (const Secret& candidate : candidates) {
    SecretContent content = observed.secret->content;
    content[password_key] = candidate;
    content.erase(admin_password_key);
    if (!candidate.empty() && secret_problem(content).empty()) return candidate;
  }
  throw Error(ExitCode::preflight,
              fmt::format("Secret {} was changed by hand: {}, and no credentials file of this user has one that is",
                          names.full, problem),
              "if you know the one that Redis has: --password-file FILE\n"
              "else make a new one, which restarts Redis and keeps the data: " +
                  scope_of(kubectl, settings.release).command("teardown redis") + "; then run this command again");
}

/// The password that the application logs in with, and one that it is to have beside it.
std::pair<Secret, Secret> choose_password(Context& context, const Observed& observed, const RedisSettings& settings,
                                          const RedisNames& names, const Kubectl& kubectl) {
  if (!settings.auth) return {};
  Secret present = stored_password(observed);
  if (const std::string problem = changed_by_hand(observed, settings); problem.starts_with("redis-password"))
    return {known_password(context, observed, settings, names, kubectl, problem), Secret()};
  if (present.empty()) {
    if (const auto credentials = find_credentials(context.paths, "kubernetes", observed.cluster_uid,
                                                  settings.name_space, settings.release)) {
      present = credentials->password;
    }
  }
  const bool given = !settings.password_file.empty() || settings.existing_secret;
  if (!given && present.empty()) refuse_new_password(observed, settings, names, kubectl);
  if (!given) return {present.empty() ? generate_password(context.random) : present, Secret()};
  const Secret wanted = settings.existing_secret ? read_existing_secret(context, kubectl, *settings.existing_secret)
                                                 : read_password_file(settings.password_file, context.deadline);
  if (present.empty() || present == wanted) return {wanted, {}};
  if (settings.existing_secret && !observed.secret && !observed.redis_runs()) return {wanted, {}};
  // beside the present one: clients go on with that until they have the new one
  const bool is_there = observed.workload && observed.secret && observed.secret->ours && observed.secret->complete;
  if (is_there && settings.chart.kind == ChartChoice::Kind::embedded) {
    refuse_third_password(context, observed.secret->content);
    return {present, wanted};
  }
  if (settings.existing_secret) {
    cannot_set_up(fmt::format("release {} has another password than Secret {}, and cannot be given a second one",
                              settings.release, settings.existing_secret->text()),
                  "store the present one there, or tear the release down first: " +
                      scope_of(kubectl, settings.release).command("teardown redis"));
  }
  throw Error(
      ExitCode::usage,
      fmt::format("release {} has another password than --password-file {}", settings.release, settings.password_file),
      "clients use the current one: leave --password-file out to keep it, or tear the release down first");
}

/// Of `admin`, who is there when the application has a user of its own.
Secret choose_admin_password(Context& context, const Observed& observed, const RedisSettings& settings) {
  if (settings.user.name.empty()) return {};
  Secret present = observed.secret ? value_of(observed.secret->content, admin_password_key) : Secret();
  if (present.empty()) {
    if (const auto credentials =
            find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release))
      present = credentials->admin_password;
  }
  return present.empty() ? generate_password(context.random) : present;
}

Passwords choose_passwords(Context& context, const Observed& observed, const RedisSettings& settings,
                           const RedisNames& names, const Kubectl& kubectl) {
  auto [application, next] = choose_password(context, observed, settings, names, kubectl);
  Passwords passwords;
  passwords.application = std::move(application);
  passwords.admin = choose_admin_password(context, observed, settings);
  passwords.next = std::move(next);
  return passwords;
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

std::string dry_run(Context& context, Installation& installation, const Plan& plan) {
  std::string text = describe(installation.session.kubectl) + "\n\n" + describe_plan(plan) + "\n# values for helm\n" +
                     to_yaml(installation.values()) + "\n# manifests\n";
  if (!installation.observed.name_space) text += "---\n" + to_yaml(installation.namespace_manifest());
  if (installation.settings.auth) text += "---\n" + to_yaml(redacted(installation.secret_manifest()));
  for (const nlohmann::ordered_json& manifest : installation.certificate_manifests())
    text += "---\n" + to_yaml(manifest);
  return text + installation.render(context.deadline);
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
  const std::string smaller = about_shrinking(installation.observed, installation.settings);
  if (!smaller.empty()) context.reporter.warning(smaller);
}

}  // namespace

SetupOutcome setup_redis_kubernetes(Context& context, const RedisSettings& given) {
  RedisSettings settings = given;
  const Told told(context);
  const TimePoint started = context.clock.now();
  const bool dry = context.guard.dry_run();
  RedisNames names(settings.release, settings.name_space, settings.cluster_domain);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::yes);
  context.reporter.heading(describe(session.kubectl));
  context.reporter.step_started("preflight");
  Observed observed = observe(context, session.kubectl, names, settings, Look::with_state);
  const auto take_record = [&] {
    context.settings = told.settings;
    context.preset = told.preset;
    if (const std::string record = observed.recorded_spec(); !record.empty())
      take_record_for_setup(context, with_folders_of_this_machine(context, parse_spec(record),
                                                                  session.kubectl.cluster().context, observed.id));
    const RedisSettings asked_for = settings;
    settings = redis_settings(context);
    names = RedisNames(settings.release, settings.name_space, settings.cluster_domain);
    if (settings.services != asked_for.services || settings.tls != asked_for.tls)
      observed = observe(context, session.kubectl, names, settings, Look::with_state);
  };
  take_record();
  give_advice(context, settings);

  ReleaseLock lock(context, session.kubectl, settings.release, "setup redis",
                   context.deadline + context.pace->patience(evidence_limit) + context.pace->patience(undo_limit));
  lock.seen(observed.lease);
  if (!dry) lock.refuse_if_held();

  JournaledRun run(context,
                   {"setup redis", fmt::format("{}, release {}", describe(session.kubectl), settings.release),
                    journal_key(observed.cluster_uid, settings.name_space, settings.release)},
                   context.pace->patience(undo_limit));
  const auto undo_until = [&run] { return run.undo_until(); };
  const UndoScope scope{
      run.id(), context.settings.flag("discard-data") ? UndoScope::LeftData::discard : UndoScope::LeftData::keep};
  std::optional<Installation> installation;
  KubernetesRedis undo_redis(context, session.kubectl, names);
  SecretStore undo_store(context, session.kubectl, names.full, undo_until);
  std::unique_ptr<RedisConnection> undo_connection;
  const auto log_in_with = [&](const std::optional<TlsClient>& tls, int port, const Login& login) {
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
    RedisConnection& redis = undo_source();
    undo_certificates.serve(redis, content, [&] {
      TlsChoice choice = observed.tls_choice();
      choice.client_certificates = choice.client_certificates || settings.tls.client_certificates;
      undo_redis.speak_tls(release_tls(content, choice, names), observed.port());
      return undo_redis.another(observed.secret ? admin_login(observed.secret->content) : Login(), undo_until());
    });
  });
  add_users_undo(run.undos(), undo_store, [&](const Login& login) {
    undo_connection.reset();  // who is logged in there may be gone afterwards
    return log_in(login);
  });
  add_kubernetes_undos(run.undos(), context, session, settings.release, names, scope, undo_until);
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
  say_what_is_kept(context, told);

  Plan plan;
  run.before([&] {
    settings = as_installed(settings, observed);
    if (kept_by_store(settings, names)) read_existing_secret(context, session.kubectl, *settings.existing_secret);
    refuse_foreign(observed, settings, names, session.kubectl);
    refuse_kept_secret(observed, settings, names, context.scope());
    refuse_deletions(observed, settings, names, session.kubectl);
    refuse_other_owners(observed, session.kubectl);
    refuse_unfit(observed, settings, session.kubectl);
    check_certificate(context, observed, settings, names, session.kubectl);
    refuse_unchangeable(observed, settings, names, session.kubectl);
    if (!dry && repair(context, observed, names, session, settings, lock, abandoned, run.undos())) look_again();
    installation.emplace(context, settings, names, session, observed, lock,
                         choose_passwords(context, observed, settings, names, session.kubectl), run.id());
    refuse_missing_chart(context, *installation);
    refuse_to_write(context, *installation);
    if (!dry && observed.redis_runs() && kept_by_store(settings, names))
      refuse_unknown_password(context, observed, session.kubectl, names);
    installation->compare_with_present();
    if (!dry)
      check_memory(context, settings, observed, observed.secret ? admin_login(observed.secret->content) : Login(),
                   session.kubectl, names);
    installation->try_new_pod();
    plan = installation->plan();
    const std::vector<std::string> reasons = installation->restarts();
    if (!dry && observed.redis_runs() && !reasons.empty()) agree_to_restart(context, reasons);
    if (!dry && observed.redis_runs() && installation->changes_user_name())
      agree_to_other_user(context, shown_user(application_login(observed.secret->content)));
  });
  if (dry) return {dry_run(context, *installation, plan), {}, false};
  context.reporter.step_ended("preflight", Mark::done, describe_preflight(session, observed, *installation),
                              std::chrono::duration_cast<Duration>(context.clock.now() - started));
  say_what_changes(context, *installation);
  const bool changed = run.execute(plan).changed;
  installation->forget_kept_record();
  installation->forget_previous_users();
  installation->forget_previous_certificate();
  context.signals.acknowledge();  // all is done: a Ctrl-C from here on has nothing to stop
  lock.release();
  return {"", installation->credentials(), changed};
}

}  // namespace raibid
