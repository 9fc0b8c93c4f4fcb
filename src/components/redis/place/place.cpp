#include "components/redis/place/place.hpp"

#include "base/error.hpp"
#include "components/redis/place/backup_claim.hpp"
#include "components/redis/place/external/external_installer.hpp"
#include "components/redis/place/external/external_place.hpp"
#include "components/redis/place/kubernetes/backup_claim_kubernetes.hpp"
#include "components/redis/place/kubernetes/kubernetes_installer.hpp"
#include "components/redis/place/kubernetes/kubernetes_place.hpp"
#include "components/redis/place/kubernetes/throw_away_kubernetes.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/place/local/local_installer.hpp"
#include "components/redis/place/local/local_place.hpp"
#include "components/redis/place/local/scratch_server.hpp"
#include "components/redis/place/throw_away.hpp"

namespace raibid {

std::unique_ptr<Place> open_place(Context& context, const RedisSettings& settings) {
  if (settings.target == Target::local) return std::make_unique<LocalPlace>(context, settings);
  if (settings.target == Target::external) return std::make_unique<ExternalPlace>(context, settings);
  return std::make_unique<KubernetesPlace>(context, settings);
}

SetupPlan::SetupPlan(std::string plan_text, nlohmann::ordered_json plan_data)
    : text(std::move(plan_text)), data(std::make_shared<nlohmann::ordered_json>(std::move(plan_data))) {}

Command Place::logs(const LogLines&) {
  throw Error(ExitCode::usage, "this Redis is someone else's, and so is its log",
              "the service's own console shows it; what is slow, Redis itself knows: SLOWLOG GET");
}

std::vector<std::unique_ptr<RedisConnection>> Place::administer_all(TimePoint deadline) {
  std::vector<std::unique_ptr<RedisConnection>> one;
  one.push_back(administer(deadline));
  return one;
}

void Place::read_data_file(const std::string&, const std::function<void(std::string_view)>&) {
  throw Error(ExitCode::usage, "the files of this Redis are not at hand", "restore it where it runs");
}

std::unique_ptr<Installer> open_installer(Context& context, const RedisSettings& settings) {
  if (settings.target == Target::local) return std::make_unique<LocalInstaller>(context, settings);
  if (settings.target == Target::external) return std::make_unique<ExternalInstaller>(context, settings);
  return std::make_unique<KubernetesInstaller>(context, settings);
}

std::vector<Revision> Installer::history() {
  throw Error(ExitCode::preflight, "an external Redis has no revisions: someone else runs it",
              "they are of a Redis that setup has made, with --target kubernetes or --target local");
}

namespace {

class LocalThrowAway final : public ThrowAwayRedis {
 public:
  LocalThrowAway(Context& context, const ScratchProgram& server, const std::filesystem::path& rdb)
      : m_server(context, server.program, rdb), m_where("a server of this machine, " + server.text()) {}
  std::unique_ptr<RedisConnection> connect() override { return m_server.connect(); }
  std::string where() const override { return m_where; }

 private:
  ScratchServer m_server;
  std::string m_where;
};

}  // namespace

std::unique_ptr<ThrowAwayRedis> open_throw_away(Context& context, const RedisSettings& settings,
                                                const std::filesystem::path& rdb) {
  if (settings.target == Target::kubernetes) return open_throw_away_kubernetes(context, settings, rdb);
  const auto server = find_scratch_server(context);
  if (!server) {
    throw Error(ExitCode::preflight, "there is no redis-server on this machine to try the backup with",
                "install it: sudo apt-get install redis-server");
  }
  return std::make_unique<LocalThrowAway>(context, *server, rdb);
}

std::unique_ptr<BackupClaim> open_backup_claim(Context& context, const RedisSettings& settings,
                                               const std::string& claim) {
  if (settings.target == Target::kubernetes) return open_backup_claim_kubernetes(context, settings, claim);
  throw Error(ExitCode::usage, "a claim is in a cluster, and none is asked here",
              "leave --target out, or give a folder");
}

FailoverOutcome Installer::fail_over(const FailoverRequest&) {
  throw Error(ExitCode::preflight, "this Redis has one node: there is nobody to hand over to",
              "only a Redis that was set up with --ha has replicas");
}

std::string Installer::change_users(const UsersPlan& plan) {
  throw Error(ExitCode::usage, plan.operation + ": the users of this Redis are not raibid-cli's",
              "change them where it comes from");
}

namespace {

[[noreturn]] void refuse_certificates() {
  throw Error(ExitCode::preflight, "the certificates of this Redis are not raibid-cli's",
              "change them where it comes from");
}

}  // namespace

SecretContent Installer::certificates() { refuse_certificates(); }

CertificateSpec Installer::certificate_spec() { refuse_certificates(); }

std::string Installer::change_certificates(const CertificatesPlan&) { refuse_certificates(); }

StoreState Installer::look_at_store() {
  throw Error(ExitCode::usage, "this Redis takes its password from no Secret of a cluster",
              "change it where it comes from");
}

std::string Installer::restore(const RestorePlan&) {
  throw Error(ExitCode::preflight, "the files of this Redis are not on a machine or cluster of raibid-cli's",
              "restore it where it runs");
}

std::string Installer::take_over_users(const std::string&, bool) {
  look_at_store();
  return "";
}

OpenedPlace open_recorded(Context& context, NeedsPreset needs) {
  std::unique_ptr<Place> place = open_place(context, settings_to_find(context));
  const InstalledRedis& installed = place->installed();
  take_record_to_read(context, installed.record, needs, installed.name_space);
  return {std::move(place), redis_settings(context)};
}

void take_recorded(Context& context, bool ask) {
  if (ask) {
    const std::unique_ptr<Place> place = open_place(context, settings_to_find(context));
    take_record_for_setup(context, place->installed().record, place->installed().name_space);
  } else if (const auto record = record_on_this_machine(context)) {
    take_record_for_setup(context, *record);
  }
}

std::optional<Spec> record_on_this_machine(const Context& context) {
  try {
    const RedisSettings settings = settings_to_find(context);
    if (settings.target == Target::local) {
      const auto state = LocalInstance(context, settings.release).state();
      return state ? std::optional(state->spec) : std::nullopt;
    }
    if (settings.target == Target::external) {
      const ExternalTarget target = find_external(context, settings);
      return target.saved ? std::optional(parse_spec(target.saved->record)) : std::nullopt;
    }
    const std::string cluster = context.settings.text("context");
    std::optional<Spec> found;
    for (const Credentials& one : all_credentials(context.paths)) {
      const bool same = one.target == "kubernetes" && one.release == settings.release &&
                        one.name_space == settings.name_space && (cluster.empty() || one.context == cluster);
      if (!same) continue;
      if (found) return std::nullopt;
      found = parse_spec(one.record);
    }
    return found;
  } catch (const Error&) {
    return std::nullopt;  // whoever needs these files says what is wrong with them
  }
}

}  // namespace raibid
