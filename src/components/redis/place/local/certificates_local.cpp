#include "components/redis/place/local/certificates_local.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/local/connector.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/connect.hpp"
#include "sys/files.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration handshake_limit = std::chrono::seconds(5);

SecretContent without_previous(SecretContent content) {
  content.erase(previous_certificates_key);
  return content;
}

/// Whether the three files that a server reads are the same.
bool same_served(const SecretContent& left, const SecretContent& right) {
  return std::all_of(std::begin(served_keys), std::end(served_keys),
                     [&](const char* key) { return value_of(left, key) == value_of(right, key); });
}

/// `was_own`: the Redis that is there was set up with certificates of ours.
CertificateWork own_certificates(Context& context, const SecretContent& found, bool was_own, const fs::path& folder,
                                 CertificateSpec spec) {
  const WallTime now = context.clock.wall();
  const bool foreign = !was_own && !found.contains(ca_certificate_key) && !found.contains(ca_private_key_key);
  const SecretContent present = foreign ? SecretContent{} : found;
  if (present.empty())
    return {with_own_certificate({}, spec, now), "a CA, and a certificate for " + join(spec.names, ", "), true};
  const std::string why = why_renew(present, spec, now);
  if (why.empty()) return {present, "", false};
  // `tls rotate` needs a Redis that speaks TLS
  if (!was_own && !can_go_on(present, spec, now)) spec.removal = "rm -r " + shell_quote(folder.string());
  try {
    return {with_own_certificate(present, spec, now), "a new certificate: " + why, true};
  } catch (const Error& error) {
    if (!can_go_on(present, spec, now)) throw;
    context.reporter.warning(
        fmt::format("the certificate is not renewed ({}): {}; {}", why, error.message(), error.hint()));
    return {present, "", false};
  }
}

CertificateWork given_certificates(Context& context, const RedisSettings& settings, const SecretContent& present,
                                   const CertificateSpec& spec) {
  const TlsChoice& tls = settings.tls;
  const WallTime now = context.clock.wall();
  try {
    const SecretContent given = read_given_certificates(tls.secret);
    if (same_served(given, present) && can_go_on(present, spec, now)) return {present, "", false};
    return {with_given_certificate(present, given, spec, tls.secret, tls.client_certificates, now),
            "the certificate in " + tls.secret, true};
  } catch (const Error& error) {
    // one that was taken over by an earlier setup, and only recorded now
    const bool asked = context.settings.origin("tls-secret").source > Source::file;
    if (asked || !can_go_on(present, spec, now)) throw;
    context.reporter.warning(fmt::format("the present certificate is kept: {}; {}", error.message(), error.hint()));
    return {present, "", false};
  }
}

RedisEndpoint tls_endpoint(int port) {
  RedisEndpoint endpoint;
  endpoint.port = port;
  return endpoint;
}

std::string subject_of(const RedisSettings& settings) {
  return fmt::format("release {} on this machine", settings.release);
}

}  // namespace

SecretContent read_given_certificates(const std::string& folder) {
  SecretContent given;
  for (const char* const key : served_keys) {
    const fs::path path = fs::path(folder) / key;
    try {
      if (auto text = read_file(path)) given.emplace(key, std::move(*text));
    } catch (const Error& error) {
      throw Error(ExitCode::preflight, fmt::format("the certificate in {}: {}", folder, error.message()),
                  "this user has to be able to read tls.crt, tls.key and ca.crt there");
    }
  }
  if (given.empty() && !fs::is_directory(folder))
    throw Error(ExitCode::preflight, fmt::format("--tls-secret {}: there is no such folder", folder),
                "name a folder with tls.crt, tls.key and ca.crt");
  return given;
}

CertificateWork wanted_certificates(Context& context, const RedisSettings& settings, const LocalInstance& instance) {
  const SecretContent present = without_previous(instance.certificates());
  const CertificateSpec spec = instance.certificate_spec(context);
  const auto state = instance.state();
  const bool was_own = state && state->spec.tls.from == TlsChoice::From::own;
  CertificateWork work = settings.tls.from == TlsChoice::From::own
                             ? own_certificates(context, present, was_own, instance.tls(), spec)
                             : given_certificates(context, settings, present, spec);
  work.other_ca = state && state->spec.tls.enabled() && work.changes && changes_trust(present, work.wanted);
  return work;
}

CertificateFacts served_certificate_of(const Context& context, int port) {
  return read_certificate(context.redis.served_certificate(tls_endpoint(port), handshake_limit),
                          fmt::format("what 127.0.0.1:{} shows", port));
}

void reload_local_certificates(const Context& context, const LocalInstance& instance, RedisConnection& redis, int port,
                               const SecretContent& content) {
  if (!instance.pid()) return;
  const RedisReply tls_port = redis.command({"CONFIG", "GET", "tls-port"});
  const RedisReply* const running = tls_port.field("tls-port");
  if (running == nullptr || running->text == "0") return;  // it reads them when it is started with TLS
  reload_certificates(redis);
  const CertificateFacts wanted =
      read_certificate(value_of(content, tls_certificate_key).reveal(), tls_certificate_key);
  if (served_certificate_of(context, port).fingerprint != wanted.fingerprint)
    throw Error(ExitCode::failure, fmt::format("Redis does not serve the certificate in {}", instance.tls().string()),
                "its log: " + instance.log().string());
}

void examine_local_tls(const Context& context, const LocalInstance& instance, const LocalInstance::State& state,
                       HealthReport& report) {
  if (!state.spec.tls.enabled()) return;
  TlsFacts facts;
  facts.choice = state.spec.tls;
  facts.port = state.port;
  CertificateSpec spec = instance.certificate_spec(context);
  try {
    facts.kept = without_previous(instance.certificates());
    if (facts.kept.empty()) facts.kept[tls_certificate_key] = Secret();  // lost, all of it
    if (facts.choice.from == TlsChoice::From::secret &&
        !same_served(read_given_certificates(facts.choice.secret), facts.kept))
      facts.remark = fmt::format("{} has another one, which setup takes over", facts.choice.secret);
  } catch (const Error& error) {
    if (facts.kept.empty())
      return report.add({"tls", false, error.message(), error.hint()}, CheckReason::bad_certificate);
    facts.remark = error.message();
  }
  try {
    facts.served = served_certificate_of(context, state.port);
  } catch (const Error& error) {
    facts.no_handshake = error.message();
  }
  examine_tls(facts, spec, context.clock.wall(), report);
}

void examine_certificates_before(Context& context, const RedisSettings& settings, HealthReport& report) {
  if (!settings.tls.enabled()) return;
  try {
    const CertificateWork work = wanted_certificates(context, settings, LocalInstance(context, settings.release));
    const CertificateFacts facts =
        read_certificate(value_of(work.wanted, tls_certificate_key).reveal(), tls_certificate_key);
    report.add({"certificate", true,
                work.changes ? "setup takes " + work.why
                             : counted(days_left(facts.not_after, context.clock.wall()), "day", "days") + " left"});
  } catch (const Error& error) {
    report.add({"certificate", false, error.message(), error.hint()}, CheckReason::bad_certificate);
  }
}

SecretContent certificates_local(const Context& context, const RedisSettings& settings) {
  const LocalInstance instance(context, settings.release);
  const auto state = instance.state();
  if (!state) throw_not_installed(context, subject_of(settings));
  if (!state->spec.tls.enabled())
    throw Error(ExitCode::preflight, subject_of(settings) + " does not speak TLS",
                "turn it on: " + context.scope().command("setup redis", "--tls"));
  return instance.certificates();
}

std::string change_certificates_local(Context& context, const RedisSettings& settings, const CertificatesPlan& plan) {
  const LocalInstance instance(context, settings.release);
  certificates_local(context, settings);
  const auto state = instance.state();
  context.reporter.heading(fmt::format("This machine, {}", context.paths.shown(instance.folder())));
  LocalConnector connector(context.redis, instance);
  LocalCertificateStore store(context, instance);
  const auto reload_until = [&](const std::function<TimePoint()>& until) {
    return [&, until](const SecretContent& content) {
      if (instance.several()) return LocalNodes(context, instance, *state).reload_certificates(content, until());
      if (!instance.pid()) return;  // it reads the files when it starts
      const Login login = admin_login(instance.content_of(*state));
      const Duration left = std::chrono::duration_cast<Duration>(until() - context.runner.now());
      RedisEndpoint endpoint = tls_endpoint(state->port);
      endpoint.username = login.username;
      endpoint.password = login.password;
      const auto redis = connect_redis(connector, endpoint, std::clamp(left, Duration(100), reply_limit));
      reload_local_certificates(context, instance, *redis, state->port, content);
    };
  };
  JournaledRun run(
      context,
      {plan.operation, subject_of(settings), journal_key("", settings.name_space, settings.release), instance.folder()},
      undo_limit);
  refuse_left_of_another_command(context, run, "tls ");
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a change of the certificates alone leaves nothing in Redis to undo");
  });
  add_certificates_undo(run.undos(), store, reload_until([&run] { return run.undo_until(); }));
  const CertificateSpec spec = instance.certificate_spec(context);
  auto file = find_credentials(context.paths, "local", "", settings.name_space, settings.release);
  Plan steps = {certificates_step(
      store, reload_until([&context] { return context.deadline; }),
      [&](const SecretContent& present) {
        SecretContent wanted = plan.change(present, spec);
        if (file) file->ca_certificate = value_of(wanted, tls_trusted_key).reveal();
        return wanted;
      },
      plan.what, run.id(), context.scope().command("setup redis"))};
  if (file) steps.push_back(credentials_step(context, *file, settings.preset));
  if (context.guard.dry_run()) return describe_plan(steps);
  const bool interrupted = run.open();
  run.before([&] {
    if (interrupted) run.recover();
    plan.change(without_previous(instance.certificates()), spec);  // what is refused is refused before anything changes
  });
  run.execute(steps);
  forget_previous_certificates(store);
  return "";
}

}  // namespace raibid
