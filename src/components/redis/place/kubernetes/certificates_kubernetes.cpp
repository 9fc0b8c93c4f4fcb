#include "components/redis/place/kubernetes/certificates_kubernetes.hpp"

#include <tuple>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/node_certificates.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/release_certificates.hpp"
#include "components/redis/run/credentials_run.hpp"
#include "components/redis/run/journaled_run.hpp"
#include "components/redis/run/steps.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

RedisNames names_of(const RedisSettings& settings) {
  return RedisNames(settings.release, settings.name_space, settings.cluster_domain);
}

void refuse_without_certificates(const Context& context, const RedisSettings& settings, const Observed& observed,
                                 const Kubectl& kubectl) {
  const std::string subject =
      fmt::format("release {} in namespace {} of {}", settings.release, settings.name_space, kubectl.cluster().context);
  if (!observed.workload) throw_not_installed(context, subject);
  if (!observed.tls_client()) {
    throw Error(ExitCode::preflight, subject + " does not speak TLS",
                "turn it on: " + context.scope().command("setup redis", "--tls"));
  }
  const bool is_own = observed.tls_choice().from == TlsChoice::From::own;
  for (const auto& [object, kind, name] :
       {std::tuple(&observed.tls.certificate, "Secret", observed.names().certificate),
        std::tuple(&observed.tls.authority, "Secret", observed.names().authority),
        std::tuple(&observed.tls.trust, "ConfigMap", observed.names().authority)}) {
    if (!is_own || !*object || (*object)->ours) continue;
    throw Error(ExitCode::preflight, fmt::format("{} {} {}", kind, name, (*object)->whose()),
                "see whose it is: " + kubectl.for_people({"get", to_lower(kind), name, "-o", "yaml"}));
  }
  if (is_own && !observed.tls.certificate) {
    throw Error(ExitCode::preflight, fmt::format("{}: its Secret {} is lost", subject, observed.names().certificate),
                "setup makes it again: " + context.scope().command("setup redis"));
  }
}

/// Redis may serve what it is to serve, or still what it had: the first of these that it is reached with.
std::unique_ptr<RedisConnection> first_connection(
    KubernetesRedis& redis, const std::vector<SecretContent>& shown,
    const std::function<std::unique_ptr<RedisConnection>(const SecretContent&)>& connect) {
  std::optional<Error> first;
  for (const SecretContent& one : shown) {
    try {
      if (!one.empty()) return connect(one);
    } catch (const Error& error) {
      if (!first) first = error;
      redis.open_again();
    }
  }
  throw *first;
}

SecretContent without_previous_certificates(SecretContent content) {
  content.erase(previous_certificates_key);
  return content;
}

}  // namespace

SecretContent certificates_kubernetes(Context& context, const RedisSettings& settings) {
  const ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Observed observed = observe(context, session.kubectl, names_of(settings), settings);
  refuse_without_certificates(context, settings, observed, session.kubectl);
  return observed.tls.content();
}

CertificateSpec certificate_spec_kubernetes(const Context& context, const RedisSettings& settings) {
  return certificate_spec(settings, names_of(settings), context.scope());
}

std::string change_certificates_kubernetes(Context& context, const RedisSettings& settings,
                                           const CertificatesPlan& plan) {
  const RedisNames names = names_of(settings);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  context.reporter.heading(describe(kubectl));
  const Observed observed = observe(context, kubectl, names, settings);
  refuse_without_certificates(context, settings, observed, kubectl);
  const std::string subject = fmt::format("{}, release {}", describe(kubectl), settings.release);
  const Duration patience = context.pace->patience(undo_limit);
  ReleaseLock lock(context, kubectl, settings.release, plan.operation, context.deadline + patience);
  lock.seen(observed.lease);
  if (!context.guard.dry_run()) lock.refuse_if_held();
  JournaledRun run(context,
                   {plan.operation, subject, journal_key(observed.cluster_uid, settings.name_space, settings.release)},
                   patience);
  refuse_left_of_another_command(context, run, "tls ");
  KubernetesRedis redis(context, kubectl, names);
  redis.prefer_stream();
  redis.lead_to(names.way_to_master(observed.ha()));
  redis.speak_tls(observed.tls_client(), observed.port());
  NodeWays ways(context, kubectl, names, observed.nodes(), observed.content());
  const Login admin = observed.secret ? admin_login(observed.secret->content) : Login();
  const auto undo_until = [&run] { return run.undo_until(); };
  ReleaseCertificates store(context, kubectl, names, settings.release, run.id(),
                            [&context] { return context.deadline; });
  ReleaseCertificates undo_store(context, kubectl, names, settings.release, run.id(), undo_until);
  SecretContent changed;  // what this run makes of it
  const auto reload = [&](const ReleaseCertificates& certificates, const std::function<TimePoint()>& until) {
    return [&, until](const SecretContent& content) {
      if (!observed.redis_runs()) return;  // the next pod reads them at its start
      // kept from before the change: what is trusted may be another CA now
      const std::vector<SecretContent> shown = {observed.tls.content(), content, changed};
      if (observed.ha()) {
        const NodeCertificates nodes{context, kubectl, ways, certificates};
        std::vector<TlsClient> known;
        for (const SecretContent& one : shown) {
          if (!one.empty()) known.push_back(release_tls(one, observed.tls_choice(), names));
        }
        return nodes.serve(content, known, observed.tls_choice().client_certificates, until());
      }
      certificates.serve(names.pod, redis.connection_or_none(admin, until()), content, [&] {
        return first_connection(redis, shown, [&](const SecretContent& one) {
          redis.speak_tls(release_tls(one, observed.tls_choice(), names), observed.port());
          return redis.another(admin, until());
        });
      });
    };
  };
  add_common_undos(run.undos(), context, []() -> RedisConnection& {
    throw Error(ExitCode::remains, "a change of the certificates alone leaves nothing in Redis to undo");
  });
  add_certificates_undo(run.undos(), undo_store, reload(undo_store, undo_until));
  run.also_hold([&](Before what) { return lock.taken_over(what == Before::act ? context.deadline : undo_until()); });
  auto file =
      find_credentials(context.paths, "kubernetes", observed.cluster_uid, settings.name_space, settings.release);
  const CertificateSpec spec = certificate_spec(settings, names, context.scope());
  const SecretContent present = without_previous_certificates(observed.tls.content());
  Plan steps = {certificates_step(
      store, reload(store, [&context] { return context.deadline; }),
      [&](const SecretContent& now) {
        SecretContent wanted = plan.change(now, spec);
        changed = wanted;
        if (file) file->ca_certificate = value_of(wanted, tls_trusted_key).reveal();
        return wanted;
      },
      plan.what, run.id(), context.scope().command("setup redis"))};
  if (file) steps.push_back(credentials_step(context, *file, settings.preset));
  if (context.guard.dry_run()) return describe_plan(steps);
  const bool interrupted = run.open();
  run.before([&] {
    lock.acquire();
    if (interrupted) run.recover();
    plan.change(present, spec);  // what is refused is refused before anything changes
    if (observed.redis_runs()) redis.connection(admin, context.deadline);
  });
  run.execute(steps);
  forget_previous_certificates(store);
  context.signals.acknowledge();
  lock.release();
  return "";
}

}  // namespace raibid
