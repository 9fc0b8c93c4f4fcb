#include "components/redis/place/kubernetes/storage_kubernetes.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <charconv>
#include <filesystem>
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

void remember_storage(const Files& files, const std::filesystem::path& file, WallTime now,
                      const std::vector<Storage>& seen) {
  if (!std::all_of(seen.begin(), seen.end(), has_room)) return;
  json storage = storage_data(seen);
  files.make_private_directory(file.parent_path());
  files.write_atomic(file, json_text(json{{"at", unix_seconds(now)}, {"storage", std::move(storage)}}));
}

std::vector<Storage> remembered_storage(const std::filesystem::path& file, WallTime now,
                                        const std::vector<std::string>& places) {
  const json object = try_parse_json(read_file(file).value_or(""));
  const std::chrono::seconds age(unix_seconds(now) - number_at(object, {"at"}));
  if (age < std::chrono::seconds(0) || age >= storage_is_known_for) return {};
  std::vector<Storage> found;
  for (const json& one : items_at(object, {"storage"})) {
    std::string place = text_at(one, {"place"});
    if (std::find(places.begin(), places.end(), place) == places.end()) continue;
    const auto shared = one.find("shared");
    found.push_back({std::move(place), number_at(one, {"used_bytes"}), number_at(one, {"free_bytes"}),
                     number_at(one, {"capacity_bytes"}), shared != one.end() && *shared == true, Storage::From::pod});
  }
  return found.size() == places.size() ? found : std::vector<Storage>();
}

const std::vector<Storage>& ClaimReader::look(const Context& context, const Kubectl& kubectl, const Release& release,
                                              const std::string& folder, const std::string& what, TimePoint until) {
  const TimePoint now = context.runner.now();
  if (m_asked && now - *m_asked < storage_is_known_for) return m_seen;
  m_asked = now;
  m_seen.clear();
  std::vector<Mounted> left = mounted_claims(release);
  if (left.empty()) return m_seen;
  try {
    m_seen = ask_kubelets(kubectl, release, left, until);
    if (left.empty() || folder.empty() || context.guard.dry_run()) return m_seen;
    const std::filesystem::path file = usage_file(context.paths.home, what, ".storage.json");
    std::vector<std::string> places;
    for (const Mounted& one : left) places.push_back(one.claim->name);
    std::vector<Storage> of_pods = remembered_storage(file, context.clock.wall(), places);
    if (of_pods.empty()) {
      of_pods = ask_pods(kubectl, left, folder, until);
      remember_storage(context.files, file, context.clock.wall(), of_pods);
    }
    m_seen.insert(m_seen.end(), of_pods.begin(), of_pods.end());
  } catch (const Error&) {
    // without it nothing is known of the storage, and all else is
  }
  return m_seen;
}

}  // namespace raibid
