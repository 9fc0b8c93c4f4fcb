#include "components/redis/place/known_names.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/kubeconfig_names.hpp"
#include "components/kubernetes/session.hpp"
#include "components/redis/place/kubernetes/release.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/server/credentials.hpp"
#include "sys/locked_log.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// Someone who presses TAB twice in a row asks the cluster once.
constexpr std::chrono::seconds names_are_known_for{10};

struct NamedRelease {
  std::string name_space, name;
  auto operator<=>(const NamedRelease&) const = default;
};

/// What a cluster has said of itself.
struct LearnedNames {
  std::set<std::string> name_spaces, storage_classes;
  std::set<NamedRelease> releases;
};

fs::path names_folder(const Context& context) { return context.paths.home / "completion"; }

/// Two clusters may have contexts of one name, in two kubeconfigs.
fs::path names_file(const Context& context, const KubeconfigNames::One& cluster) {
  constexpr std::size_t enough = 24;
  return names_folder(context) / (sha256_hex(cluster.name + " " + cluster.server).substr(0, enough) + ".json");
}

std::set<std::string> texts_at(const json& object, const char* key) {
  std::set<std::string> texts;
  for (const json& one : items_at(object, {key})) {
    if (one.is_string()) texts.insert(one.get<std::string>());
  }
  return texts;
}

LearnedNames read_names(const fs::path& file) {
  const json kept = try_parse_json(read_own_file(file).value_or(""));
  LearnedNames names{texts_at(kept, "namespaces"), texts_at(kept, "storage_classes"), {}};
  for (const json& one : items_at(kept, {"releases"}))
    names.releases.insert({text_at(one, {"namespace"}), text_at(one, {"name"})});
  return names;
}

void keep_names(const Context& context, const fs::path& file, const LearnedNames& names) {
  json releases = json::array();
  for (const NamedRelease& one : names.releases)
    releases.push_back({{"namespace", one.name_space}, {"name", one.name}});
  const json kept = {
      {"namespaces", names.name_spaces}, {"storage_classes", names.storage_classes}, {"releases", std::move(releases)}};
  context.files.write_own_file(file, json_text(kept) + "\n");
}

std::set<NamedRelease> releases_with_credentials(const Context& context, const std::string& target,
                                                 const std::string& place) {
  std::set<NamedRelease> releases;
  for (const Credentials& one : all_credentials(context.paths)) {
    if (one.target == target && (place.empty() || one.context == place)) releases.insert({one.name_space, one.release});
  }
  return releases;
}

/// Those of the namespace that was chosen (a preset's does not count: the release may be another preset's), or all.
std::set<std::string> names_of(const Context& context, const std::set<NamedRelease>& releases) {
  const bool is_chosen = context.settings.origin("namespace").source > Source::record;
  const std::string chosen = is_chosen ? context.settings.text("namespace") : "";
  std::set<std::string> names;
  for (const NamedRelease& one : releases) {
    if (chosen.empty() || one.name_space == chosen) names.insert(one.name);
  }
  return names;
}

std::set<std::string> names_of_cluster(const Context& context, const KubeconfigNames::One& cluster, NamedThing thing) {
  LearnedNames known = read_names(names_file(context, cluster));
  if (thing == NamedThing::storage_class) return known.storage_classes;
  known.releases.merge(releases_with_credentials(context, "kubernetes", cluster.name));
  if (thing == NamedThing::release) return names_of(context, known.releases);
  for (const NamedRelease& one : known.releases) known.name_spaces.insert(one.name_space);
  known.name_spaces.insert(cluster.name_space);
  return known.name_spaces;
}

std::set<std::string> names_of_machine(const Context& context, NamedThing thing) {
  std::set<std::string> names;
  if (thing != NamedThing::release) return names;
  for (const LocalInstance& one : local_instances(context)) names.insert(one.release());
  for (const LocalInstance& one : kept_instances(context)) names.insert(one.release());
  return names;
}

std::set<std::string> find_names(const Context& context, NamedThing thing) {
  const std::string target = context.settings.text("target");
  std::set<std::string> names;
  if (thing == NamedThing::context || target == "kubernetes") {
    const KubeconfigNames kubeconfig = kubeconfig_names(context);
    if (thing != NamedThing::context) {
      const KubeconfigNames::One* const cluster = kubeconfig.find(context.settings.text("context"));
      return cluster == nullptr ? names : names_of_cluster(context, *cluster, thing);
    }
    for (const KubeconfigNames::One& one : kubeconfig.contexts) names.insert(one.name);
    return names;
  }
  if (target == "local") return names_of_machine(context, thing);
  return thing == NamedThing::release ? names_of(context, releases_with_credentials(context, target, "")) : names;
}

/// The names of the objects; nothing where this login may not list them.
std::set<std::string> object_names(const Command& question, const Output& answer) {
  std::set<std::string> names;
  if (!answer.ok()) return names;
  for (const json& item : Kubectl::parse_items(question, answer)) names.insert(text_at(item, {"metadata", "name"}));
  return names;
}

}  // namespace

std::vector<std::string> known_names(const Context& context, NamedThing thing) {
  std::vector<std::string> names;
  for (const std::string& name : find_names(context, thing)) {
    if (!name.empty() && printable(name) == name) names.push_back(name);  // each is a line of the answer
  }
  return names;
}

bool names_are_old(const Context& context) {
  if (context.settings.text("target") != "kubernetes") return false;
  const KubeconfigNames kubeconfig = kubeconfig_names(context);
  const KubeconfigNames::One* const cluster = kubeconfig.find(context.settings.text("context"));
  if (cluster == nullptr || cluster->server.empty() || cluster->asks) return false;
  std::error_code absent;
  const auto changed = fs::last_write_time(names_file(context, *cluster), absent);
  return absent || fs::file_time_type::clock::now() - changed >= names_are_known_for;
}

void learn_names(Context& context) {
  const KubeconfigNames kubeconfig = kubeconfig_names(context);
  const KubeconfigNames::One* const cluster = kubeconfig.find(context.settings.text("context"));
  if (cluster == nullptr || !names_are_old(context)) return;
  context.files.make_private_directory(names_folder(context));
  const std::optional<LockedLog> alone = LockedLog::open(names_folder(context) / "lock");
  if (!alone) return;
  const Kubectl kubectl = choose_cluster(context, "default", NeedsHelm::no, cluster->name).kubectl;
  const std::vector<Command> questions = {
      kubectl.list_everywhere("namespaces"), kubectl.list_everywhere("storageclasses"),
      kubectl.release_records_everywhere(fmt::format("{}={}", managed_by_label, managed_by_us))};
  const std::vector<Output> answers = kubectl.ask(questions, context.deadline);
  LearnedNames names{object_names(questions[0], answers[0]), object_names(questions[1], answers[1]), {}};
  if (answers[2].ok()) {
    for (const json& record : Kubectl::parse_release_records(questions[2], answers[2]))
      names.releases.insert({text_at(record, {"namespace"}), text_at(record, {"name"})});
  }
  if (std::none_of(answers.begin(), answers.end(), [](const Output& one) { return one.ok(); })) return;
  keep_names(context, names_file(context, *cluster), names);
}

}  // namespace raibid
