// The certificate of a release: what setup makes of it, and how a running Redis takes another one.
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/certificates.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/node_certificates.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/server/rotation.hpp"
#include "components/redis/settings/spec.hpp"
#include "components/redis/settings/values.hpp"
#include "tools/tls_error.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;
using Kind = CertificatePlan::Kind;

constexpr Duration issuer_poll = std::chrono::milliseconds(400);
constexpr Duration last_look = std::chrono::seconds(2);
constexpr const char* exporter_file_key = "exporter.json";

Kind write_kind(bool is_there) { return is_there ? Kind::replace : Kind::create; }

/// Whether a client that trusts `trusted` can connect to a server that shows this one now.
bool can_be_verified(const SecretContent& shown, const std::string& trusted, const RedisNames& names, WallTime now) {
  const std::string pem = value_of(shown, tls_certificate_key).reveal();
  try {
    const CertificateFacts facts = read_certificate(pem, "the certificate");
    return facts.not_before <= now && now < facts.not_after && why_not_signed_by(pem, trusted).empty() &&
           covers_name(facts, verified_name(pem, names));
  } catch (const Error&) {
    return true;  // changed by hand: what Redis shows is what it read before
  }
}

}  // namespace

bool Installation::tls_was_on() const {
  return observed.workload && !observed.workload->spec.empty() && parse_spec(observed.workload->spec).tls.enabled();
}

void Installation::plan_certificate() {
  if (!settings.tls.enabled()) return;
  if (settings.tls.from == TlsChoice::From::own) {
    plan_own_certificate();
  } else if (const TlsObjects::Object* const mounted = observed.tls.mounted(settings.tls)) {
    m_mounted = mounted->content;
  }
  if (settings.tls.from == TlsChoice::From::issuer && issued_certificate_differs()) {
    m_work.issued = write_kind(observed.tls.issued.has_value());
    // cert-manager writes into the Secret that Redis has mounted
    m_work.gives_over = observed.tls.certificate && !observed.tls.certificate->issued;
    m_work.why = fmt::format("from {} {}", settings.tls.issuer_kind, settings.tls.issuer);
    const TlsChoice before = observed.tls_choice();
    const bool by_another = before.issuer_kind != settings.tls.issuer_kind || before.issuer != settings.tls.issuer;
    m_work.needs_restart = (m_work.gives_over || by_another) && tls_was_on() && observed.redis_runs();
  }
  if (settings.tls.from != TlsChoice::From::own && !m_work.needs_restart && shows_what_nobody_verifies()) {
    m_work.needs_restart = true;
    m_work.why = "Redis serves one of a CA that is not kept here any more";
  }
  plan_trust();
}

/// Who brings the Secret may have changed certificate and CA since Redis has read them: then nothing here verifies what
/// it serves, and only a new start brings it to what the Secret has.
bool Installation::shows_what_nobody_verifies() {
  if (!tls_was_on() || !observed.redis_runs() || m_context.guard.dry_run()) return false;
  m_redis.lead_to(m_names.way_to_master(observed.ha()));
  m_redis.speak_tls(observed.tls_client(), observed.port());
  try {
    m_redis.another(observed.secret ? admin_login(observed.secret->content) : Login(), question_deadline(m_context));
  } catch (const TlsError& error) {
    constexpr std::array lasting = {TlsProblem::unknown_ca, TlsProblem::wrong_name, TlsProblem::expired,
                                    TlsProblem::bad_certificate};
    return std::find(lasting.begin(), lasting.end(), error.problem()) != lasting.end();
  } catch (const Error&) {
    // the step that connects says why
  }
  return false;
}

/// ConfigMap F-ca says whom clients trust.
void Installation::plan_trust() {
  const std::string trusted = value_of(m_mounted, tls_trusted_key).reveal();
  const bool same = observed.tls.trust && value_of(observed.tls.trust->content, tls_trusted_key).reveal() == trusted;
  const bool is_known = !trusted.empty() || m_work.certificate == Kind::create;  // a dry run has made nothing
  if (!same && is_known) m_work.trust = write_kind(observed.tls.trust.has_value());
}

void Installation::plan_own_certificate() {
  const WallTime now = m_context.clock.wall();
  SecretContent present = observed.tls.content();
  present.erase(previous_certificates_key);
  m_work.takes_over = observed.tls.issued || (observed.tls.certificate && observed.tls.certificate->issued);
  if (m_work.takes_over) present.clear();
  m_mounted = present;
  CertificateSpec spec = certificate_spec(settings, m_names, m_context.scope());
  // `tls rotate` needs a Redis that speaks TLS, and its Secret
  if (!observed.tls.certificate || (!tls_was_on() && !can_go_on(present, spec, now)))
    spec.removal =
        session.kubectl.for_people({"delete", "secret", m_names.certificate, m_names.authority, "--ignore-not-found"});
  const bool was_own = tls_was_on() && parse_spec(observed.workload->spec).tls.from == TlsChoice::From::own;
  const bool is_lost = present.empty() && was_own && !m_work.takes_over;
  m_work.why = is_lost           ? "its Secrets are lost, and clients have to trust a new CA"
               : present.empty() ? "it is missing"
                                 : why_renew(present, spec, now);
  if (m_work.why.empty()) return;
  m_work.certificate = write_kind(observed.tls.certificate && !m_work.takes_over);
  if (!observed.tls.authority) m_work.authority = Kind::create;
  const auto shows_something_else = [&](const std::string& trusted) {
    return tls_was_on() && observed.redis_runs() && observed.tls.certificate &&
           !can_be_verified(observed.tls.certificate->content, trusted, m_names, now);
  };
  // what a Redis serves whose CA is lost can be verified by nobody
  m_work.needs_restart =
      is_lost ? observed.redis_runs() : shows_something_else(value_of(present, tls_trusted_key).reveal());
  if (m_context.guard.dry_run()) return;
  try {
    m_mounted = with_own_certificate(present, spec, now);
    if (!is_lost) m_work.needs_restart = shows_something_else(value_of(m_mounted, tls_trusted_key).reveal());
  } catch (const Error& error) {
    if (!observed.tls.certificate || !can_go_on(present, spec, now)) throw;
    m_context.reporter.warning(
        fmt::format("the certificate is not renewed ({}): {}; {}", m_work.why, error.message(), error.hint()));
    m_work = {};
  }
}

std::optional<TlsClient> Installation::tls() const {
  if (!settings.tls.enabled()) return std::nullopt;
  return tls_with(m_mounted);
}

/// A server that no longer asks for a certificate does so until this run has told it.
TlsClient Installation::tls_with(const SecretContent& content) const {
  TlsChoice choice = settings.tls;
  if (tls_was_on() && parse_spec(observed.workload->spec).tls.client_certificates) choice.client_certificates = true;
  return release_tls(choice.from == TlsChoice::From::own ? content : with_earlier_trust(content, observed.tls.trust),
                     choice, m_names);
}

bool Installation::renews_live() const {
  return m_work.certificate == Kind::replace && tls_was_on() && observed.redis_runs() && restarts().empty();
}

std::string Installation::describe_certificate_work() const {
  const std::string mounted = mounted_secret(settings.tls, m_names);
  if (m_work.issued != Kind::none) {
    return fmt::format("a certificate of {} {}, Secret {}", settings.tls.issuer_kind, settings.tls.issuer, mounted);
  }
  if (m_work.certificate == Kind::create)
    return fmt::format("{}a certificate, Secret {}", m_work.authority == Kind::none ? "" : "a CA and ", mounted);
  if (m_work.certificate == Kind::replace) return fmt::format("a new certificate, Secret {}: {}", mounted, m_work.why);
  return m_work.trust != Kind::none ? fmt::format("ConfigMap {} for applications", m_names.authority)
                                    : fmt::format("Secret {}", mounted);
}

std::vector<ordered_json> Installation::certificate_manifests() const {
  std::vector<ordered_json> all;
  const auto add = [&](Kind kind, const char* of, const std::string& name, const std::vector<const char*>& keys) {
    if (kind == Kind::none) return;
    ordered_json data = ordered_json::object();
    for (const char* key : keys) data[key] = "***";
    all.push_back({{"apiVersion", "v1"},
                   {"kind", of},
                   {"metadata", {{"name", name}, {"namespace", settings.name_space}}},
                   {"data", data}});
  };
  add(m_work.authority, "Secret", m_names.authority, {tls_certificate_key, tls_private_key_key});
  add(m_work.certificate, "Secret", m_names.certificate, {tls_certificate_key, tls_private_key_key, tls_trusted_key});
  add(m_work.trust, "ConfigMap", m_names.authority, {tls_trusted_key});
  if (m_work.issued != Kind::none) all.push_back(issued_certificate());
  return all;
}

/// The exporter of a Redis with TLS asks over the socket: a file of before does not have that address.
void Installation::complete_exporter_file() {
  if (!settings.metrics || !settings.auth || !has_its_secret()) return;
  const Secret present = value_of(observed.secret->content, exporter_file_key);
  const Secret complete = with_every_address(present);
  if (complete != present) m_store.write({{exporter_file_key, complete}});
}

// Before helm: the pod cannot start without its certificate. One that the running Redis takes is replaced later.
Step Installation::tls_step() {
  Step step;
  step.name = "tls";
  step.intent = describe_certificate_work();
  const bool replaces = m_work.certificate == Kind::replace && !renews_live();
  step.undo = [this, replaces]() -> std::vector<Undo> {
    std::vector<Undo> undos;
    const std::string again = m_context.scope().command("setup redis");
    // what was lost while Redis has it mounted is made for good: its pod starts with nothing else
    const bool repairs =
        tls_was_on() && !observed.tls.certificate && settings.tls.from == TlsChoice::From::own && !m_work.takes_over;
    if (m_work.authority == Kind::create && !repairs)
      undos.push_back(undo_certificate_object(session.kubectl, "secret", m_names.authority));
    const bool is_issued = settings.tls.from == TlsChoice::From::issuer;  // whose CA it is shows when it has issued
    if (m_work.trust == Kind::create || (is_issued && !observed.tls.trust))
      undos.push_back(undo_certificate_object(session.kubectl, "configmap", m_names.authority));
    if (m_work.trust == Kind::replace || (is_issued && observed.tls.trust))
      undos.push_back(undo_trust(value_of(observed.tls.trust->content, tls_trusted_key).reveal(), again));
    if (m_work.takes_over && observed.tls.issued)
      undos.push_back(undo_issued_certificate(session.kubectl, m_names, observed.tls.issued->spec, again));
    if (m_work.gives_over) {
      for (Undo& undo : remember_certificate().undo()) undos.push_back(std::move(undo));
    }
    // one that cert-manager had made is its to make again
    const bool made =
        m_work.certificate == Kind::create || (m_work.issued == Kind::create && !observed.tls.certificate);
    if (made && !repairs && !m_work.takes_over && !m_work.gives_over)
      undos.push_back(undo_certificate_object(session.kubectl, "secret", m_names.certificate));
    if (m_work.issued == Kind::create) undos.push_back(undo_issued_certificate(session.kubectl, m_names, "", again));
    if (m_work.issued == Kind::replace)
      undos.push_back(undo_issued_certificate(session.kubectl, m_names, observed.tls.issued->spec, again));
    if (replaces) {
      for (Undo& undo : replace_certificate().undo()) undos.push_back(std::move(undo));
    }
    return undos;
  };
  step.act = [this, replaces]() -> StepResult {
    m_step = "tls";
    if (!tls_was_on()) complete_exporter_file();
    if (m_work.gives_over) remember_certificate().act();
    if (m_work.issued != Kind::none) put_issued_certificate();
    if (settings.tls.from == TlsChoice::From::issuer) wait_for_issued_certificate();
    const bool creates =
        m_work.authority == Kind::create || m_work.certificate == Kind::create || m_work.trust == Kind::create;
    TlsObjects present = observed.tls;
    if (m_work.takes_over) {
      give_up_issued_certificate();
      present.certificate.reset();
    }
    if (creates) m_certificates.create(made_by_us(), present);
    if (m_work.trust == Kind::replace) m_certificates.write_trust(value_of(m_mounted, tls_trusted_key).reveal());
    if (replaces) replace_certificate().act();
    const bool changed = creates || replaces || m_work.trust != Kind::none || m_work.issued != Kind::none;
    return {changed ? Outcome::changed : Outcome::unchanged, describe_certificate_work()};
  };
  return step;
}

/// What the Secret has goes on as what an undo needs.
Step Installation::remember_certificate() {
  return certificates_step(
      m_certificates, [](const SecretContent&) {}, [](const SecretContent& present) { return present; },
      "a certificate of cert-manager", m_run, m_context.scope().command("setup redis"));
}

/// cert-manager would write its own certificate into the Secret again.
void Installation::give_up_issued_certificate() {
  std::vector<std::string> objects = {"secret/" + m_names.certificate};
  if (observed.tls.issued) objects.insert(objects.begin(), "certificate.cert-manager.io/" + m_names.certificate);
  for (const std::string& object : objects) remove_and_check(m_context, session.kubectl, {object}, m_context.deadline);
}

/// Of a certificate of someone else only the CA is ours to write down.
SecretContent Installation::made_by_us() const {
  if (settings.tls.from == TlsChoice::From::own) return m_mounted;
  return {{tls_trusted_key, value_of(m_mounted, tls_trusted_key)}};
}

bool Installation::shows_other_certificate(const RedisConnection& redis) const {
  const std::string shown = redis.peer_certificate();
  if (!settings.tls.enabled() || shown.empty()) return false;
  return read_der_certificate(shown, "the certificate that Redis shows").fingerprint !=
         read_certificate(value_of(m_mounted, tls_certificate_key).reveal(), "the certificate").fingerprint;
}

void Installation::serve_certificate(RedisConnection& redis, const SecretContent& content) {
  if (settings.ha()) return serve_on_nodes(content);
  m_redis.speak_tls(tls_with(content), pod_port(settings.tls));
  m_certificates.serve(m_names.pod, &redis, content, [this] { return m_redis.another(m_login, m_context.deadline); });
}

void Installation::serve_on_nodes(const SecretContent& content) {
  std::vector<TlsClient> known = {tls_with(content)};
  if (const auto before = observed.tls_client()) known.push_back(*before);
  NodeCertificates{m_context, session.kubectl, node_ways(), m_certificates}.serve(
      content, known, settings.tls.client_certificates, m_context.deadline);
  m_nodes->speak_tls(tls());
  m_redis.forget_connection();
  m_redis.speak_tls(tls_with(content), pod_port(settings.tls));
}

Step Installation::replace_certificate() {
  const ReloadCertificates reload = [this](const SecretContent& content) {
    if (!renews_live()) return;  // the new pod reads it at its start
    m_step = "certificate";
    serve_certificate(ready(), content);
  };
  return certificates_step(
      m_certificates, reload, [this](const SecretContent&) { return m_mounted; },
      fmt::format("a new certificate, without a restart: {}", m_work.why), m_run,
      m_context.scope().command("setup redis"));
}

void Installation::forget_previous_certificate() {
  if (observed.tls.content().contains(previous_certificates_key) || m_work.certificate == Kind::replace ||
      m_work.gives_over)
    forget_previous_certificates(m_certificates);
  if (settings.tls.from == TlsChoice::From::own || settings.tls.from == TlsChoice::From::issuer) return;
  std::vector<std::string> unused;
  if (observed.tls.issued && observed.tls.issued->ours)
    unused.push_back("certificate.cert-manager.io/" + m_names.certificate);
  if (observed.tls.certificate && observed.tls.certificate->ours && settings.tls.secret != m_names.certificate)
    unused.push_back("secret/" + m_names.certificate);
  if (observed.tls.authority && observed.tls.authority->ours) unused.push_back("secret/" + m_names.authority);
  if (!settings.tls.enabled() && observed.tls.trust && observed.tls.trust->ours)
    unused.push_back("configmap/" + m_names.authority);
  for (const std::string& object : unused) {
    // all is done: what cannot be removed now is removed by the next run
    if (!session.kubectl.run(session.kubectl.begin_removal(object), m_context.deadline).ok())
      m_context.reporter.note(object + " is of no use any more and could not be removed; the next setup does it");
  }
}

// cert-manager.io/docs/reference/api-docs: v1. The names of this machine are left out: most issuers refuse them.
ordered_json Installation::issued_certificate() const {
  ordered_json names = ordered_json::array();
  for (const std::string& name : certificate_names(settings, m_names)) {
    if (name != "localhost" && name != "127.0.0.1") names.push_back(name);
  }
  const ordered_json labels = {{managed_by_label, managed_by_us}, {"app.kubernetes.io/instance", settings.release}};
  ordered_json stamped = {{"labels", labels}};
  if (!m_run.empty()) stamped["annotations"] = {{run_label, m_run}};
  ordered_json metadata = stamped;
  metadata["name"] = m_names.certificate;
  metadata["namespace"] = settings.name_space;
  return {{"apiVersion", "cert-manager.io/v1"},
          {"kind", "Certificate"},
          {"metadata", metadata},
          {"spec",
           {{"secretName", m_names.certificate},
            {"secretTemplate", stamped},
            {"commonName", m_names.workload},
            {"dnsNames", names},
            {"usages", {"digital signature", "server auth", "client auth"}},
            {"privateKey", {{"algorithm", "ECDSA"}, {"size", 256}, {"rotationPolicy", "Always"}}},
            {"issuerRef",
             {{"group", "cert-manager.io"}, {"kind", settings.tls.issuer_kind}, {"name", settings.tls.issuer}}}}}};
}

bool Installation::issued_certificate_differs() const {
  if (!observed.tls.issued) return true;
  const nlohmann::json present = try_parse_json(observed.tls.issued->spec);
  const nlohmann::json wanted = issued_certificate().at("spec");
  for (const char* field : {"secretName", "commonName", "dnsNames", "usages", "issuerRef"}) {
    if (present.value(field, nlohmann::json()) != wanted.at(field)) return true;
  }
  return false;
}

void Installation::put_issued_certificate() {
  ordered_json manifest = issued_certificate();
  if (m_work.issued == Kind::create) {
    session.kubectl.run_checked(session.kubectl.create(manifest), m_context.deadline);
    return;
  }
  manifest.at("spec").erase("secretTemplate");  // whose run made the Secret does not change
  const ordered_json patch = {{"metadata", {{"resourceVersion", observed.tls.issued->version}}},
                              {"spec", manifest.at("spec")}};
  session.kubectl.run_checked(session.kubectl.merge("certificate.cert-manager.io/" + m_names.certificate, patch),
                              m_context.deadline);
}

/// Says what cert-manager says meanwhile; an issuer that refuses is not waited for.
void Installation::wait_for_issued_certificate() {
  const Command question =
      session.kubectl.get({"certificate.cert-manager.io/" + m_names.certificate, "secret/" + m_names.certificate});
  std::string why = "cert-manager has not looked at it: does its controller run?";
  for (;;) {
    TlsObjects found;
    for (const nlohmann::json& item : Kubectl::parse_items(question, session.kubectl.run(question, m_context.deadline)))
      found.take(item, m_names);
    if (found.issued && !found.issued->says.empty()) why = found.issued->says;
    if (found.issued && found.issued->ready && found.certificate) {
      m_mounted = found.certificate->content;
      break;
    }
    if (found.issued && found.issued->failed) break;
    m_context.reporter.step_progress(m_step, why);
    // the last look needs time of its own: it would fail for want of it, and not say what cert-manager says
    if (m_context.runner.now() + issuer_poll + last_look >= m_context.deadline) break;
    m_context.runner.wait({}, m_context.runner.now() + issuer_poll);
  }
  if (value_of(m_mounted, tls_certificate_key).empty()) {
    throw Error(
        ExitCode::failure,
        fmt::format("{} {} has not issued the certificate: {}", settings.tls.issuer_kind, settings.tls.issuer, why),
        "see what it says: " + session.kubectl.for_people({"describe", "certificaterequest,certificate"}));
  }
  const std::string trusted = value_of(m_mounted, tls_trusted_key).reveal();
  if (trusted.empty()) {
    throw Error(ExitCode::failure,
                fmt::format("{} {} gives no ca.crt, which Redis and its clients need", settings.tls.issuer_kind,
                            settings.tls.issuer),
                "use an issuer of type CA, Vault or SelfSigned, or bring the certificate with --tls-secret");
  }
  m_redis.speak_tls(tls(), pod_port(settings.tls));
  m_credentials.ca_certificate = trusted;
  plan_trust();
}

bool Installation::needs_reload_user() const { return settings.tls.from == TlsChoice::From::issuer; }

bool Installation::reload_user_differs() const {
  const SecretContent& present = observed.secret->content;
  const Secret password = value_of(present, reload_password_key);
  if (!needs_reload_user()) return !password.empty();
  if (password.empty()) return true;
  // while a rotation is under way it has two passwords
  const SecretContent alone = with_one_internal_password(present, true);
  return value_of(with_reload_user(alone, password), acl_key) != value_of(alone, acl_key) &&
         value_of(alone, acl_key).reveal().find("user tls ") == std::string::npos;
}

SecretContent Installation::with_wanted_reload_user(SecretContent content) const {
  if (!reload_user_differs()) return content;
  if (!needs_reload_user()) return without_reload_user(std::move(content));
  const Secret password = value_of(content, reload_password_key);
  return with_reload_user(std::move(content), password.empty() ? generate_password(m_context.random) : password);
}

}  // namespace raibid
