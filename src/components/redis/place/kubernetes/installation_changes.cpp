// What of a change to an installed release is done otherwise than by helm.
#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "assets/render.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/new_pod.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/server_files.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/settings/change.hpp"
#include "ui/reporter.hpp"

namespace raibid {

using nlohmann::json;
using nlohmann::ordered_json;

namespace {

constexpr const char* restart_checksum = "spec.template.metadata.annotations[checksum/restart]";

/// A Spec of these directives and nothing else.
Spec only(const Directives& directives) {
  Spec spec;
  spec.directives = directives;
  return spec;
}

/// "pods raibid-redis-replicas-0 to 2".
std::string pods_of(const json& set) {
  const std::string name = text_at(set, {"metadata", "name"});
  const std::int64_t replicas = number_at(set, {"spec", "replicas"});
  return replicas > 1 ? fmt::format("pods {}-0 to {}", name, replicas - 1) : fmt::format("pod {}-0", name);
}

std::string shown_change(const FieldDifference& field) {
  // where another chart keeps the checksums of its ConfigMaps and Secrets
  constexpr std::string_view checksum = "spec.template.metadata.annotations[checksum/";
  if (field.path.starts_with(checksum))
    return fmt::format("the {}", field.path.substr(checksum.size(), field.path.size() - checksum.size() - 1));
  constexpr std::string_view prefix = "spec.template.spec.";
  const std::string path = field.path.starts_with(prefix) ? field.path.substr(prefix.size()) : field.path;
  return fmt::format("{} {} → {}", path, field.live.empty() ? "none" : field.live,
                     field.wanted.empty() ? "none" : field.wanted);
}

}  // namespace

void Installation::compare_with_present() {
  const bool is_change = observed.workload && observed.state && observed.state->unknown().empty() && !converged();
  if (!is_change) return;
  m_rendered = std::make_shared<json>(ReleaseState::objects_of(render(m_context.deadline)));
}

void Installation::try_new_pod() const {
  if (!m_rendered || restarts().empty()) return;
  for (const json& object : *m_rendered) {
    if (text_at(object, {"kind"}) != "StatefulSet" || text_at(object, {"metadata", "name"}) != m_names.workload)
      continue;
    const Command question = session.kubectl.try_to_create(pod_of_set(object, m_names.pod));
    const Output answer = session.kubectl.run(question, question_deadline(m_context));
    for (const std::string& warning : warnings_in(answer)) m_context.reporter.warning("the new pod: " + warning);
    if (const auto refusal = refusal_of_pod(answer)) throw *refusal;
  }
}

/// What of the pod template will be otherwise: by helm's own account, and by what someone changed meanwhile.
std::vector<std::string> Installation::template_changes() const {
  const ReleaseName name{settings.release, settings.name_space};
  const json& present = observed.state->manifest();
  const bool of_other_chart = settings.chart.kind != ChartChoice::Kind::embedded;
  std::vector<std::string> changes;
  for (const json& after : *m_rendered) {
    const json* const before = find_object(present, after, name);
    if (text_at(after, {"kind"}) != "StatefulSet" || !before) continue;
    std::vector<FieldDifference> fields = compare_object(after, *before);
    for (const FieldDifference& gone : compare_object(*before, after)) {
      if (gone.live.empty()) fields.push_back({gone.path, gone.wanted, ""});
    }
    for (const FieldDifference& field : fields) {
      if (!field.path.starts_with("spec.template.")) continue;
      if (field.path != restart_checksum) {
        changes.push_back(shown_change(field) + (of_other_chart ? " of " + pods_of(after) : ""));
        continue;
      }
      const auto lines = restart_directives(only(server_files(present, m_names).directives.value_or(Directives{})),
                                            only(server_files(*m_rendered, m_names).directives.value_or(Directives{})));
      changes.insert(changes.end(), lines.begin(), lines.end());
      if (lines.empty()) changes.emplace_back("the chart's scripts");
    }
  }
  for (const Drift& drift : observed.state->drift()) {
    if (!drift.replaces_pods()) continue;
    for (const std::string& change : drift.changes()) changes.push_back(change);
  }
  return changes;
}

std::vector<std::string> Installation::restarts() const {
  std::vector<std::string> reasons;
  for (const Drift& one : drift()) {
    if (!one.replaces_pods()) continue;
    for (const std::string& change : one.changes()) reasons.push_back(change);
  }
  if (observed.workload && !converged()) reasons = changes_that_restart();
  if (const std::vector<std::string> pods = unlike_pods(); !pods.empty())
    reasons.push_back(fmt::format("{}: cannot talk to the other nodes", join(pods, ", ")));
  if (replaces_all_at_once()) reasons.emplace_back("all nodes at once (old and new ones could not talk to each other)");
  return reasons;
}

std::vector<std::string> Installation::changes_that_restart() const {
  std::vector<std::string> reasons;
  if (!observed.workload->spec.empty())
    reasons = restart_reasons(parse_spec(observed.workload->spec), spec_of(settings));
  const bool users_own = !settings.sets.empty() || !settings.values_files.empty();
  const bool some_go = conversion() == Conversion::to_one || takes_some_away();
  if (some_go && !reasons.empty() && reasons.front().starts_with("nodes "))
    reasons.front() += fmt::format(" (the claims of the other {} go; node 0 has what is in them)",
                                   observed.nodes() - settings.nodes());
  if (m_work.needs_restart) reasons.push_back(fmt::format("the certificate ({})", m_work.why));
  if (conversion() != Conversion::none) return reasons;  // of the template nothing is as it was
  return m_rendered && (users_own || reasons.empty()) ? template_changes() : reasons;
}

std::vector<std::string> Installation::dropped() const {
  if (!observed.workload || observed.workload->spec.empty() || converged() || !restarts().empty()) return {};
  if (m_rendered) {
    const auto before = server_files(observed.state->manifest(), m_names).directives;
    const auto after = server_files(*m_rendered, m_names).directives;
    if (before && after) return dropped_directives(only(*before), only(*after));
  }
  return dropped_directives(parse_spec(observed.workload->spec), spec_of(settings));
}

// Without a revision of helm's: the release is as it should be, the cluster is not. Nothing is undone: what was put
// back is what the release has.
StepResult Installation::put_back() {
  const bool new_pods = std::any_of(drift().begin(), drift().end(), [](const Drift& one) {
    return one.replaces_pods() || one.object.starts_with("StatefulSet ");
  });
  if (new_pods) {
    if (auto refusal = refuse_restart(m_context, session.kubectl, settings.release, m_context.deadline))
      throw refusal->made_nothing();
    m_pod_is_old = true;
    m_rollout.expect_change();
  }
  // a server-side apply keeps a port that someone added, and two ports cannot have one name
  for (const auto& [space, service, ports] : observed.state->changed_ports()) {
    const Kubectl there(m_context.runner, session.kubectl.cluster(), space);
    const json patch = {{"spec", {{"ports", *ports}}}};
    there.run_checked(there.merge_as_helm("service/" + service, patch), m_context.deadline);
  }
  for (const auto& [space, objects] : observed.state->repair()) {
    const Kubectl there(m_context.runner, session.kubectl.cluster(), space);
    there.run_checked(there.apply_as_helm(objects), m_context.deadline);
  }
  const std::vector<Command> questions = ReleaseState::questions(session.kubectl, settings.release);
  const std::vector<Output> answers = session.kubectl.ask(questions, m_context.deadline);
  const ReleaseState after = ReleaseState::read(m_context, session.kubectl, settings.release, questions, answers);
  std::vector<std::string> left;
  for (const Drift& one : after.drift()) {
    for (const std::string& line : one.lines()) left.push_back(line);
  }
  if (!after.unknown().empty()) left.push_back(after.unknown());
  if (!left.empty()) {
    throw Error(ExitCode::failure, "put back, but it still differs from the release: " + join(left, "; "),
                "something else in the cluster changes it (a controller, an admission webhook): stop that, or remove "
                "the object and "
                "run this again");
  }
  m_rollout.expect_workload();
  if (new_pods) {
    expect_new_pod();
    m_pod_is_old = false;
  }
  std::vector<std::string> done;
  for (const Drift& one : drift()) {
    for (const std::string& line : one.lines()) done.push_back(line);
  }
  return {Outcome::changed,
          fmt::format("{}, revision {}; put back: {}", settings.release, observed.record->revision, join(done, "; "))};
}

const Directives& Installation::expected_directives() {
  if (m_expected) return *m_expected;
  if (converged() && observed.state) {
    m_expected = server_files(observed.state->manifest(), m_names).directives;
  } else if (!settings.sets.empty() || !settings.values_files.empty()) {
    if (!m_rendered) m_rendered = std::make_shared<json>(ReleaseState::objects_of(render(m_context.deadline)));
    m_expected = server_files(*m_rendered, m_names).directives;
  }
  if (!m_expected) {
    m_expected = settings.directives;
    if (settings.tls.enabled())
      m_expected->emplace_back("tls-auth-clients", settings.tls.client_certificates ? "yes" : "no");
  }
  return *m_expected;
}

/// A server that started with a Secret of this run has read it just now; one that ran before has not.
bool Installation::has_acl_file() const {
  return settings.auth && (has_its_secret() || !m_acl.empty()) && observed.state &&
         server_files(observed.state->manifest(), m_names).has_acl;
}

SecretContent Installation::with_wanted_users(const SecretContent& present) {
  SecretContent wanted = with_missing_helpers(present);
  if (!changes_users()) return wanted;
  if (changes_application_user()) wanted = with_application_user(wanted, settings.user, m_passwords.admin);
  if (!m_passwords.next.empty())
    wanted = with_second_password(std::move(wanted), m_passwords.next, m_context.clock.wall());
  return with_wanted_reload_user(std::move(wanted));
}

bool Installation::changes_application_user() const {
  if (!m_passwords.next.empty()) return true;
  const SecretContent& present = observed.secret->content;
  const bool has_none = settings.user.name.empty() && application_login(present).username.empty();
  return !has_none && with_application_user(present, settings.user, m_passwords.admin) != present;
}

bool Installation::changes_users() const {
  if (!settings.auth || !has_its_secret() || settings.chart.kind != ChartChoice::Kind::embedded) return false;
  return changes_application_user() || reload_user_differs();
}

bool Installation::changes_user_name() const {
  return changes_users() && application_login(observed.secret->content).username != settings.user.name;
}

std::string Installation::describe_user_change() const {
  std::vector<std::string> changes;
  if (changes_users()) changes.push_back(describe_application_change());
  for (const std::string& helper : missing_helpers()) {
    const bool known = observed.secret->acl.reveal().find("user " + helper + " ") != std::string::npos;
    changes.push_back(known ? "the rights of user " + helper
                            : fmt::format("user {0} added, which may do nothing but {1}", helper,
                                          helper == "trim" ? helper : "copy"));
  }
  return join(changes, "; ");
}

std::string Installation::describe_application_change() const {
  const std::string before = shown_user(application_login(observed.secret->content));
  const std::string after = shown_user({settings.user.name, m_passwords.application});
  if (before != after) return fmt::format("user {} instead of {}", after, before);
  if (!changes_application_user())
    return needs_reload_user() ? "user tls added, which may do nothing but have the certificate read again"
                               : "user tls removed, which no certificate needs any more";
  return m_passwords.next.empty() ? "the rights of user " + after : "a second password; both are valid until --finish";
}

/// When all that may fail of the release has been done; Redis reads the file at its start, and the running one is told.
Step Installation::users_change_step() {
  m_store.tell_pods(m_names.pods(settings.nodes()));
  return users_step(
      m_store, servers(), [this](const SecretContent& present) { return with_wanted_users(present); },
      describe_user_change(), m_run, m_context.scope().command("setup redis"),
      [this] {
        m_login = wanted_login();
        m_redis.forget_connection();
        m_acl = value_of(m_store.read(), acl_key);
        if (m_nodes) m_nodes->know(m_store.read());
      });
}

std::string Installation::would_write() const {
  if (!kept_by_store(settings, m_names)) return "";
  if (changes_users()) return "the rights of user " + shown_user({settings.user.name, m_passwords.application});
  if (settings.auth && trim_user_is_missing()) return "the rights of user trim";
  return settings.auth && backup_user_is_missing() ? "the rights of user backup" : "";
}

void Installation::forget_previous_users() {
  if (kept_by_store(settings, m_names)) return;
  const bool left = has_its_secret() && observed.secret->content.contains(previous_users_key);
  if (settles_users() || left || conversion() != Conversion::none || drops_nodes() || takes_first_of_several())
    raibid::forget_previous_users(m_store);
}

std::vector<Login> Installation::logins() const {
  std::vector<Login> all = {m_login, wanted_login()};
  if (observed.secret) all.push_back(admin_login(observed.secret->content));
  return all;
}

// First, when nothing else is changed: a claim that has grown stays so, whatever comes after it.
Step Installation::claim_step() {
  const std::string from_to = fmt::format("{}: {} → {}", m_names.claim, observed.claim()->requested, settings.size);
  Step step;
  step.name = "claim";
  step.intent = "let it grow, which cannot be undone: " + from_to;
  step.undo = [] { return std::vector<Undo>{}; };
  step.act = [this, from_to]() -> StepResult {
    const ordered_json storage = {{"requests", {{"storage", settings.size}}}};
    const ordered_json manifest = {{"apiVersion", "v1"},
                                   {"kind", "PersistentVolumeClaim"},
                                   {"metadata", {{"name", m_names.claim}, {"namespace", settings.name_space}}},
                                   {"spec", {{"resources", storage}}}};
    session.kubectl.run_checked(session.kubectl.apply(manifest), m_context.deadline);
    return {Outcome::changed, from_to + "; status says when it is done"};
  };
  return step;
}

ordered_json Installation::backup_claim_manifest() const {
  if (!settings.backup.own_claim() || observed.backup_claim) return nullptr;
  ordered_json metadata = {{"name", m_names.backup},
                           {"namespace", settings.name_space},
                           {"labels",
                            {{managed_by_label, managed_by_us},
                             {"app.kubernetes.io/instance", settings.release},
                             {"app.kubernetes.io/component", "backup"}}}};
  if (!m_run.empty()) metadata["annotations"] = {{run_label, m_run}};
  ordered_json spec = {{"accessModes", {"ReadWriteOnce"}}, {"resources", {{"requests", {{"storage", settings.size}}}}}};
  if (!settings.storage_class.empty())
    spec["storageClassName"] = settings.storage_class == "-" ? "" : settings.storage_class;
  return {{"apiVersion", "v1"}, {"kind", "PersistentVolumeClaim"}, {"metadata", metadata}, {"spec", spec}};
}

// Not by helm, which would remove it with the release.
Step Installation::backup_claim_step() {
  Step step;
  step.name = "backup claim";
  step.intent = fmt::format("make claim {} ({}) for the backups", m_names.backup, settings.size);
  step.undo = [this]() -> std::vector<Undo> { return {undo_backup_claim(session.kubectl, m_names.backup)}; };
  step.act = [this]() -> StepResult {
    session.kubectl.run_checked(session.kubectl.create(backup_claim_manifest()), m_context.deadline);
    return {Outcome::changed, fmt::format("{}, {}", m_names.backup, settings.size)};
  };
  return step;
}

bool Installation::has_its_services() const {
  const auto missing = [this](const std::string& service) {
    return service.find('/') == std::string::npos && !observed.service(service);
  };
  return observed.service(m_names.workload) &&
         std::none_of(settings.services.begin(), settings.services.end(), missing);
}

}  // namespace raibid
