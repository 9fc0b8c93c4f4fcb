#include "components/redis/place/kubernetes/storage_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <set>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr Duration look_again_after = std::chrono::minutes(1);
constexpr std::int64_t kibi = 1024;

std::optional<std::int64_t> whole(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && after == end && number >= 0 ? std::optional(number) : std::nullopt;
}

std::vector<std::string> words_of(const std::string& line) {
  std::string blanks = line;
  std::replace(blanks.begin(), blanks.end(), '\t', ' ');
  std::vector<std::string> words = split(blanks, ' ');
  std::erase(words, std::string());
  return words;
}

std::int64_t bytes_of_claim(const Release::Claim& claim) {
  try {
    return claim.capacity.empty() ? 0 : parse_bytes(claim.capacity, "a claim's size");
  } catch (const Error&) {
    return 0;
  }
}

/// The claim and the pod of a node of the release that both are there.
struct Mounted {
  const Release::Claim* claim;
  const Release::Pod* pod;
};

std::vector<Mounted> mounted_claims(const Release& release) {
  std::vector<Mounted> all;
  for (int node = 0; node < release.nodes(); ++node) {
    const Release::Claim* const claim = release.claim(node);
    const Release::Pod* const pod = release.pod(node);
    if (claim != nullptr && pod != nullptr && pod->redis_runs && !pod->node.empty() && !pod->node_is_silent)
      all.push_back({claim, pod});
  }
  return all;
}

/// Takes those that the kubelets know out of `left`.
std::vector<Storage> ask_kubelets(const Kubectl& kubectl, const Release& release, std::vector<Mounted>& left,
                                  TimePoint until) {
  std::set<std::string> nodes;
  for (const Mounted& one : left) nodes.insert(one.pod->node);
  std::vector<Command> questions;
  for (const std::string& node : nodes) questions.push_back(kubectl.node_summary(node));
  std::vector<Storage> found;
  for (const Output& answer : kubectl.ask(questions, until)) {
    const json summary = answer.ok() ? try_parse_json(answer.out) : json();
    std::erase_if(left, [&](const Mounted& one) {
      auto storage = storage_in_summary(summary, release.id.name_space, one.claim->name);
      if (storage) found.push_back(std::move(*storage));
      return storage.has_value();
    });
  }
  return found;
}

std::vector<Storage> ask_pods(const Kubectl& kubectl, const std::vector<Mounted>& left, const std::string& folder,
                              TimePoint until) {
  std::vector<Command> questions;
  for (const Mounted& one : left)
    questions.push_back(
        reading(kubectl.exec(one.pod->name, "redis", {"sh", "-c", "df -Pk \"$1\" && du -sk \"$1\"", "sh", folder})));
  std::vector<Storage> found;
  const std::vector<Output> answers = kubectl.ask(questions, until);
  for (std::size_t at = 0; at < answers.size(); ++at) {
    if (!answers[at].ok()) continue;
    auto storage = storage_of_df(answers[at].out, left[at].claim->name, bytes_of_claim(*left[at].claim));
    if (storage) found.push_back(std::move(*storage));
  }
  return found;
}

}  // namespace

std::optional<Storage> storage_in_summary(const json& summary, const std::string& name_space,
                                          const std::string& claim) {
  for (const json& pod : items_at(summary, {"pods"})) {
    for (const json& volume : items_at(pod, {"volume"})) {
      if (text_at(volume, {"pvcRef", "name"}) != claim || text_at(volume, {"pvcRef", "namespace"}) != name_space)
        continue;
      const std::int64_t capacity = number_at(volume, {"capacityBytes"});
      if (capacity <= 0) return std::nullopt;
      return Storage{claim,
                     number_at(volume, {"usedBytes"}),
                     number_at(volume, {"availableBytes"}),
                     capacity,
                     false,
                     Storage::From::kubelet};
    }
  }
  return std::nullopt;
}

std::optional<Storage> storage_of_df(const std::string& output, const std::string& claim, std::int64_t claim_bytes) {
  const std::vector<std::string> lines = split(std::string(trim(output)), '\n');
  if (lines.size() < 3) return std::nullopt;
  const std::vector<std::string> volume = words_of(lines[lines.size() - 2]);
  const std::vector<std::string> folder = words_of(lines.back());
  constexpr std::size_t columns = 6;  // POSIX, df -P: file system, blocks, used, available, capacity, mounted on
  if (volume.size() < columns || folder.empty()) return std::nullopt;
  const auto capacity = whole(volume[1]);
  const auto free = whole(volume[3]);
  const auto used = whole(folder[0]);
  if (!capacity || !free || !used || *capacity == 0) return std::nullopt;
  const std::int64_t bytes = *capacity * kibi;
  const bool shared = claim_bytes > 0 && bytes > claim_bytes + claim_bytes / 10;
  return Storage{claim, *used * kibi, *free * kibi, bytes, shared, Storage::From::pod};
}

const std::vector<Storage>& ClaimReader::look(const Context& context, const Kubectl& kubectl, const Release& release,
                                              const std::string& folder, TimePoint until) {
  const TimePoint now = context.runner.now();
  if (m_asked && now - *m_asked < look_again_after) return m_seen;
  m_asked = now;
  m_seen.clear();
  std::vector<Mounted> left = mounted_claims(release);
  if (left.empty()) return m_seen;
  try {
    m_seen = ask_kubelets(kubectl, release, left, until);
    if (left.empty() || folder.empty() || context.guard.dry_run()) return m_seen;
    for (Storage& one : ask_pods(kubectl, left, folder, until)) m_seen.push_back(std::move(one));
  } catch (const Error&) {
    // without it nothing is known of the storage, and all else is
  }
  return m_seen;
}

}  // namespace raibid
