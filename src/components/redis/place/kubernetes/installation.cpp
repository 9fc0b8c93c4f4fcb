#include "components/redis/place/kubernetes/installation.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/redis/place/kubernetes/deletions.hpp"
#include "components/redis/place/kubernetes/unchangeable.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/place/kubernetes/vanished.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/author.hpp"
#include "components/redis/settings/values.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

/// In a namespace of our own making the watches can start late: what they cost is helm's until it has ended or this
/// long.
constexpr Duration helm_patience = std::chrono::milliseconds(500);
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
  m_redis.prefer_stream();
  m_login = wanted_login();
  if (has_its_secret() && settings.auth) {
    SecretContent present = seen.secret->content;
    present[password_key] = m_passwords.application;  // another one was put there by hand
    m_login = admin_login(present);
  }
  plan_certificate();
  m_credentials.tls = settings.tls.enabled();
  m_credentials.ca_certificate = value_of(m_mounted, tls_trusted_key).reveal();
  m_redis.lead_to(names.way_to_master(leads_through_proxies()));
  m_redis.speak_tls(tls(), pod_port(settings.tls));
  m_rollout.expect_pods(static_cast<std::size_t>(wanted.nodes()));
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
  if (settings.backup.own_claim() && !observed.backup_claim) plan.push_back(backup_claim_step());
  if (conversion() == Conversion::to_several) {
    plan.push_back(node_users_step());
    plan.push_back(join_step());
    plan.push_back(take_over_step());
  }
  if (conversion() == Conversion::to_one || takes_some_away()) plan.push_back(first_node_step());
  if (conversion() == Conversion::to_one) plan.push_back(end_of_failovers_step());
  plan.push_back(release_step());
  plan.push_back(redis_step());
  if (settings.ha()) {
    plan.push_back(nodes_step());
    plan.push_back(address_step());
  }
  if (renews_live()) plan.push_back(replace_certificate());
  if (settles_users()) plan.push_back(users_change_step());
  if (!settings.streams.empty()) {
    plan.push_back(stream_step(settings, redis));
    // what a first install wrote goes with its release and claim
    if (!observed.record && !(observed.claim() && settings.persistence))
      plan.back().undo = [] { return std::vector<Undo>{}; };
  }
  plan.push_back(credentials_step(m_context, m_credentials, settings.preset));
  if (takes_first_of_several()) plan.push_back(forget_master_step());
  if ((drops_nodes() && !takes_first_of_several()) || takes_some_away()) plan.push_back(other_claims_step());
  const bool has_node_users = has_its_secret() && observed.secret->content.contains(internal_password_key);
  if ((drops_nodes() || (takes_first_of_several() && has_node_users)) && settings.auth)
    plan.push_back(drop_node_users_step());
  return plan;
}

std::string Installation::storage_class() const {
  if (!settings.persistence) return "";
  return settings.storage_class.empty() ? observed.default_storage_class : settings.storage_class;
}

ordered_json Installation::values() const {
  ordered_json values = helm_values(settings, m_names, observed.service_monitors);
  if (m_joining) keep_first_pod(values, m_names);
  if (settings.backup.wanted()) values["backup"]["cluster"] = observed.cluster_uid;
  if (settings.tls.enabled()) {
    const std::string pem = value_of(m_mounted, tls_certificate_key).reveal();
    std::string restarted_for = observed.workload ? observed.workload->certificate : "";
    // the early helm is given its values before cert-manager has issued anything
    const bool is_issued = settings.tls.from == TlsChoice::From::issuer;
    if (m_work.needs_restart && is_issued) restarted_for = "issued-" + m_run;
    if (m_work.needs_restart && !is_issued && !pem.empty())
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

bool Installation::helm_starts_early() const {
  return settings.chart.kind == ChartChoice::Kind::embedded && !converged();
}

void Installation::start_early() {
  if (helm_starts_early()) {
    m_chart = std::make_unique<ChartFolder>(m_context.files, m_chart_folder);
    if (conversion() == Conversion::none)
      m_helm = std::make_unique<EarlyChild>(m_context.runner, session.helm.upgrade_install(install_request()));
  }
  if (settings.auth && !has_its_secret() && observed.name_space) store_password();
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
  const Author author = this_author(m_context.environment);
  for (const auto& [label, text] : {std::pair{user_label, author.user}, std::pair{host_label, author.host},
                                    std::pair{operation_label, m_operation}}) {
    const std::string value = as_label_value(text);
    if (!m_run.empty() && !value.empty()) install.labels[label] = value;
  }
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
    if (converged() || conversion() == Conversion::to_several) return {};  // node_users_step has recorded it all
    if (conversion() == Conversion::to_one)
      return {undo_to_one_node(session.helm, settings.release, observed.record->last_deployed,
                               observed.record->revision, m_names.pod)};
    if (adds_some())
      return {undo_more_nodes(session.helm, settings.release, observed.record->last_deployed, observed.record->revision,
                              m_names.pod, {observed.nodes(), settings.nodes()})};
    std::vector<Undo> undos;
    // back to what was deployed, not to a change that failed before this one
    if (observed.record) {
      // after helm's rollback: the last one is taken back first
      if (replaces_all_at_once()) undos.push_back(undo_replacing_all(session.kubectl, m_names));
      undos.push_back(undo_upgrade(session.helm, settings.release, observed.record->last_deployed,
                                   observed.record->revision, m_names.pod));
      return undos;
    }
    // a StatefulSet's claims are not part of the release
    for (int node = 0; node < settings.nodes(); ++node) {
      if (settings.persistence && !observed.claim(node))
        undos.push_back(undo_claim(session.kubectl, m_names.claim_of(node), "statefulset/" + m_names.workload));
    }
    const bool data_goes = !settings.persistence || !observed.claim();
    undos.push_back(undo_install(session.helm, settings.release, m_names.pod, data_goes, settings.nodes()));
    return undos;
  };
  step.act = [this] { return conversion() == Conversion::to_several ? upgrade_again() : upgrade(); };
  return step;
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
  m_step = m_joining ? "join" : "release";
  if (observed.name_space) m_rollout.start();  // without a password there is no step for it that has
  const int revision = (observed.record ? observed.record->revision : 0) + m_upgrades;
  if (!drift().empty()) {
    const StepResult result = put_back();
    if (!unlike_pods().empty()) replace_unlike_pods();
    return result;
  }
  if (converged()) {
    m_rollout.expect_workload();
    const std::string present = fmt::format("{}, revision {}", settings.release, revision);
    if (unlike_pods().empty()) return {Outcome::unchanged, present};
    return {Outcome::changed, fmt::format("{}; replaced: {}", present, join(replace_unlike_pods(), ", "))};
  }
  if (observed.workload) {  // the claim may have been deleted since it was looked at
    if (auto refusal = refuse_restart(m_context, session.kubectl, settings.release, m_context.deadline))
      throw refusal->made_nothing();
  }
  stop_writes_before_replacing();
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
  ++m_upgrades;
  m_rollout.start();
  m_rollout.expect_workload();
  if (m_pod_is_old) expect_new_pod();
  if (settings.ha() && observed.ha()) replace_unlike_pods();
  m_pod_is_old = false;
  return {Outcome::changed, fmt::format("{}, revision {}", settings.release, revision + 1)};
}

void Installation::forget_kept_record() const {
  if (!observed.claim() || observed.claim()->spec.empty()) return;
  nlohmann::json patch;
  patch["metadata"]["annotations"][spec_annotation] = nullptr;
  patch["metadata"]["annotations"][has_everything_annotation] = nullptr;
  session.kubectl.run(session.kubectl.merge("persistentvolumeclaim/" + m_names.claim, patch), m_context.deadline);
}

}  // namespace raibid
