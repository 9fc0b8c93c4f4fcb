#include "components/kubernetes/drift.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using namespace std::string_view_literals;

constexpr std::size_t longest_value = 60;
constexpr const char* release_annotation = "meta.helm.sh/release-name";
constexpr const char* namespace_annotation = "meta.helm.sh/release-namespace";
constexpr const char* managed_by = "app.kubernetes.io/managed-by";

/// Maps whose values are quantities.
constexpr std::array quantity_maps{"requests"sv, "limits"sv, "hard"sv, "min"sv, "max"sv};
constexpr std::array quantity_fields{"storage"sv, "sizeLimit"sv, "divisor"sv};
/// Maps that mean something else with one key more.
constexpr std::array selectors{"selector"sv, "matchLabels"sv, "podSelector"sv, "namespaceSelector"sv, "nodeSelector"sv};
/// What names the items of a list, in the order in which it is looked for: a mount has a name that is not its own.
constexpr std::array list_keys{"mountPath"sv, "name"sv, "containerPort"sv};

template <typename List>
bool is_in(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

/// What the API server may leave out.
bool is_zero(const json& value) {
  if (value.is_null()) return true;
  if (value.is_string()) return value.get_ref<const std::string&>().empty();
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number()) return value == 0;
  return value.empty() || (value.is_object() && std::all_of(value.begin(), value.end(), is_zero));
}

std::string scalar_text(const json& value) { return value.is_string() ? value.get<std::string>() : json_text(value); }

bool same_quantity(const json& left, const json& right) {
  const auto number = [](const json& value) -> std::optional<std::int64_t> {
    if (!value.is_string() && !value.is_number()) return std::nullopt;
    try {
      return parse_millicores(scalar_text(value), "a quantity");  // thousandths are exact for all that is used
    } catch (const Error&) {
      return std::nullopt;
    }
  };
  const auto one = number(left);
  return one && one == number(right);
}

std::string shown(const json& value) {
  if (value.is_null()) return "";
  const std::string text = scalar_text(value);
  if (text.find('\n') != std::string::npos) return "a different text";
  return printable(text.size() <= longest_value ? text : text.substr(0, longest_value) + "…");
}

/// The key that names each item of both lists, "" when there is none: then they are compared one by one.
std::string_view key_of(const json& wanted, const json& live) {
  for (const std::string_view key : list_keys) {
    const auto names_all = [&](const json& list) {
      std::set<std::string> seen;
      return std::all_of(list.begin(), list.end(), [&](const json& item) {
        return item.is_object() && item.contains(key) && item[std::string(key)].is_primitive() &&
               seen.insert(scalar_text(item[std::string(key)])).second;
      });
    };
    if (!wanted.empty() && names_all(wanted) && names_all(live)) return key;
  }
  return "";
}

class Comparison {
 public:
  enum class Extras { allowed, different };
  explicit Comparison(bool secret) : m_secret(secret) {}

  void compare(const json& wanted, const json& live, const std::string& path, std::string_view name, Extras extras) {
    if (wanted.is_object() && live.is_object()) {
      compare_maps(wanted, live, path, name, is_in(selectors, name) ? Extras::different : extras);
    } else if (wanted.is_array() && live.is_array()) {
      compare_lists(wanted, live, path, name, extras);
    } else if (!same_scalar(wanted, live, name)) {
      add(path, live, wanted);
    }
  }

  std::vector<FieldDifference> differences;

 private:
  bool same_scalar(const json& wanted, const json& live, std::string_view name) const {
    if (wanted == live || (live.is_null() && is_zero(wanted))) return true;
    return is_in(quantity_fields, name) && same_quantity(wanted, live);
  }

  void compare_maps(const json& wanted, const json& live, const std::string& path, std::string_view name,
                    Extras extras) {
    for (const auto& [key, value] : wanted.items()) {
      const json nothing;
      const json& there = live.contains(key) ? live[key] : nothing;
      if (is_in(quantity_maps, name) && same_quantity(value, there)) continue;
      const bool names_map = name == "labels" || name == "annotations" || name == "data" || name == "matchLabels";
      const std::string inner = path.empty() ? key : names_map ? path + "[" + key + "]" : path + "." + key;
      compare(value, there, inner, key, extras);
    }
    if (extras == Extras::allowed) return;
    for (const auto& [key, value] : live.items()) {
      const bool is_default = key == "protocol" && value == "TCP";
      if (!wanted.contains(key) && !is_zero(value) && !is_default) add(path + "." + key, value, nullptr);
    }
  }

  void compare_lists(const json& wanted, const json& live, const std::string& path, std::string_view name,
                     Extras extras) {
    const std::string key(extras == Extras::allowed ? key_of(wanted, live) : "");
    if (!key.empty()) {
      for (const json& item : wanted) {
        const std::string inner = fmt::format("{}[{}]", path, scalar_text(item[key]));
        const auto same = std::find_if(live.begin(), live.end(), [&](const json& other) {
          return scalar_text(other[key]) == scalar_text(item[key]);
        });
        if (same == live.end()) {
          add(inner, nullptr, item);
        } else {
          compare(item, *same, inner, name, extras);
        }
      }
      return;
    }
    if (wanted.empty() && extras == Extras::allowed) return;  // as good as not set
    if (wanted.size() != live.size()) return add(path, live, wanted);
    for (std::size_t at = 0; at < wanted.size(); ++at)
      compare(wanted[at], live[at], fmt::format("{}[{}]", path, at), "", extras);
  }

  void add(const std::string& path, const json& live, const json& wanted) {
    if (m_secret) return differences.push_back({path, "a different value", "its own"});
    differences.push_back({path, shown(live), shown(wanted)});
  }

  bool m_secret;
};

std::string group_of(const json& object) {
  const std::string version = text_at(object, {"apiVersion"});
  const std::size_t slash = version.find('/');
  return slash == std::string::npos ? "" : version.substr(0, slash);
}

/// `key` on the live object, unless the manifest itself has it.
std::string foreign(const json& wanted, const json& live, const char* where, const std::string& key) {
  return text_at(wanted, {"metadata", where, key}).empty() ? text_at(live, {"metadata", where, key}) : "";
}

/// Who has the live object now, when that is not the release.
std::string other_owner(const json& wanted, const json& live, const ReleaseName& release) {
  const std::string helm = text_at(live, {"metadata", "annotations", release_annotation});
  const std::string space = text_at(live, {"metadata", "annotations", namespace_annotation});
  for (const json& owner : items_at(live, {"metadata", "ownerReferences"})) {
    return printable(text_at(owner, {"kind"}) + " " + text_at(owner, {"name"}));
  }
  constexpr std::array<std::array<const char*, 3>, 4> tools{{
      {"annotations", "argocd.argoproj.io/tracking-id", "Argo CD"},
      {"labels", "argocd.argoproj.io/instance", "Argo CD"},
      {"labels", "kustomize.toolkit.fluxcd.io/name", "Flux"},
      {"labels", "helm.toolkit.fluxcd.io/name", "Flux"},
  }};
  for (const auto& [where, key, tool] : tools) {
    if (const std::string value = foreign(wanted, live, where, key); !value.empty())
      return printable(fmt::format("{} ({})", tool, value));
  }
  if (helm.empty()) return "a different owner (it has no Helm annotation)";
  if (helm == release.name && (space.empty() || space == release.name_space)) return "";
  return printable(fmt::format("Helm release {} in namespace {}", helm, space));
}

/// "containers[redis].image" of a longer path: the parts that every such path has say nothing.
std::string short_path(std::string_view path) {
  for (const std::string_view prefix :
       {"spec.template.spec."sv, "spec.template.metadata."sv, "spec."sv, "metadata."sv}) {
    if (path.starts_with(prefix)) return std::string(path.substr(prefix.size()));
  }
  return std::string(path);
}

std::string in_words(const FieldDifference& field) {
  const std::string path = printable(short_path(field.path));
  if (field.live == "a different text" || field.live == "a different value") return path + " differs from the release";
  if (field.live.empty() && field.wanted == "a different text") return path + " is missing";
  if (field.live.empty()) return fmt::format("{} is missing, the release has {}", path, field.wanted);
  if (field.wanted.empty()) return fmt::format("{} is {}, the release has none", path, field.live);
  return fmt::format("{} is {}, the release has {}", path, field.live, field.wanted);
}

}  // namespace

std::vector<FieldDifference> compare_object(const json& wanted, const json& live) {
  const std::string kind = text_at(wanted, {"kind"});
  Comparison comparison(kind == "Secret");
  for (const auto& [key, value] : wanted.items()) {
    if (key == "apiVersion" || key == "kind" || key == "status" || key == "stringData") continue;
    const json nothing;
    const json& there = live.contains(key) ? live[key] : nothing;
    if (key == "metadata") {
      for (const char* part : {"labels", "annotations"}) {
        if (!value.contains(part)) continue;
        const json& present = at(there, {part});
        comparison.compare(value[part], present.is_null() ? json::object() : present, std::string("metadata.") + part,
                           part, Comparison::Extras::allowed);
      }
      continue;
    }
    const bool is_policy = kind == "NetworkPolicy" && key == "spec";
    comparison.compare(value, there, key, key, is_policy ? Comparison::Extras::different : Comparison::Extras::allowed);
  }
  return std::move(comparison.differences);
}

bool Drift::replaces_pods() const {
  return std::any_of(fields.begin(), fields.end(),
                     [](const FieldDifference& field) { return field.path.starts_with("spec.template."); });
}

std::vector<std::string> Drift::changes() const {
  std::vector<std::string> all;
  for (const FieldDifference& field : fields) all.push_back(in_words(field));
  return all;
}

std::vector<std::string> Drift::lines() const {
  if (missing) return {object + " is missing"};
  if (!owner.empty()) return {fmt::format("{} belongs to {} now", object, owner)};
  std::vector<std::string> all;
  for (const std::string& change : changes()) all.push_back(object + ": " + change);
  return all;
}

const json* find_object(const json& live, const json& wanted, const ReleaseName& release) {
  const std::string space = text_at(wanted, {"metadata", "namespace"});
  for (const json& object : live) {
    const std::string its_space = text_at(object, {"metadata", "namespace"});
    if (text_at(object, {"kind"}) == text_at(wanted, {"kind"}) && group_of(object) == group_of(wanted) &&
        text_at(object, {"metadata", "name"}) == text_at(wanted, {"metadata", "name"}) &&
        (its_space.empty() || its_space == (space.empty() ? release.name_space : space)))
      return &object;
  }
  return nullptr;
}

std::vector<Drift> compare_release(const json& manifest, const json& live, const ReleaseName& release) {
  std::vector<Drift> all;
  for (std::size_t at = 0; at < manifest.size(); ++at) {
    const json& wanted = manifest[at];
    Drift drift{at, text_at(wanted, {"kind"}) + " " + text_at(wanted, {"metadata", "name"}), false, "", {}};
    if (const json* const there = find_object(live, wanted, release)) {
      drift.owner = other_owner(wanted, *there, release);
      drift.fields = compare_object(wanted, *there);
    } else {
      drift.missing = true;
    }
    if (drift.missing || !drift.owner.empty() || !drift.fields.empty()) all.push_back(std::move(drift));
  }
  return all;
}

json as_helm_applies(json object, const ReleaseName& release) {
  json& metadata = object["metadata"];
  metadata["labels"][managed_by] = "Helm";
  metadata["annotations"][release_annotation] = release.name;
  metadata["annotations"][namespace_annotation] = release.name_space;
  return object;
}

}  // namespace raibid
