#include "components/redis/place/kubernetes/observed.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/stream_options.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr int most_nodes = 5;

/// No other run that installs or removes begins and ends in that time.
constexpr Duration still_counts = std::chrono::seconds(2);

void take(Observed& observed, const json& object, const Kubectl& kubectl) {
  const std::string kind = text_at(object, {"kind"});
  const std::string name = text_at(object, {"metadata", "name"});
  const std::string uid = text_at(object, {"metadata", "uid"});
  if (kind != "Lease") observed.uids[to_lower(kind) + "/" + name] = uid;
  if (kind == "Namespace" && name == "kube-system") observed.cluster_uid = uid;
  if (kind == "Lease") observed.lease = parse_lease(object);
  take_object(observed, object, kubectl);
}

void take_storage_class(Observed& observed, const json& object) {
  const std::string name = text_at(object, {"metadata", "name"});
  observed.storage_classes.push_back(name);
  if (text_at(object, {"metadata", "annotations", "storageclass.kubernetes.io/is-default-class"}) == "true")
    observed.default_storage_class = name;
  if (flag_at(object, {"allowVolumeExpansion"})) observed.expandable_classes.push_back(name);
}

std::vector<Kubectl::Right> single_reviews(std::vector<Kubectl::Right> rights) {
  std::erase_if(rights, [](const Kubectl::Right& right) { return !right.cluster_wide; });
  return rights;
}

/// The rules tell everything where RBAC alone decides; what they leave open is asked one by one.
std::vector<Kubectl::Right> refused_rights(Context& context, const Kubectl& kubectl,
                                           const std::vector<Kubectl::Right>& rights, const Command& question,
                                           const Output& answer) {
  Kubectl::Reviewed reviewed = Kubectl::parse_rules(rights, question, answer);
  if (reviewed.unknown.empty()) return reviewed.refused;
  const Command one_by_one = kubectl.review_rights(reviewed.unknown);
  const std::vector<Kubectl::Right> refused =
      Kubectl::parse_refused(reviewed.unknown, one_by_one, kubectl.ask(one_by_one, context.deadline));
  reviewed.refused.insert(reviewed.refused.end(), refused.begin(), refused.end());
  return reviewed.refused;
}

/// What tells this cluster from others for a login that may not see kube-system: its CA, which every namespace has.
std::string cluster_mark(Context& context, const Kubectl& kubectl) {
  for (const json& object : look_for_if_allowed(context, kubectl, {"configmap/kube-root-ca.crt"}, context.deadline)) {
    const std::string certificate = text_at(object, {"data", "ca.crt"});
    if (!certificate.empty()) return "ca-" + sha256_hex(certificate).substr(0, 32);
  }
  return "server-" + sha256_hex(kubectl.cluster().server).substr(0, 32);
}

/// An account of one namespace may see neither kube-system nor, as an object, its own namespace.
void take_objects(Context& context, const Kubectl& kubectl, const Command& question, const Output& answer,
                  Observed& observed) {
  const Kubectl::Visible visible = Kubectl::parse_visible_items(question, answer);
  const std::string own = "namespaces/" + kubectl.name_space();
  for (const std::string& refused : visible.refused) {
    if (refused != own && refused != "namespaces/kube-system") throw Kubectl::explain(question, answer);
  }
  for (const json& item : *visible.items) take(observed, item, kubectl);
  const bool hidden = std::find(visible.refused.begin(), visible.refused.end(), own) != visible.refused.end();
  if (hidden) observed.name_space = Observed::Namespace{};  // it has rights there, so it is there
  if (observed.cluster_uid.empty()) observed.cluster_uid = cluster_mark(context, kubectl);
}

}  // namespace

std::string cluster_uid_of(Context& context, const Kubectl& kubectl) {
  const Command question = kubectl.get({"namespace/kube-system"});
  const Kubectl::Visible visible = Kubectl::parse_visible_items(question, kubectl.ask(question, context.deadline));
  for (const json& item : *visible.items) return text_at(item, {"metadata", "uid"});
  return cluster_mark(context, kubectl);
}

std::vector<Kubectl::Right> needed_rights(bool create_namespace, bool cron_jobs, bool replicates, bool backup_claim) {
  std::vector<Kubectl::Right> rights = {
      {"create", "", "secrets", ""},
      {"patch", "", "secrets", ""},
      {"create", "", "services", ""},
      {"create", "", "configmaps", ""},
      {"create", "apps", "statefulsets", ""},
      {"create", "networking.k8s.io", "networkpolicies", ""},
      {"watch", "", "pods", ""},
      {"create", "", "pods", "portforward"},
      {"watch", "", "events", ""},
      {"get", "", "persistentvolumeclaims", ""},
      {"create", "coordination.k8s.io", "leases", ""},
      {"delete", "coordination.k8s.io", "leases", ""},
  };
  if (cron_jobs) rights.push_back({"create", "batch", "cronjobs", ""});
  if (backup_claim) rights.push_back({"create", "", "persistentvolumeclaims", ""});
  if (replicates) {
    rights.push_back({"create", "apps", "deployments", ""});
    rights.push_back({"create", "policy", "poddisruptionbudgets", ""});
  }
  if (create_namespace) rights.push_back({"create", "", "namespaces", "", true});
  return rights;
}

Error missing_rights(const std::vector<Kubectl::Right>& refused, const Kubectl& kubectl) {
  std::vector<std::string> names;
  for (const Kubectl::Right& right : refused) {
    names.push_back(right.verb + " " + right.resource + (right.subresource.empty() ? "" : "/" + right.subresource));
  }
  return Error(ExitCode::preflight,
               fmt::format("this login may not {} in namespace {}", join(names, ", "), kubectl.name_space()),
               "ask for these rights, or choose another login with --context; what you have: " +
                   kubectl.for_people({"auth", "can-i", "--list"}));
}

namespace {

/// cert-manager's Certificate, where one is wanted or has been there.
void look_at_issued(Context& context, const Kubectl& kubectl, const TlsChoice& wanted, Observed& observed) {
  const bool is_wanted = wanted.from == TlsChoice::From::issuer;
  const bool was = observed.tls_choice().from == TlsChoice::From::issuer;
  const bool left = observed.tls.certificate && observed.tls.certificate->issued;
  if (!is_wanted && !was && !left) return;
  observed.cert_manager = kubectl.ask(kubectl.api_group("cert-manager.io/v1"), context.deadline).ok();
  if (!observed.cert_manager) return;
  std::vector<std::string> objects = {"certificate.cert-manager.io/" + observed.names().certificate};
  if (is_wanted) objects.push_back(to_lower(wanted.issuer_kind) + ".cert-manager.io/" + wanted.issuer);
  for (const std::string& object : objects) {
    const Command question = kubectl.get({object});
    for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline))) {
      take_object(observed, item, kubectl);
      if (text_at(item, {"kind"}) == wanted.issuer_kind) observed.issuer_known = true;
    }
  }
}

/// Of a Redis with replicas, one that is wanted or one that is there: what its further nodes have.
void observe_nodes(Context& context, const Kubectl& kubectl, const RedisNames& names, int nodes, Observed& observed) {
  if (nodes < 2) return;
  const Command question = kubectl.get(objects_of_nodes(names, nodes));
  for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline)))
    take(observed, item, kubectl);
}

/// What can only be asked when the rest is known: the claim's volume, which many a login may not see, and the state of
/// the release.
void look_further(Context& context, const Kubectl& kubectl, const std::string& release, Look look, Observed& observed) {
  std::vector<Command> questions;
  std::vector<std::string> volumes;
  for (const Release::Claim& claim : observed.claims) {
    if (!claim.volume.empty()) volumes.push_back("persistentvolume/" + claim.volume);
  }
  if (!volumes.empty()) questions.push_back(kubectl.get(volumes));
  const std::size_t first = questions.size();
  if (look == Look::with_state && observed.record) {
    for (Command& question : ReleaseState::questions(kubectl, release)) questions.push_back(std::move(question));
  }
  if (questions.empty()) return;
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  if (first > 0 && answers[0].ok()) {
    for (const json& volume : Kubectl::parse_items(questions[0], answers[0])) take_object(observed, volume, kubectl);
  }
  if (first == questions.size()) return;
  observed.state = ReleaseState::read(context, kubectl, release, std::span<const Command>(questions).subspan(first),
                                      std::span<const Output>(answers).subspan(first));
}

}  // namespace

Observed observe(Context& context, const Kubectl& kubectl, const RedisNames& names, const RedisSettings& settings,
                 Look look) {
  const std::vector<Kubectl::Right> rights = needed_rights(
      true, !trimmed_streams(settings).empty() || settings.backup.wanted(), settings.ha(), settings.backup.own_claim());
  std::vector<std::string> objects = {"namespace/kube-system",
                                      "namespace/" + settings.name_space,
                                      "secret/" + names.full,
                                      "statefulset/" + names.workload,
                                      "service/" + names.workload,
                                      "pod/" + names.pod,
                                      "persistentvolumeclaim/" + names.claim,
                                      "lease/" + lease_name(settings.release)};
  for (const std::string& service : settings.services) {
    if (service.find('/') == std::string::npos) objects.push_back("service/" + service);
  }
  if (settings.backup.wanted() && settings.backup.to == BackupChoice::To::claim)
    objects.push_back("persistentvolumeclaim/" + backup_claim(settings.backup, names.full));
  if (!settings.backup.secret.empty()) objects.push_back("secret/" + settings.backup.secret);
  for (std::string& object : tls_object_names(settings.tls, names)) objects.push_back(std::move(object));
  const std::vector<Command> questions = {
      kubectl.get(objects),
      kubectl.review_rules(single_reviews(rights)),
      kubectl.release_records(settings.release),
      kubectl.list("storageclasses", ""),
      kubectl.version(),
  };
  const TimePoint asked = context.clock.now();
  const WallTime asked_wall = context.clock.wall();
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  Observed observed;
  observed.id = {settings.release, kubectl.name_space()};
  observed.tls.given_name = settings.tls.secret;
  observed.at = asked;
  observed.at_wall = asked_wall;
  try {
    observed.versions = Kubectl::parse_version(questions[4], answers[4]);
    observed.refused = refused_rights(context, kubectl, rights, questions[1], answers[1]);
    const bool all_answered = answers[0].ok() && answers[2].ok();
    const auto of_this_namespace = [](const Kubectl::Right& right) { return !right.cluster_wide; };
    const bool lacks_some = std::any_of(observed.refused.begin(), observed.refused.end(), of_this_namespace);
    if (!all_answered && lacks_some) throw missing_rights(observed.refused, kubectl);
    take_objects(context, kubectl, questions[0], answers[0], observed);
    for (const json& record : Kubectl::parse_release_records(questions[2], answers[2])) take_record(observed, record);
    const Kubectl::Visible classes = Kubectl::parse_visible_items(questions[3], answers[3]);
    observed.storage_classes_known = classes.refused.empty();
    for (const json& item : *classes.items) take_storage_class(observed, item);
  } catch (Error& error) {
    throw error.with_code(ExitCode::preflight);
  } catch (const json::exception& error) {
    throw Error(ExitCode::preflight, std::string("kubectl's answer cannot be parsed: ") + error.what(),
                "see what it says: " + kubectl.for_people({"get", "secret,statefulset,service", "-o", "json"}));
  }
  // of data without a record (a setup that was interrupted) nobody knows of how many nodes it is
  const bool unknown = !observed.workload && observed.claim() && observed.claim()->spec.empty();
  const int nodes = std::max(settings.nodes(), observed.nodes());
  // and where several became one, a run that was killed left the claims of the others
  const bool were_several = observed.secret && observed.secret->content.contains(internal_password_key);
  observe_nodes(context, kubectl, names, unknown || were_several ? std::max(nodes, most_nodes) : nodes, observed);
  if (const auto question = look_at_followers(kubectl, observed)) {
    for (const json& item : Kubectl::parse_items(*question, kubectl.ask(*question, context.deadline)))
      take(observed, item, kubectl);
  }
  look_further(context, kubectl, settings.release, look, observed);
  look_at_issued(context, kubectl, settings.tls, observed);
  // the right to make a namespace only matters when there is none
  if (observed.name_space)
    std::erase_if(observed.refused, [](const Kubectl::Right& right) { return right.resource == "namespaces"; });
  return observed;
}

void refuse_if_changed_since(Context& context, const Kubectl& kubectl, const RedisNames& names,
                             const RedisSettings& settings, const Observed& observed) {
  const auto passed = context.clock.now() - observed.at;
  const auto passed_wall = context.clock.wall() - observed.at_wall;
  if (passed < still_counts && passed_wall < still_counts) return;
  const Observed present = observe(context, kubectl, names, settings);
  const bool same_release = present.record.has_value() == observed.record.has_value() &&
                            (!present.record || (present.record->revision == observed.record->revision &&
                                                 present.record->status == observed.record->status));
  if (same_release && present.uids == observed.uids) return;
  throw Error(ExitCode::preflight,
              fmt::format("someone has changed release {} since this run looked", settings.release),
              "run this again: it will look at what is there now")
      .made_nothing();
}

}  // namespace raibid
