#include "components/redis/place/kubernetes/backup_claim_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/installed.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/observed.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/place/kubernetes/restore_pod.hpp"
#include "components/redis/settings/naming.hpp"
#include "sys/give_input.hpp"
#include "sys/new_file.hpp"
#include "sys/random.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr const char* claim_folder = "/backup";
constexpr const char* reader_component = "backup-reader";
/// The pod of a killed run ends by itself after so many seconds.
constexpr int longest_reading = 3600;
constexpr Duration ending_limit = std::chrono::seconds(30);

/// Each backup as a line "NAME BYTES MANIFEST_BYTES", its manifest behind it; no manifest is -1 bytes. Others may keep
/// files in the claim, too: what cannot be read, or has a line break in its name, is left out.
constexpr const char* list_script = R"sh(cd "$1"
for rdb in *.rdb; do
  [ -f "$rdb" ] && [ -r "$rdb" ] || continue
  case $rdb in *[[:cntrl:]]*) continue ;; esac
  json=${rdb%.rdb}.json size=-1
  if [ -f "$json" ] && [ -r "$json" ]; then size=$(wc -c < "$json"); fi
  echo "$rdb $(($(wc -c < "$rdb"))) $(($size))"
  if [ "$size" != -1 ]; then cat < "$json"; fi
done)sh";

std::int64_t number(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    throw Error(ExitCode::failure, "the pod's list of backups cannot be read");
  return value;
}

std::vector<BackupClaim::Entry> parse_list(const std::string& text) {
  std::vector<BackupClaim::Entry> entries;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    at = end + 1;
    std::array<std::int64_t, 2> numbers{};
    for (int i = 1; i >= 0; --i) {  // a name may have spaces
      const std::size_t space = line.rfind(' ');
      if (space == std::string::npos) throw Error(ExitCode::failure, "the pod's list of backups cannot be read");
      numbers[static_cast<std::size_t>(i)] = number(line.substr(space + 1));
      line.resize(space);
    }
    BackupClaim::Entry entry{line, numbers[0], {}};
    if (numbers[1] >= 0) {
      const auto size = static_cast<std::size_t>(numbers[1]);
      if (at + size > text.size()) throw Error(ExitCode::failure, "the pod's list of backups was cut off");
      entry.manifest = text.substr(at, size);
      at += size;
    }
    entries.push_back(std::move(entry));
  }
  return entries;
}

std::string random_suffix(Context& context) {
  std::array<std::uint8_t, 3> bytes{};
  context.random.fill(bytes);
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

json reader_pod(const json& workload, const std::string& claim, const RedisNames& names, const std::string& release,
                const std::string& suffix) {
  json pod = restore_pod_manifest(workload, {claim, claim_folder, redis_container},
                                  fmt::format("{}-reader-{}", names.backup, suffix), suffix);
  pod["metadata"]["labels"]["app.kubernetes.io/component"] = reader_component;
  pod["metadata"]["labels"]["app.kubernetes.io/instance"] = release;
  pod["spec"]["activeDeadlineSeconds"] = longest_reading;
  return pod;
}

class KubernetesBackupClaim final : public BackupClaim {
 public:
  KubernetesBackupClaim(Context& context, ClusterSession session, const json& workload, const std::string& claim,
                        const RedisNames& names, const std::string& release)
      : m_context(context),
        m_session(std::move(session)),
        m_pod(context, m_session.kubectl,
              json_text(reader_pod(workload, claim, names, release, random_suffix(context)))) {
    remove_ended(release);
    try {
      m_pod.ensure(context.deadline);
    } catch (const BaseError&) {
      go();
      throw;
    }
  }
  ~KubernetesBackupClaim() override { go(); }
  KubernetesBackupClaim(const KubernetesBackupClaim&) = delete;
  KubernetesBackupClaim& operator=(const KubernetesBackupClaim&) = delete;

  std::vector<Entry> list() override {
    return parse_list(m_pod.script(list_script, {claim_folder}, m_context.deadline));
  }

  void download(const std::string& name, const fs::path& to) override {
    const std::unique_ptr<NewFile> file = m_context.files.new_file(to);
    m_pod.download(std::string(claim_folder) + "/" + name, [&](std::string_view piece) { file->write(piece); });
    file->sync();
    file->keep();
  }

  void write(const std::string& name, const std::string& content) override {
    const TemporaryDirectory folder(m_context.paths.temporary, "backup");
    const fs::path file = folder.path() / "file";
    m_context.files.write_atomic(file, content);
    const std::string path = std::string(claim_folder) + "/" + name;
    m_pod.upload(file, path + ".part");
    m_pod.run({"mv", path + ".part", path}, m_context.deadline);
  }

  void remove(const std::string& name) override {
    m_pod.run({"rm", "-f", std::string(claim_folder) + "/" + name}, m_context.deadline);
  }

 private:
  /// Pods of runs that were killed, once their time is over.
  void remove_ended(const std::string& release) {
    const Kubectl& kubectl = m_session.kubectl;
    const Command question = kubectl.list(
        "pods", fmt::format("app.kubernetes.io/instance={},app.kubernetes.io/component={}", release, reader_component));
    for (const json& pod : Kubectl::parse_items(question, kubectl.ask(question, m_context.deadline))) {
      const std::string phase = text_at(pod, {"status", "phase"});
      if (phase == "Failed" || phase == "Succeeded")
        RestorePod(m_context, kubectl, json_text(pod)).remove(m_context.deadline);
    }
  }

  void go() {
    try {
      m_pod.remove(m_context.runner.now() + ending_limit);
    } catch (const BaseError& error) {
      m_context.reporter.warning(fmt::format("pod {} may have been left: {}; it ends by itself within an hour",
                                             m_pod.name(), error.message()));
    }
  }

  Context& m_context;
  ClusterSession m_session;
  RestorePod m_pod;
};

const std::vector<Kubectl::Right>& rights_of_reading() {
  static const std::vector<Kubectl::Right> rights = {
      {"create", "", "pods", ""}, {"delete", "", "pods", ""}, {"create", "", "pods", "exec"}};
  return rights;
}

}  // namespace

std::unique_ptr<BackupClaim> open_backup_claim_kubernetes(Context& context, const RedisSettings& settings,
                                                          const std::string& claim) {
  const RedisNames names(settings.release, settings.name_space);
  if (context.guard.dry_run()) {
    throw Error(ExitCode::usage, "to look into a claim a pod has to be started, and --dry-run changes nothing",
                "leave --dry-run out: whatever replaces or removes something asks first, and says what it would do");
  }
  ClusterSession session = choose_cluster(context, settings.name_space, NeedsHelm::no);
  const Kubectl& kubectl = session.kubectl;
  const std::string name = claim.empty() ? names.backup : claim;
  const Command question = kubectl.get({"statefulset/" + names.workload, "persistentvolumeclaim/" + name});
  json workload;
  bool has_claim = false;
  for (const json& item : Kubectl::parse_items(question, kubectl.ask(question, context.deadline))) {
    if (text_at(item, {"kind"}) == "StatefulSet") workload = item;
    has_claim = has_claim || text_at(item, {"kind"}) == "PersistentVolumeClaim";
  }
  if (!has_claim)
    throw Error(ExitCode::preflight, fmt::format("there is no claim {} in namespace {}", name, settings.name_space),
                "the claims that there are: " + kubectl.for_people({"get", "persistentvolumeclaim"}));
  // the pod has Redis' own image, user and place
  if (workload.is_null()) throw_not_installed(context, subject_of(kubectl, settings.release));
  const Command review = kubectl.review_rights(rights_of_reading());
  const auto refused = Kubectl::parse_refused(rights_of_reading(), review, kubectl.ask(review, context.deadline));
  if (!refused.empty()) throw missing_rights(refused, kubectl);
  return std::make_unique<KubernetesBackupClaim>(context, std::move(session), workload, name, names, settings.release);
}

}  // namespace raibid
