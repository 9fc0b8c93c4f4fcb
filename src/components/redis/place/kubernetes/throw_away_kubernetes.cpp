#include "components/redis/place/kubernetes/throw_away_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <array>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/access.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/place/kubernetes/restore_pod.hpp"
#include "components/redis/server/connect.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr const char* drill_label = "raibid-cli/drill-of";
constexpr const char* drill_folder = "/data";
constexpr const char* drill_file = "/data/drill.rdb";
constexpr Duration account_patience = std::chrono::seconds(30);
constexpr Duration drill_poll = std::chrono::milliseconds(200);
constexpr Duration removal_limit = std::chrono::seconds(30);
/// No drill takes as long: what is older was left by a run that was killed.
constexpr auto oldest_drill = std::chrono::hours(6);
constexpr std::size_t longest_namespace = 63;

/// It listens for this pod alone, which a port-forward reaches, too: nobody else in the cluster gets at the data.
constexpr const char* start_server = R"sh(server=$(command -v redis-server || command -v valkey-server)
"$server" --daemonize yes --bind 127.0.0.1 --port 6379 --dir "$1" --dbfilename drill.rdb --save '' --appendonly no \
  --databases 1024 --maxmemory 0 --logfile "$1/log")sh";
constexpr const char* last_words = R"sh(grep -v WARNING "$1/log" | tail -n 1)sh";

json drill_pod(const json& workload, const std::string& name_space, const std::string& run) {
  json pod = restore_pod_manifest(workload, {"", drill_folder, redis_container}, "drill", run);
  pod["metadata"]["namespace"] = name_space;
  pod["metadata"]["labels"]["app.kubernetes.io/component"] = "drill";
  pod["spec"]["volumes"] = json::array({{{"name", "data"}, {"emptyDir", json::object()}}});
  // of the live one's namespace, and of its place there
  for (const char* const key : {"imagePullSecrets", "serviceAccountName", "priorityClassName"}) pod["spec"].erase(key);
  return pod;
}

/// Which Redis a drill is of. A label has 63 characters at most, so it is a digest.
std::string owner_label(const RedisSettings& settings) {
  return sha256_hex(settings.name_space + "/" + settings.release).substr(0, 32);
}

class KubernetesDrill final : public ThrowAwayRedis {
 public:
  KubernetesDrill(Context& context, ClusterSession session, const json& workload, const RedisSettings& settings,
                  const std::string& run)
      : m_context(context),
        m_session(std::move(session)),
        m_owner(owner_label(settings)),
        m_name(settings.name_space.substr(0, longest_namespace - 7 - run.size()) + "-drill-" + run),
        m_there(context.runner, m_session.kubectl.cluster(), m_name),
        m_pod(context, m_there, json_text(drill_pod(workload, m_name, run))),
        m_redis(context, m_there, RedisNames(settings.release, m_name)) {}
  ~KubernetesDrill() override { go(); }
  KubernetesDrill(const KubernetesDrill&) = delete;
  KubernetesDrill& operator=(const KubernetesDrill&) = delete;

  void start(const fs::path& rdb) {
    remove_left();
    make_namespace();
    m_pod.ensure(m_context.deadline);
    m_pod.upload(rdb, drill_file);
    m_pod.script(start_server, {drill_folder}, m_context.deadline);
    m_redis.lead_to(m_pod.name());
    wait_until_loaded();
  }

  std::unique_ptr<RedisConnection> connect() override { return m_redis.another(Login(), m_context.deadline); }
  std::string where() const override { return "namespace " + m_name; }

 private:
  std::string path_of(const std::string& name) const { return "/api/v1/namespaces/" + name; }

  /// Of drills of this Redis that were killed.
  void remove_left() {
    const Kubectl& kubectl = m_session.kubectl;
    const Command question =
        kubectl.list("namespaces", fmt::format("{}={},{}={}", drill_label, m_owner, managed_by_label, managed_by_us));
    const Output answer = kubectl.ask(question, m_context.deadline);
    if (!answer.ok()) return;
    for (const json& one : Kubectl::parse_items(question, answer)) {
      const auto made = parse_rfc3339(text_at(one, {"metadata", "creationTimestamp"}));
      if (!made || m_context.clock.wall() - *made < oldest_drill) continue;
      kubectl.run(
          kubectl.remove_exactly(path_of(text_at(one, {"metadata", "name"})), text_at(one, {"metadata", "uid"})),
          m_context.deadline);
    }
  }

  void make_namespace() {
    const json manifest = {
        {"apiVersion", "v1"},
        {"kind", "Namespace"},
        {"metadata", {{"name", m_name}, {"labels", {{managed_by_label, managed_by_us}, {drill_label, m_owner}}}}}};
    m_there.run_checked(m_there.create(manifest), m_context.deadline);
    const TimePoint until = std::min(m_context.deadline, m_context.runner.now() + account_patience);
    // pods are refused until the controller has made the namespace's account
    for (bool has_account = false; !has_account;) {
      const Command question = m_there.get({"namespace/" + m_name, "serviceaccount/default"});
      for (const json& item : Kubectl::parse_items(question, m_there.ask(question, m_context.deadline))) {
        if (text_at(item, {"kind"}) == "Namespace") m_uid = text_at(item, {"metadata", "uid"});
        has_account = has_account || text_at(item, {"kind"}) == "ServiceAccount";
      }
      if (!has_account && m_context.runner.now() >= until)
        throw Error(ExitCode::failure, fmt::format("namespace {} gets no account for its pods", m_name));
      if (!has_account) m_context.runner.wait({}, m_context.runner.now() + drill_poll);
    }
  }

  void wait_until_loaded() {
    for (;;) {
      m_redis.prepare();
      if (m_redis.try_connection(Login()) != nullptr) return;
      m_context.reporter.step_progress("drill", m_redis.waiting_for());
      if (m_context.runner.now() >= m_context.deadline || !runs())
        throw Error(ExitCode::failure,
                    "the server there does not load the backup: " +
                        printable(trim(m_pod.script(last_words, {drill_folder}, m_context.deadline))));
      Process* const process = m_redis.tunnel().process();
      m_context.runner.wait({&process, 1}, m_context.runner.now() + drill_poll);
    }
  }
  /// A server that refuses the file has ended: its name is in no process of the pod.
  bool runs() {
    return m_pod.script("grep -lsE '^(redis|valkey)-server' /proc/[0-9]*/comm || true", {}, m_context.deadline)
               .find("/proc/") != std::string::npos;
  }

  void go() {
    if (m_uid.empty()) return;
    try {
      m_there.run_checked(m_there.remove_exactly(path_of(m_name), m_uid), m_context.runner.now() + removal_limit);
    } catch (const BaseError& error) {
      m_context.reporter.warning(
          fmt::format("namespace {} was left, and holds a copy of the data: {}; to remove it: {}", m_name,
                      error.message(), m_there.for_people({"delete", "namespace", m_name})));
    }
  }

  Context& m_context;
  ClusterSession m_session;
  std::string m_owner, m_name, m_uid;
  Kubectl m_there;
  RestorePod m_pod;
  KubernetesRedis m_redis;
};

const std::vector<Kubectl::Right>& rights_of_drill() {
  static const std::vector<Kubectl::Right> rights = {{"create", "", "namespaces", "", true},
                                                     {"delete", "", "namespaces", "", true}};
  return rights;
}

}  // namespace

std::unique_ptr<ThrowAwayRedis> open_throw_away_kubernetes(Context& context, const RedisSettings& settings,
                                                           const fs::path& rdb) {
  const RedisNames names(settings.release, settings.name_space);
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  const Command question = kubectl.get({"statefulset/" + names.workload});
  const json workloads = Kubectl::parse_items(question, kubectl.ask(question, context.deadline));
  if (workloads.empty()) throw_not_installed(context, subject_of(kubectl, settings.release));
  const Command review = kubectl.review_rights(rights_of_drill());
  const auto refused = Kubectl::parse_refused(rights_of_drill(), review, kubectl.ask(review, context.deadline));
  if (!refused.empty()) {
    throw Error(ExitCode::preflight, "this login may not make a namespace for the drill",
                "try the backup with a redis-server of this machine: add --target local");
  }
  std::array<std::uint8_t, 3> bytes{};
  context.random.fill(bytes);
  std::string run;
  for (const std::uint8_t byte : bytes) run += fmt::format("{:02x}", byte);
  auto drill = std::make_unique<KubernetesDrill>(context, std::move(session), workloads.front(), settings, run);
  drill->start(rdb);
  return drill;
}

}  // namespace raibid
