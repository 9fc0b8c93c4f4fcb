#include "components/redis/commands/images.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "assets/assets.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/values.hpp"
#include "components/result_format.hpp"
#include "config/yaml.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

std::string text_of(const ordered_json& image, const char* key) { return image.value(key, std::string()); }

/// As the chart's template writes it: the digest beats the tag.
std::string reference(const ordered_json& image) {
  const std::string registry = text_of(image, "registry");
  const std::string digest = text_of(image, "digest");
  return fmt::format("{}{}{}{}", registry, registry.empty() ? "" : "/", text_of(image, "repository"),
                     digest.empty() ? ":" + text_of(image, "tag") : "@" + digest);
}

/// Every `image` of the values that is not below something with `enabled: false`.
void collect(const ordered_json& values, std::vector<std::string>& images) {
  if (!values.is_object()) return;
  if (const auto enabled = values.find("enabled"); enabled != values.end() && *enabled == false) return;
  for (const auto& [key, value] : values.items()) {
    if (key == "image" && value.is_object() && value.contains("repository")) {
      images.push_back(reference(value));
    } else {
      collect(value, images);
    }
  }
}

}  // namespace

std::vector<std::string> images_of(Context& context) {
  const RedisSettings settings = redis_settings(context);
  if (settings.chart.kind != ChartChoice::Kind::embedded || !settings.sets.empty() || !settings.values_files.empty())
    throw Error(ExitCode::usage, "only helm knows which images --chart, --set and -f lead to",
                "the manifests have them: the same setup with --dry-run");
  const std::string file = "charts/redis/values.yaml";
  ordered_json values = parse_yaml(asset(file), file);
  values.merge_patch(
      helm_values(settings, RedisNames(settings.release, settings.name_space, settings.cluster_domain), false));
  if (!settings.ha()) values.erase("proxy");  // of one node it leads nowhere
  if (!settings.backup.wanted() || settings.backup.to != BackupChoice::To::rclone) values.erase("backup");
  std::vector<std::string> images;
  collect(values, images);
  std::sort(images.begin(), images.end());
  images.erase(std::unique(images.begin(), images.end()), images.end());
  return images;
}

CommandResult images_redis(Context& context, const std::vector<std::string>&) {
  const std::vector<std::string> images = images_of(context);
  if (context.format() != OutputFormat::table) return {formatted(images, context.format())};
  return {join(images, "\n") + "\n"};
}

}  // namespace raibid
