#include "components/redis/place/kubernetes/vanished.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/release_state.hpp"
#include "tools/failures.hpp"
#include "tools/helm_record.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

using nlohmann::json;

/// The kinds that a group and version has; nothing when the server did not say.
std::optional<std::set<std::string>> kinds_of(const Output& answer) {
  if (failed_with(answer, "NotFound")) return std::set<std::string>();
  if (!answer.ok()) return std::nullopt;
  const json list = try_parse_json(answer.out);
  if (text_at(list, {"kind"}) != "APIResourceList") return std::nullopt;
  std::set<std::string> kinds;
  for (const json& resource : items_at(list, {"resources"})) kinds.insert(text_at(resource, {"kind"}));
  return kinds;
}

/// One document of a manifest, as helm wrote it.
struct Document {
  std::string text;
  std::string group_and_version, kind, name;
};

std::vector<Document> documents_of(const std::string& manifest) {
  std::vector<Document> documents;
  std::string text;
  const auto end = [&] {
    if (trim(text).empty()) return;
    Document document{text, "", "", ""};
    const json objects = ReleaseState::objects_of(text);
    if (objects.is_array() && !objects.empty()) {
      document.group_and_version = text_at(objects.front(), {"apiVersion"});
      document.kind = text_at(objects.front(), {"kind"});
      document.name = text_at(objects.front(), {"metadata", "name"});
    }
    documents.push_back(std::move(document));
  };
  for (const std::string& line : split(manifest, '\n')) {
    if (line == "---") {
      end();
      text.clear();
    } else {
      text += line + "\n";
    }
  }
  end();
  return documents;
}

std::string joined(const std::vector<Document>& documents) {
  std::string manifest;
  for (const Document& document : documents) manifest += "---\n" + document.text;
  return manifest;
}

}  // namespace

std::vector<std::string> take_out_vanished(Context& context, const Kubectl& kubectl, const std::string& release,
                                           TimePoint deadline) {
  const Command question = kubectl.all_records(release);
  const Output answer = kubectl.run(question, deadline);
  if (!answer.ok()) return {};
  const json secrets = Kubectl::parse_items(question, answer);
  std::vector<std::vector<Document>> manifests;
  std::set<std::string> groups;
  for (const json& secret : secrets) {
    const auto record = read_helm_record(secret);
    manifests.push_back(record ? documents_of(record->manifest) : std::vector<Document>());
    for (const Document& document : manifests.back()) {
      if (document.group_and_version.find('/') != std::string::npos) groups.insert(document.group_and_version);
    }
  }
  std::vector<Command> questions;
  for (const std::string& group : groups) questions.push_back(kubectl.api_group(group));
  const std::vector<Output> answers = kubectl.run(questions, deadline);
  std::map<std::string, std::optional<std::set<std::string>>> known;
  for (std::size_t i = 0; const std::string& group : groups) known[group] = kinds_of(answers[i++]);

  const auto has_vanished = [&](const Document& document) {
    const auto group = known.find(document.group_and_version);
    return group != known.end() && group->second && !document.kind.empty() && !group->second->contains(document.kind);
  };
  std::set<std::string> names;
  for (std::size_t i = 0; i < manifests.size(); ++i) {
    std::vector<Document>& documents = manifests[i];
    const std::size_t before = documents.size();
    for (const Document& document : documents) {
      if (has_vanished(document)) names.insert(document.kind + " " + document.name);
    }
    std::erase_if(documents, has_vanished);
    if (documents.size() == before) continue;
    kubectl.run_checked(kubectl.replace_and_show(with_manifest(secrets[i], joined(documents))), deadline);
  }
  std::vector<std::string> gone(names.begin(), names.end());
  if (!gone.empty()) {
    context.reporter.note(
        fmt::format("the kind of {} no longer exists in the cluster, nor does the object: taken out of "
                    "Helm's record of release {}",
                    join(gone, ", "), release));
  }
  return gone;
}

Output run_helm(Context& context, const Kubectl& kubectl, const Helm& helm, const std::string& release,
                const Command& command, TimePoint deadline) {
  try {
    return helm.run_checked(command, deadline);
  } catch (const Error&) {
    if (context.runner.now() >= deadline) throw;
    if (take_out_vanished(context, kubectl, release, deadline).empty()) throw;
  }
  return helm.run_checked(command, deadline);
}

}  // namespace raibid
