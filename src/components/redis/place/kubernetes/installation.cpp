#include "components/redis/place/kubernetes/installation.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/store_secret.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/place/kubernetes/vanished.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/settings/values.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr Duration look_again = std::chrono::milliseconds(250);  // graces run out without news
constexpr Duration ask_again = std::chrono::milliseconds(900);   // a refusal is told within a second
/// In a namespace of our own making the watches can start late: what they cost is helm's until it has ended or this
/// long.
constexpr Duration helm_patience = std::chrono::milliseconds(500);
/// Redis is ready: for so long an exporter that is on its way (its image is being pulled) is waited for.
constexpr Duration exporter_patience = std::chrono::seconds(10);
constexpr Duration generation_poll = std::chrono::milliseconds(100);
constexpr const char* embedded_chart = "charts/redis";

bool is_compared(const Observed& observed) { return observed.state && observed.state->unknown().empty(); }

std::string names_of(const std::vector<Drift>& drift) {
  std::vector<std::string> names;
  for (const Drift& one : drift) names.push_back(one.object);
  return join(names, ", ");
}

Credentials make_credentials(const Context& context, const RedisSettings& settings, const RedisNames& names,
                             const Cluster& cluster, const Observed& observed, const Passwords& passwords) {
  Credentials credentials;
  credentials.host = names.host;
  credentials.port = redis_port;
  credentials.password = passwords.handed_out();
  credentials.name_space = settings.name_space;
  if (!settings.streams.empty()) {
    credentials.stream = settings.streams.front().name;
    if (!settings.streams.front().groups.empty()) credentials.consumer_group = settings.streams.front().groups.front();
  }
  credentials.context = cluster.context;
  credentials.cluster_uid = observed.cluster_uid;
  credentials.release = settings.release;
  credentials.target = "kubernetes";
  credentials.username = shown_user({settings.user.name, passwords.application});
  credentials.admin_password = passwords.admin;
  credentials.record = to_json(spec_of(settings));
  credentials.path = credentials_path(context.paths, credentials, settings.preset);
  return credentials;
}

}  // namespace

/// The folder in which helm looks for the embedded chart, gone with the object. It is empty until `unpack`: a helm that
/// was started early and then left alone finds no chart, and installs nothing.
class ChartFolder {
 public:
  ChartFolder(const Files& files, fs::path folder) : m_folder(std::move(folder)) {
    files.remove_tree(m_folder);
    files.make_private_directory(m_folder);
    files.make_private_directory(chart_in(m_folder));
  }
  ~ChartFolder() {
    std::error_code ignored;  // a destructor has nobody to tell, and the journal has it
    fs::remove_all(m_folder, ignored);
  }
  ChartFolder(const ChartFolder&) = delete;
  ChartFolder& operator=(const ChartFolder&) = delete;

  static fs::path chart_in(const fs::path& folder) { return folder / "redis"; }
  void unpack() const { unpack_assets(embedded_chart, chart_in(m_folder)); }

 private:
  fs::path m_folder;
};

Installation::Installation(Context& context, const RedisSettings& wanted, const RedisNames& names,
                           ClusterSession& cluster, const Observed& seen, ReleaseLock& lock, Passwords passwords,
                           std::string run)
    : settings(wanted),
      observed(seen),
      session(cluster),
      m_context(context),
      m_lock(lock),
      m_names(names),
      m_passwords(std::move(passwords)),
      m_run(std::move(run)),
      m_credentials(make_credentials(context, wanted, names, cluster.kubectl.cluster(), seen, m_passwords)),
      m_rollout(context.runner, context.clock, cluster.kubectl, names.selector, names.workload),
      m_chart_folder(context.paths.home / fmt::format("chart-{}-{}", wanted.name_space, wanted.release)),
      m_redis(context, cluster.kubectl, names),
      m_store(context, cluster.kubectl, names.full, [&context] { return context.deadline; }),
      m_certificates(context, cluster.kubectl, names, wanted.release, m_run, [&context] { return context.deadline; }) {
  m_login = wanted_login();
  if (has_its_secret() && settings.auth) {
    SecretContent present = seen.secret->content;
    present[password_key] = m_passwords.application;  // another one was put there by hand
    m_login = admin_login(present);
  }
  plan_certificate();
  m_credentials.tls = settings.tls.enabled();
  m_credentials.ca_certificate = value_of(m_mounted, tls_trusted_key).reveal();
  m_redis.speak_tls(tls(), pod_port(settings.tls));
  m_rollout.set_aside(exporter_container);
  if (!seen.name_space) m_rollout.expect_nothing_older();
}

Installation::~Installation() = default;

Plan Installation::plan() {
  const RedisSource redis = [this]() -> RedisConnection& { return ready(); };
  Plan plan = {namespace_step()};
  if (settings.auth) plan.push_back(password_step());
  if (settings.tls.enabled()) plan.push_back(tls_step());
  if (claim_is_to_grow(observed, settings)) plan.push_back(claim_step());
  plan.push_back(release_step());
  plan.push_back(redis_step());
  if (renews_live()) plan.push_back(replace_certificate());
  if (changes_users()) plan.push_back(users_change_step());
  if (!settings.streams.empty()) {
    plan.push_back(stream_step(settings, redis));
    // what a first install wrote goes with its release and claim
    if (!observed.record && !(observed.claim() && settings.persistence))
      plan.back().undo = [] { return std::vector<Undo>{}; };
  }
  plan.push_back(credentials_step(m_context, m_credentials, settings.preset));
  return plan;
}

std::string Installation::storage_class() const {
  if (!settings.persistence) return "";
  return settings.storage_class.empty() ? observed.default_storage_class : settings.storage_class;
}

ordered_json Installation::values() const {
  ordered_json values = helm_values(settings, m_names, observed.service_monitors);
  if (settings.tls.enabled()) {
    const std::string pem = value_of(m_mounted, tls_certificate_key).reveal();
    std::string restarted_for = observed.workload ? observed.workload->certificate : "";
    // the early helm is given its values before cert-manager has issued anything
    if (m_work.needs_restart && m_work.gives_over) restarted_for = "issued-" + m_run;
    if (m_work.needs_restart && !m_work.gives_over && !pem.empty())
      restarted_for = read_certificate(pem, "the certificate").fingerprint.substr(0, 16);
    if (!restarted_for.empty()) values["master"]["podAnnotations"][certificate_annotation] = restarted_for;
  }
  if (!observed.workload || observed.workload->claim_size.empty()) return values;
  // a StatefulSet's claim template can never change: the claim itself grows (claim_step)
  ordered_json& persistence = values["master"]["persistence"];
  const std::string& made_with = observed.workload->claim_size;
  // "8192Mi" comes back as "8Gi": the same size in other words is no change
  const bool same = parse_bytes(made_with, "the claim template's size") == parse_bytes(settings.size, "--size");
  if (!same) persistence["size"] = made_with;
  persistence.erase("storageClass");
  if (const auto& made = observed.workload->claim_class) persistence["storageClass"] = made->empty() ? "-" : *made;
  return values;
}

ordered_json Installation::namespace_manifest() const {
  ordered_json metadata = {{"name", settings.name_space}, {"labels", {{managed_by_label, managed_by_us}}}};
  if (!m_run.empty()) metadata["annotations"] = {{run_label, m_run}};
  return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", metadata}};
}

ordered_json Installation::secret_manifest() {
  ordered_json data = ordered_json::object();
  SecretContent content =
      secret_content(m_passwords.application, generate_password(m_context.random), trim_user(), application_user());
  if (settings.tls.from == TlsChoice::From::issuer)
    content = with_reload_user(std::move(content), generate_password(m_context.random));
  for (const auto& [key, value] : content) data[key] = base64_encode(value.reveal());
  // a server that runs has read a Secret of before, which is gone
  if (observed.redis_runs()) m_acl = value_of(content, acl_key);
  const ordered_json labels = {{managed_by_label, managed_by_us}, {"app.kubernetes.io/instance", settings.release}};
  ordered_json metadata = {{"name", m_names.full}, {"namespace", settings.name_space}, {"labels", labels}};
  if (!m_run.empty()) metadata["annotations"] = {{run_label, m_run}};
  return {{"apiVersion", "v1"}, {"kind", "Secret"}, {"metadata", metadata}, {"type", "Opaque"}, {"data", data}};
}

Step Installation::namespace_step() {
  Step step;
  step.name = "namespace";
  step.intent = observed.name_space ? "use " + settings.name_space : "create " + settings.name_space;
  step.undo = [this]() -> std::vector<Undo> {
    std::vector<Undo> undos;
    // the namespace is undone last: the lock goes with it
    if (!observed.name_space) undos.push_back(undo_namespace(session.kubectl, settings.release, m_names.full));
    if (helm_starts_early()) undos.push_back(undo_file(m_chart_folder));
    return undos;
  };
  step.act = [this]() -> StepResult {
    start_early();
    if (observed.name_space) {
      take_lock();
      return {Outcome::unchanged, settings.name_space};
    }
    const ordered_json manifest = namespace_manifest();
    const ordered_json secret = settings.auth ? secret_manifest() : ordered_json();
    m_secret_made = m_lock.acquire(&manifest, settings.auth ? &secret : nullptr);  // one kubectl for all
    return {Outcome::changed, settings.name_space + " created"};
  };
  return step;
}

void Installation::take_lock() {
  m_lock.acquire();
  refuse_if_changed_since(m_context, session.kubectl, m_names, settings, observed);
}

bool Installation::has_its_secret() const {
  if (kept_by_store(settings, m_names)) return observed.secret.has_value();  // refuse_kept_secret has looked at it
  return observed.secret && observed.secret->ours && observed.secret->complete;
}

bool Installation::helm_starts_early() const {
  return settings.chart.kind == ChartChoice::Kind::embedded && !converged();
}

void Installation::start_early() {
  if (helm_starts_early()) {
    m_chart = std::make_unique<ChartFolder>(m_context.files, m_chart_folder);
    m_helm = std::make_unique<EarlyChild>(m_context.runner, session.helm.upgrade_install(install_request()));
  }
  if (settings.auth && !has_its_secret() && observed.name_space) store_password();
}

TrimUser Installation::trim_user() {
  TrimUser user;
  for (const StreamSpec& stream : trimmed_streams(settings)) user.streams.push_back(stream.name);
  if (user.streams.empty()) return user;
  const bool known = observed.secret && !observed.secret->trim.empty();
  user.password = known ? observed.secret->trim : generate_password(m_context.random);
  return user;
}

bool Installation::trim_user_is_missing() const {
  TrimUser user{observed.secret ? observed.secret->trim : Secret(), {}};
  for (const StreamSpec& stream : trimmed_streams(settings)) user.streams.push_back(stream.name);
  if (user.streams.empty()) return false;
  if (user.password.empty()) return true;
  // while a rotation is under way it has two passwords
  const Secret acl = value_of(with_one_internal_password(observed.secret->content, true), acl_key);
  return with_trim_user(acl, user) != acl;
}

// Beside the others, whose passwords stay; when all that may fail has been done. Redis reads the file at its start; the
// running one is told by settle_acl, without a restart. Nothing undoes it: a user whose password nobody has.
void Installation::add_trim_user() {
  const TrimUser user = trim_user();
  m_acl = with_trim_user(observed.secret->acl, user);
  const ordered_json data = {{"users.acl", base64_encode(m_acl.reveal())},
                             {"trim-password", base64_encode(user.password.reveal())}};
  session.kubectl.run_checked(session.kubectl.merge("secret/" + m_names.full, {{"data", data}}), m_context.deadline);
}

void Installation::store_password() {
  const ordered_json manifest = secret_manifest();
  // create, not apply, where there is none: one that someone makes at this moment is not overwritten; what is in a
  // namespace of our making is of a run that lost the race for it
  const bool apply = observed.secret || !observed.name_space;
  m_secret = std::make_unique<EarlyChild>(m_context.runner,
                                          apply ? session.kubectl.apply(manifest) : session.kubectl.create(manifest));
}

/// What our Secret has otherwise than the users that Redis knows: someone changed it.
SecretContent Installation::put_back_passwords() const {
  if (!has_its_secret() || value_of(observed.secret->content, password_key) == m_passwords.application) return {};
  return {{password_key, m_passwords.application}};
}

Step Installation::password_step() {
  const bool ours = has_its_secret();
  Step step;
  step.name = "password";
  const std::string source = settings.existing_secret && !kept_by_store(settings, m_names)
                                 ? fmt::format(", that of Secret {}", settings.existing_secret->text())
                                 : "";
  step.intent = (ours ? "reuse the one in Secret " + m_names.full : "put it into Secret " + m_names.full) + source;
  step.undo = [this, ours]() -> std::vector<Undo> {
    if (ours) return {};
    if (observed.secret) return {undo_adoption(session.kubectl, m_names.full)};
    // what ran before this run does not keep the Secret: it started with another one
    return {undo_secret(session.kubectl, m_names.full, observed.workload ? "" : "statefulset/" + m_names.workload)};
  };
  step.act = [this, ours, source]() -> StepResult {
    const std::string detail =
        fmt::format("{} characters, Secret {}{}", m_passwords.application.reveal().size(), m_names.full, source);
    if (m_secret_made) return {Outcome::changed, detail};
    if (!ours && !m_secret) store_password();
    const std::unique_ptr<Process> kubectl = ours ? nullptr : m_secret->act();
    if (observed.name_space) m_rollout.start();
    if (ours && !put_back_passwords().empty()) {
      m_store.write(put_back_passwords());
      return {Outcome::changed, detail + "; put back what was changed by hand"};
    }
    if (ours) return {Outcome::unchanged, detail};
    const Output output = finish(m_context.runner, *kubectl, m_context.deadline);
    if (output.ok()) return {Outcome::changed, detail};
    Error error = Kubectl::explain(m_secret->command(), output);
    if (Kubectl::already_exists(output)) error.made_nothing();
    throw error;
  };
  return step;
}

std::string Installation::digest() const {
  std::string text = json_text(values());
  text += settings.chart.kind == ChartChoice::Kind::embedded ? assets_digest(embedded_chart)
                                                             : settings.chart.reference + "@" + settings.chart.version;
  for (const std::string& file : settings.values_files) text += "\n" + read_file(file).value_or("");
  for (const std::string& set : settings.sets) text += "\n" + set;
  return sha256_hex(text).substr(0, 40);  // a label's value has at most 63 characters
}

bool Installation::converged() const {
  return observed.record && observed.record->ours && observed.record->status == "deployed" &&
         observed.record->digest == digest() && observed.workload && (is_compared(observed) || has_its_services());
}

const std::vector<Drift>& Installation::drift() const {
  static const std::vector<Drift> none;
  return is_compared(observed) && converged() ? observed.state->drift() : none;
}

Helm::Install Installation::install_request() const {
  Helm::Install install;
  install.release = settings.release;
  install.chart = settings.chart.kind == ChartChoice::Kind::embedded
                      ? Helm::Chart{ChartFolder::chart_in(m_chart_folder).string(), "", ""}
                      : Helm::Chart{settings.chart.reference, settings.chart.repository, settings.chart.version};
  install.values = json_text(values());
  install.values_files = settings.values_files;
  install.sets = settings.sets;
  install.labels = {{managed_by_label, managed_by_us}, {digest_label, digest()}};
  if (!m_run.empty()) install.labels[run_label] = m_run;
  return install;
}

Step Installation::release_step() {
  Step step;
  step.name = "release";
  step.intent =
      !drift().empty() ? fmt::format("put back what was changed in {}: {}", settings.release, names_of(drift()))
      : converged()
          ? settings.release + " is as it should be"
          : fmt::format("helm upgrade --install {} (chart {})", settings.release,
                        settings.chart.kind == ChartChoice::Kind::embedded ? "embedded" : settings.chart.reference);
  if (const auto reasons = restarts(); !reasons.empty()) step.intent += "; restarts Redis: " + join(reasons, ", ");
  step.undo = [this]() -> std::vector<Undo> {
    if (converged()) return {};
    std::vector<Undo> undos;
    // back to what was deployed, not to a change that failed before this one
    if (observed.record) {
      undos.push_back(undo_upgrade(session.helm, settings.release, observed.record->last_deployed,
                                   observed.record->revision, m_names.pod));
      return undos;
    }
    // a StatefulSet's claims are not part of the release
    if (settings.persistence && !observed.claim())
      undos.push_back(undo_claim(session.kubectl, m_names.claim, "statefulset/" + m_names.workload));
    const bool data_goes = !settings.persistence || !observed.claim();
    undos.push_back(undo_install(session.helm, settings.release, m_names.pod, data_goes));
    return undos;
  };
  step.act = [this] { return upgrade(); };
  return step;
}

void Installation::tend(Process* other, TimePoint until) {
  std::vector<Process*> processes = m_rollout.processes();
  if (other) processes.push_back(other);
  if (!m_rollout.running_pod().empty() && !m_pod_is_old) m_redis.prepare();
  if (Process* tunnel = m_redis.tunnel().process()) processes.push_back(tunnel);
  m_context.runner.wait(processes, std::min(until, m_context.runner.now() + look_again));
  m_rollout.pump();
  if (m_redis.tunnel().process()) m_redis.tunnel().port();
  const Verdict verdict = m_rollout.verdict();
  if (verdict.state == Verdict::State::doomed) throw Error(ExitCode::failure, verdict.text, verdict.hint);
  if (verdict.state == Verdict::State::waiting) m_context.reporter.step_progress(m_step, verdict.text);
}

std::string Installation::render(TimePoint deadline) {
  const TemporaryDirectory folder(m_context.paths.temporary);
  Helm::Install install = install_request();
  if (settings.chart.kind == ChartChoice::Kind::embedded) {
    install.chart.reference = (folder.path() / "redis").string();
    unpack_assets(embedded_chart, install.chart.reference);
  }
  return session.helm.run_checked(session.helm.render(install), deadline).out;
}

StepResult Installation::upgrade() {
  m_step = "release";
  if (observed.name_space) m_rollout.start();  // without a password there is no step for it that has
  const int revision = observed.record ? observed.record->revision : 0;
  if (!drift().empty()) return put_back();
  if (converged()) m_rollout.expect_workload();
  if (converged()) return {Outcome::unchanged, fmt::format("{}, revision {}", settings.release, revision)};
  if (observed.workload) {  // the claim may have been deleted since it was looked at
    if (auto refusal = refuse_restart(m_context, session.kubectl, settings.release, m_context.deadline))
      throw refusal->made_nothing();
  }
  if (m_chart) m_chart->unpack();
  m_pod_is_old = observed.workload.has_value();
  if (m_pod_is_old) m_rollout.expect_change();  // what is broken now may be why it is changed
  const Command command = m_helm ? m_helm->command() : session.helm.upgrade_install(install_request());
  const std::unique_ptr<Process> helm = m_helm ? m_helm->act() : m_context.runner.start(command);
  const TimePoint patience_ends = m_context.runner.now() + helm_patience;
  while (!helm->finished()) {
    if (m_context.runner.now() >= patience_ends) m_rollout.start();
    tend(helm.get(), m_context.deadline);
    if (m_context.runner.now() >= m_context.deadline) {
      throw Error(ExitCode::failure, "helm did not finish in time", "give it longer with --timeout");
    }
  }
  const Output output{helm->status(), helm->out(), helm->err()};
  if (!output.ok()) {
    // nothing was changed: helm stops at the record of what it is to change
    if (take_out_vanished(m_context, session.kubectl, settings.release, m_context.deadline).empty())
      throw Helm::explain(command, output);
    session.helm.run_checked(session.helm.upgrade_install(install_request()), m_context.deadline);
  }
  m_chart.reset();
  m_rollout.start();
  m_rollout.expect_workload();
  if (m_pod_is_old) expect_new_pod();
  m_pod_is_old = false;
  return {Outcome::changed, fmt::format("{}, revision {}", settings.release, revision + 1)};
}

/// helm's exit code alone proves nothing: the StatefulSet has to say what was asked for.
void Installation::check_asked_for(const nlohmann::json& workload) const {
  const std::string spec = text_at(workload, {"metadata", "annotations", spec_annotation});
  const bool there = workload.is_object();
  if (there && (spec.empty() || parse_spec(spec) == spec_for_cluster(settings)))
    return;  // some charts drop annotations
  throw Error(ExitCode::failure,
              fmt::format("helm said that it changed release {}, but StatefulSet {} {}", settings.release,
                          m_names.workload, there ? "is not what was asked for" : "is not there"),
              "see what helm made: " + session.helm.for_people({"get", "manifest", settings.release}));
}

void Installation::expect_new_pod() {
  const Command question = session.kubectl.get({"statefulset/" + m_names.workload});
  for (;;) {
    const nlohmann::json found = Kubectl::parse_items(question, session.kubectl.run(question, m_context.deadline));
    const nlohmann::json& workload = found.empty() ? nlohmann::json() : found.front();
    check_asked_for(workload);
    const long long seen = workload.value("/status/observedGeneration"_json_pointer, 0LL);
    if (seen >= workload.value("/metadata/generation"_json_pointer, 0LL)) {
      m_rollout.expect_revision(workload.value("/status/updateRevision"_json_pointer, ""));
      return;
    }
    m_context.runner.wait({}, m_context.runner.now() + generation_poll);
    if (m_context.runner.now() >= m_context.deadline) {
      throw Error(ExitCode::failure,
                  fmt::format("the controller has not taken in the change of StatefulSet {}", m_names.workload),
                  "check whether the controller manager runs: " +
                      session.kubectl.for_people({"describe", "statefulset", m_names.workload}));
    }
  }
}

/// While its container runs and is not ready Redis itself may know why: it loads its data, refuses the password, runs
/// in protected mode or cannot write. Throws what no waiting heals.
void Installation::ask_redis_why() {
  const TimePoint now = m_context.runner.now();
  const bool runs = !m_rollout.running_pod().empty() && !m_pod_is_old && m_rollout.verdict().reason == "not-ready";
  if (!runs || now - m_asked_redis < ask_again) return;
  m_asked_redis = now;
  const bool listens = m_redis.tunnel().port() != 0;
  if (!m_redis.try_connection(m_login) && listens) m_context.reporter.step_progress(m_step, m_redis.waiting_for());
}

/// The exporter starts beside Redis and decides nothing; it is waited for while it is on its way, which is no longer
/// than Redis itself takes, or until it shows that it fails.
bool Installation::exporter_may_come() {
  if (!m_rollout.waits_for_aside()) return false;
  const TimePoint now = m_context.runner.now();
  if (!m_ready_without_exporter) m_ready_without_exporter = now;
  return now - *m_ready_without_exporter < exporter_patience && !m_rollout.aside_trouble();
}

void Installation::say_what_ails_exporter() const {
  if (!m_rollout.waits_for_aside()) return;
  const std::optional<Verdict> trouble = m_rollout.aside_trouble();
  m_context.reporter.warning(fmt::format(
      "Redis is ready and its exporter is not: {}\n{}",
      trouble ? trouble->text : fmt::format("container {} is still starting", exporter_container),
      trouble ? trouble->hint : "see how far it is: " + session.kubectl.for_people({"describe", "pod", m_names.pod})));
}

RedisConnection& Installation::ready() {
  m_lock.prepare_release();  // beside this wait, it costs no time
  for (;;) {
    const bool is_ready = m_rollout.ready() && !exporter_may_come();
    if (is_ready) {
      if (RedisConnection* const redis = m_redis.try_connection(m_login)) return *redis;
    }
    tend(nullptr, m_context.deadline);
    if (!is_ready) ask_redis_why();
    if (m_context.runner.now() >= m_context.deadline) {
      if (is_ready) {
        throw Error(
            ExitCode::failure,
            fmt::format("pod {} is Ready, but Redis did not answer in time: {}", m_names.pod, m_redis.waiting_for()),
            "check whether it can be reached: " +
                session.kubectl.for_people({"port-forward", "pod/" + m_names.pod, "6379"}));
      }
      const Verdict verdict = m_rollout.verdict();
      throw Error(ExitCode::failure, fmt::format("not ready in time: {}", verdict.text),
                  verdict.hint.empty() ? "give it longer with --timeout" : verdict.hint);
    }
  }
}

void Installation::mark_proven() {
  if (!converged() || observed.record->proven) return;
  const int revision = observed.record->revision;
  session.kubectl.run_checked(
      session.kubectl.label(fmt::format("secret/sh.helm.release.v1.{}.v{}", settings.release, revision),
                            fmt::format("{}={}", proven_label, revision)),
      m_context.deadline);
}

void Installation::forget_kept_record() const {
  if (!observed.claim() || observed.claim()->spec.empty()) return;
  nlohmann::json patch;
  patch["metadata"]["annotations"][spec_annotation] = nullptr;
  session.kubectl.run(session.kubectl.merge("persistentvolumeclaim/" + m_names.claim, patch), m_context.deadline);
}

Step Installation::redis_step() {
  Step step;
  step.name = "redis";
  step.intent = "wait until the pod is Ready and Redis answers PONG, then compare its settings with what was asked";
  if (settings.auth && has_its_secret() && trim_user_is_missing())
    step.intent += "; add the user trim, which may do nothing but trim";
  step.undo = [this]() -> std::vector<Undo> {
    m_step = "redis";
    ready();  // here: the act comes after the lock was looked at, and a pod can take long to start
    RedisConnection& redis = ready();
    return observed.record ? undo_settling(expected_directives(), redis) : std::vector<Undo>{};
  };
  step.act = [this]() -> StepResult {
    m_step = "redis";
    bool changed = false;
    RedisConnection& redis = ready();
    std::string detail = settle_config(expected_directives(), redis, changed);
    const bool adds_user = settings.auth && has_its_secret() && trim_user_is_missing();
    if (adds_user) {
      add_trim_user();
      detail += "; user trim added";
      changed = true;
    }
    const bool other_reload_user = settings.auth && has_its_secret() && reload_user_differs();
    const bool drops_reload_user = other_reload_user && change_reload_user();
    if (other_reload_user) {
      detail += drops_reload_user ? "; user tls removed" : "; user tls added";
      changed = true;
    }
    if (has_acl_file()) {
      std::vector<std::string> users = settle_acl(redis, m_acl.empty() ? observed.secret->acl : m_acl);
      if (drops_reload_user) checked(redis, {"ACL", "DELUSER", "tls"});
      if (other_reload_user)
        std::erase_if(users, [](const std::string& user) { return user.starts_with("user tls "); });
      if (adds_user) std::erase_if(users, [](const std::string& user) { return user.starts_with("user trim "); });
      if (!users.empty()) detail += "; put right: " + join(users, ", ");
      changed = changed || !users.empty();
    }
    if (!renews_live() && shows_other_certificate(redis)) {
      serve_certificate(redis, m_mounted);
      detail += "; read the certificate again";
      changed = true;
    }
    mark_proven();
    say_what_ails_exporter();
    return {changed || !converged() ? Outcome::changed : Outcome::unchanged, detail};
  };
  return step;
}

}  // namespace raibid
