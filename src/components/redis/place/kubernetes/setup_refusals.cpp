#include "components/redis/place/kubernetes/setup_refusals.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/settings/services.hpp"

namespace raibid {

namespace {

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
    cannot_set_up(fmt::format("{} {} in namespace {} {}", kind, name, settings.name_space, object->whose()),
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

}  // namespace

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

void refuse_backup_place(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                         const Kubectl& kubectl) {
  const BackupChoice& backup = settings.backup;
  if (!backup.wanted()) return;
  if (observed.backup_claim && backup.own_claim()) {
    if (observed.backup_claim->deletion)
      cannot_set_up(
          fmt::format("claim {}, which holds backups, {}", names.backup, describe(*observed.backup_claim->deletion)),
          "copy the backups away first, or use another claim: --backup-to claim:NAME");
    if (!observed.backup_claim->ours)
      cannot_set_up(
          fmt::format("claim {} in namespace {} was not made by raibid-cli", names.backup, settings.name_space),
          fmt::format("to use it all the same: --backup-to claim:{}", names.backup));
  }
  if (backup.to == BackupChoice::To::claim && names.node_of(backup.place) >= 0) {
    cannot_set_up(fmt::format("--backup-to: claim {} has the data of this Redis, and is lost with them", backup.place),
                  "let setup make one of its own: --backup-to claim");
  }
  if (backup.to == BackupChoice::To::claim && !backup.place.empty() &&
      !observed.uids.contains("persistentvolumeclaim/" + backup.place)) {
    cannot_set_up(fmt::format("--backup-to: there is no claim {} in namespace {}", backup.place, settings.name_space),
                  "make it first, or let setup make one: --backup-to claim; what there is: " +
                      kubectl.for_people({"get", "persistentvolumeclaim"}));
  }
  if (!backup.secret.empty() && !observed.uids.contains("secret/" + backup.secret)) {
    cannot_set_up(
        fmt::format("--backup-secret: there is no Secret {} in namespace {}", backup.secret, settings.name_space),
        "make it of a configuration of rclone: " +
            kubectl.for_people({"create", "secret", "generic", backup.secret, "--from-file=rclone.conf"}));
  }
}

void refuse_foreign(const Observed& observed, const RedisSettings& settings, const RedisNames& names,
                    const Kubectl& kubectl) {
  const std::string& space = settings.name_space;
  if (observed.name_space && observed.name_space->terminating) {
    const std::string& why = observed.name_space->kept_by;
    cannot_set_up(fmt::format("namespace {} is being deleted{}", space, why.empty() ? "" : ": " + why),
                  "wait until it is gone: " +
                      kubectl.for_people({"wait", "--for=delete", "namespace/" + space, "--timeout=120s"}));
  }
  // it would put back whatever is changed here: not even --adopt takes it over
  if (observed.workload && !observed.workload->gitops.empty()) {
    cannot_set_up(fmt::format("release {} in namespace {} is kept by {}, and is left alone", settings.release, space,
                              observed.workload->gitops),
                  "change it where that takes it from; or choose another name with --release");
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

void refuse_to_write(const Context& context, const Installation& installation) {
  const std::string what = installation.would_write();
  if (what.empty()) return;
  cannot_set_up(
      fmt::format("users.acl of Secret {} has to be changed ({}), and --existing-secret says that something "
                  "else keeps it",
                  installation.settings.existing_secret->name, what),
      "write the manifest again, with --store and --key: " + context.scope().command("export external-secret"));
}

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

void refuse_users_with_other_nodes(const Context& context, const Installation& installation) {
  if (installation.conversion() == Installation::Conversion::none || !installation.changes_users()) return;
  cannot_set_up("another number of nodes, and another user or password, are two changes: each has its own way back",
                "do one after the other; with the nodes as they are: " +
                    context.scope().command("setup redis",
                                            installation.observed.ha()
                                                ? fmt::format("--ha --replicas {}", installation.observed.nodes() - 1)
                                                : "--ha=false"));
}

void refuse_more_than_one_node_less(const Installation& installation) {
  if (installation.conversion() != Installation::Conversion::to_one) return;
  const std::vector<std::string> reasons = installation.restarts();
  if (reasons.size() <= 1) return;
  cannot_set_up(fmt::format("several nodes become one by themselves, without another change: {}",
                            join(std::vector<std::string>(reasons.begin() + 1, reasons.end()), ", ")),
                "from one node there is no way back to what the others have, so do one after the other");
}

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

}  // namespace raibid
