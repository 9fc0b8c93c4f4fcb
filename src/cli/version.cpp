#include "cli/version.hpp"

#include "assets/assets.hpp"
#include "cli/commands.hpp"
#include "components/registry.hpp"
#include "components/result_format.hpp"
#include "config/settings.hpp"
#include "config/yaml.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raibid {

namespace {

using nlohmann::ordered_json;

std::string text_at(const ordered_json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

/// Every image among a chart's values: an object with a repository and a tag.
void collect_images(const ordered_json& values, std::vector<std::string>& images) {
  if (!values.is_object()) return;
  const std::string repository = text_at(values, "repository");
  if (!repository.empty()) {
    const std::string registry = text_at(values, "registry");
    const std::string tag = text_at(values, "tag");
    images.push_back(
        fmt::format("{}{}{}{}{}", registry, registry.empty() ? "" : "/", repository, tag.empty() ? "" : ":", tag));
  }
  for (const ordered_json& value : values) collect_images(value, images);
}

/// What is compiled in for a component; null without a chart.
ordered_json chart_of(std::string_view component) {
  const std::string folder = fmt::format("charts/{}/", component);
  if (assets_below(folder).empty()) return nullptr;
  const ordered_json chart = parse_yaml(asset(folder + "Chart.yaml"), folder + "Chart.yaml");
  std::vector<std::string> images;
  collect_images(parse_yaml(asset(folder + "values.yaml"), folder + "values.yaml"), images);
  ordered_json result;
  result["name"] = component;
  result["version"] = text_at(chart, "version");
  result["app_version"] = text_at(chart, "appVersion");
  result["images"] = images;
  return result;
}

ordered_json collect(const std::vector<Component>& components) {
  ordered_json result;
  result["version"] = RAIBID_VERSION;
  result["charts"] = ordered_json::array();
  for (const Component& component : components) {
    if (ordered_json chart = chart_of(component.name); !chart.is_null()) result["charts"].push_back(std::move(chart));
  }
  return result;
}

std::string for_people(const ordered_json& result) {
  std::string text = version_line();
  for (const ordered_json& chart : result["charts"]) {
    text += fmt::format("chart {} {} ({})\n", chart["name"].get<std::string>(), chart["version"].get<std::string>(),
                        chart["app_version"].get<std::string>());
    for (const ordered_json& image : chart["images"]) text += fmt::format("image {}\n", image.get<std::string>());
  }
  return text;
}

CommandResult show_version(const Call& call) {
  // no files: the version must be there to be asked for when they are what is broken
  std::vector<std::string> warnings;
  const Settings settings = resolve_settings(all_options(call.table.components()), call.invocation.flags,
                                             call.dependencies.environment, {}, {}, warnings);
  const ordered_json result = collect(call.table.components());
  const OutputFormat format = output_format(settings.text("output"));
  return {is_plain_text(format) ? for_people(result) : formatted(result, format), 0};
}

}  // namespace

std::string version_line() { return "raibid-cli " RAIBID_VERSION "\n"; }

CommandRow version_row() {
  CommandRow row;
  row.verb = "version";
  row.summary = "The versions of this program, its charts and their images";
  row.examples = {"raibid-cli version", "raibid-cli version -o json"};
  row.run = show_version;
  return row;
}

}  // namespace raibid
