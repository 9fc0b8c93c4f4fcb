#include "components/redis/settings/spec.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/clients.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr int most_replicas = 9;

auto fields(const StreamSpec& stream) { return std::tie(stream.name, stream.groups, stream.max_length, stream.limits); }

auto fields(const Spec& spec) {
  return std::tie(spec.preset, spec.chart, spec.directives, spec.auth, spec.user, spec.metrics, spec.persistence,
                  spec.size, spec.storage_class, spec.memory_request, spec.memory_limit, spec.cpu_request,
                  spec.cpu_limit, spec.clients, spec.services, spec.image, spec.exporter_image, spec.security_context,
                  spec.preset_file, spec.tls, spec.replicas, spec.proxy_image, spec.chosen);
}

std::string chart_name(const ChartChoice& chart) {
  switch (chart.kind) {
    case ChartChoice::Kind::embedded:
      return "embedded";
    case ChartChoice::Kind::bitnami:
      return "bitnami";
    case ChartChoice::Kind::other:
      break;
  }
  return chart.reference;
}

std::string image_name(const std::optional<ImageReference>& image) {
  if (!image) return "";
  const std::string tag = image->tag.empty() ? "" : ":" + image->tag;
  const std::string digest = image->digest.empty() ? "" : "@" + image->digest;
  return fmt::format("{}/{}{}{}", image->registry, image->repository, tag, digest);
}

/// "user 999, group 999, files 999": those that were chosen.
std::string context_text(const SecurityContext& context) {
  std::vector<std::string> parts;
  if (context.run_as_user) parts.push_back(fmt::format("user {}", *context.run_as_user));
  if (context.run_as_group) parts.push_back(fmt::format("group {}", *context.run_as_group));
  if (context.fs_group) parts.push_back(fmt::format("files {}", *context.fs_group));
  return join(parts, ", ");
}

[[noreturn]] void refuse(const std::string& why) {
  throw Error(ExitCode::failure, fmt::format("the annotation {} of this release is damaged: {}", spec_annotation, why),
              "run setup again with the options it was made with: it writes the annotation again");
}

/// Takes `key` when it is there. nlohmann's get<> would take a float for an int; its message would quote the value.
template <typename Value, typename Check>
void take(const json& object, const char* key, Value& value, Check is_valid) {
  if (!object.contains(key)) return;
  if (!(object[key].*is_valid)()) refuse(fmt::format("\"{}\" has the wrong type", key));
  value = object[key].get<Value>();
}

void take(const json& object, const char* key, std::string& value) { take(object, key, value, &json::is_string); }
void take(const json& object, const char* key, bool& value) { take(object, key, value, &json::is_boolean); }

const json& list_at(const json& object, const char* key) {
  static const json none = json::array();
  if (!object.contains(key)) return none;
  if (!object[key].is_array()) refuse(fmt::format("\"{}\" is not a list", key));
  return object[key];
}

void take(const json& object, const char* key, std::vector<std::string>& values) {
  for (const json& item : list_at(object, key)) {
    if (!item.is_string()) refuse(fmt::format("\"{}\" holds something else than text", key));
    values.push_back(item.get<std::string>());
  }
}

void take_limit(const json& object, const char* key, std::optional<std::int64_t>& value) {
  if (!object.contains(key)) return;
  std::int64_t limit = 0;
  take(object, key, limit, &json::is_number_integer);
  if (limit < 0) refuse(fmt::format("a stream's \"{}\" is negative", key));
  value = limit;
}

void take_streams(const json& object, std::vector<StreamSpec>& streams) {
  for (const json& item : list_at(object, "streams")) {
    if (!item.is_object()) refuse("\"streams\" holds something else than streams");
    StreamSpec stream;
    take(item, "name", stream.name);
    if (stream.name.empty()) refuse("a stream has no name");
    take(item, "groups", stream.groups);
    take(item, "max_length", stream.max_length, &json::is_number_integer);
    if (stream.max_length < 0) refuse("a stream's \"max_length\" is negative");
    take_limit(item, "max_lag", stream.limits.lag);
    take_limit(item, "max_dead", stream.limits.dead);
    std::optional<std::int64_t> age;
    take_limit(item, "max_pending_age_ms", age);
    if (age) stream.limits.pending_age = Duration(*age);
    streams.push_back(std::move(stream));
  }
}

void take_directives(const json& object, Directives& directives) {
  for (const json& item : list_at(object, "redis")) {
    if (!item.is_array() || item.size() != 2 || !item[0].is_string() || !item[1].is_string()) {
      refuse("\"redis\" holds something else than pairs of directive and value");
    }
    directives.emplace_back(item[0].get<std::string>(), item[1].get<std::string>());
  }
}

void take_chosen(const json& object, Choices& chosen) {
  if (!object.contains("chosen")) return;
  if (!object["chosen"].is_object()) refuse("\"chosen\" is not an object");
  for (const auto& [option, item] : object["chosen"].items()) {
    if (!item.is_object()) refuse("\"chosen\" holds something else than choices");
    Choice choice;
    take(item, "by", choice.by);
    take(item, "values", choice.values);
    if (choice.by != "flag" && choice.by != "variable" && choice.by != "file") {
      refuse("a choice is by no flag, variable or file");
    }
    chosen[option] = std::move(choice);
  }
}

void take_tls_record(const json& object, TlsChoice& tls) {
  if (!object.contains("tls")) return;
  const json& item = object["tls"];
  if (!item.is_object()) refuse("\"tls\" is not an object");
  std::string from;
  take(item, "from", from);
  using From = TlsChoice::From;
  for (const From one : {From::own, From::secret, From::issuer}) {
    if (from == to_string(one)) tls.from = one;
  }
  if (!tls.enabled()) refuse("\"tls\" does not say where the certificate is from");
  take(item, "secret", tls.secret);
  take(item, "issuer_kind", tls.issuer_kind);
  take(item, "issuer", tls.issuer);
  take(item, "client_certificates", tls.client_certificates);
  take(item, "migrate", tls.migrate);
}

ordered_json tls_record(const TlsChoice& tls) {
  ordered_json object = {{"from", to_string(tls.from)}};
  if (tls.from == TlsChoice::From::secret) object["secret"] = tls.secret;
  if (tls.from == TlsChoice::From::issuer) {
    object["issuer_kind"] = tls.issuer_kind;
    object["issuer"] = tls.issuer;
  }
  object["client_certificates"] = tls.client_certificates;
  object["migrate"] = tls.migrate;
  return object;
}

std::vector<std::string> names_of_files(std::vector<std::string> paths) {
  for (std::string& path : paths) path = std::filesystem::path(path).filename();
  return paths;
}

/// A string of compact JSON is the only place where "{{" can stand.
std::string without_templates(std::string text) {
  for (std::size_t at = text.find("{{"); at != std::string::npos; at = text.find("{{", at))
    text.replace(at + 1, 1, "\\u007b");
  return text;
}

}  // namespace

bool Spec::operator==(const Spec& other) const {
  return fields(*this) == fields(other) &&
         std::equal(streams.begin(), streams.end(), other.streams.begin(), other.streams.end(),
                    [](const auto& left, const auto& right) { return fields(left) == fields(right); });
}

Spec spec_of(const RedisSettings& settings) {
  Spec spec;
  spec.preset = settings.preset;
  spec.chart = chart_name(settings.chart);
  spec.streams = settings.streams;
  spec.directives = settings.directives;
  spec.auth = settings.auth;
  spec.user = settings.user.name;
  spec.metrics = settings.metrics;
  spec.persistence = settings.persistence;
  if (settings.persistence) {
    spec.size = settings.size;
    spec.storage_class = settings.storage_class;
  }
  spec.memory_request = settings.memory_request;
  spec.memory_limit = settings.memory_limit;
  spec.cpu_request = settings.cpu_request;
  spec.cpu_limit = settings.cpu_limit;
  for (const Client& client : settings.clients) spec.clients.push_back(to_string(client));
  spec.services = settings.services;
  spec.image = image_name(settings.image);
  spec.exporter_image = image_name(settings.exporter_image);
  spec.security_context = context_text(settings.security_context);
  spec.preset_file = settings.preset_file;
  spec.tls = settings.tls;
  spec.replicas = settings.replicas;
  spec.proxy_image = image_name(settings.proxy_image);
  spec.chosen = settings.chosen;
  return spec;
}

Spec spec_for_cluster(const RedisSettings& settings) {
  Spec spec = spec_of(settings);
  spec.preset_file.clear();
  if (const auto preset = spec.chosen.find("preset"); preset != spec.chosen.end())
    preset->second.values = names_of_files(preset->second.values);
  if (const auto files = spec.chosen.find("values"); files != spec.chosen.end())
    files->second.values = names_of_files(files->second.values);
  return spec;
}

Spec with_folders(Spec record, const Spec& known) {
  if (record.preset == known.preset && record.preset_file.empty()) record.preset_file = known.preset_file;
  const auto files = record.chosen.find("values");
  const auto folders = known.chosen.find("values");
  if (files != record.chosen.end() && folders != known.chosen.end() &&
      files->second.values == names_of_files(folders->second.values))
    files->second.values = folders->second.values;
  return record;
}

std::string to_json(const Spec& spec) {
  ordered_json streams = ordered_json::array();
  for (const StreamSpec& stream : spec.streams) {
    streams.push_back({{"name", stream.name}, {"groups", stream.groups}, {"max_length", stream.max_length}});
    if (stream.limits.lag) streams.back()["max_lag"] = *stream.limits.lag;
    if (stream.limits.pending_age) streams.back()["max_pending_age_ms"] = stream.limits.pending_age->count();
    if (stream.limits.dead) streams.back()["max_dead"] = *stream.limits.dead;
  }
  ordered_json directives = ordered_json::array();
  for (const auto& [name, value] : spec.directives) directives.push_back(ordered_json::array({name, value}));
  ordered_json object = {
      {"preset", spec.preset},
      {"chart", spec.chart},
      {"streams", streams},
      {"redis", directives},
      {"auth", spec.auth},
      {"metrics", spec.metrics},
      {"persistence", spec.persistence},
      {"size", spec.size},
      {"storage_class", spec.storage_class},
      {"memory_request", spec.memory_request},
      {"memory_limit", spec.memory_limit},
      {"cpu_request", spec.cpu_request},
      {"cpu_limit", spec.cpu_limit},
      {"clients", spec.clients},
      {"services", spec.services},
      {"image", spec.image},
      {"exporter_image", spec.exporter_image},
      {"security_context", spec.security_context},
  };
  // left out where there is nothing to say: the record of an older version stays as it is
  if (!spec.user.empty()) object["user"] = spec.user;
  if (!spec.preset_file.empty()) object["preset_file"] = spec.preset_file;
  if (spec.tls.enabled()) object["tls"] = tls_record(spec.tls);
  if (spec.ha()) object["replicas"] = spec.replicas;
  if (!spec.proxy_image.empty()) object["proxy_image"] = spec.proxy_image;
  for (const auto& [option, choice] : spec.chosen) {
    object["chosen"][option] = {{"by", choice.by}, {"values", choice.values}};
  }
  return without_templates(json_text(object));
}

Spec parse_spec(std::string_view annotation) {
  if (annotation.empty()) return {};
  if (nested_too_deeply(annotation)) refuse("it is nested too deeply");
  const json object = try_parse_json(annotation);
  if (!object.is_object()) refuse("it is not a JSON object");
  Spec spec;
  take(object, "preset", spec.preset);
  take(object, "chart", spec.chart);
  take_streams(object, spec.streams);
  take_directives(object, spec.directives);
  take(object, "auth", spec.auth);
  take(object, "user", spec.user);
  take(object, "metrics", spec.metrics);
  take(object, "persistence", spec.persistence);
  take(object, "size", spec.size);
  take(object, "storage_class", spec.storage_class);
  take(object, "memory_request", spec.memory_request);
  take(object, "memory_limit", spec.memory_limit);
  take(object, "cpu_request", spec.cpu_request);
  take(object, "cpu_limit", spec.cpu_limit);
  take(object, "clients", spec.clients);
  take(object, "services", spec.services);
  take(object, "image", spec.image);
  take(object, "exporter_image", spec.exporter_image);
  take(object, "security_context", spec.security_context);
  take(object, "preset_file", spec.preset_file);
  take_tls_record(object, spec.tls);
  take(object, "replicas", spec.replicas, &json::is_number_integer);
  if (spec.replicas < 0 || spec.replicas > most_replicas) refuse("\"replicas\" is no number of nodes");
  take(object, "proxy_image", spec.proxy_image);
  take_chosen(object, spec.chosen);
  return spec;
}

}  // namespace raibid
