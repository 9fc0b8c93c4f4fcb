#include "components/redis/settings/settings.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/quantity.hpp"
#include "base/strings.hpp"
#include "components/presets.hpp"
#include "components/redis/settings/clients.hpp"
#include "components/redis/settings/helm_input.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/option_reader.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/stream_options.hpp"
#include "components/redis/settings/tls_options.hpp"
#include "components/redis/settings/topology.hpp"

namespace raibid {

namespace {

constexpr std::int64_t mebibyte = 1024 * 1024;
/// Below this a container does not even start redis-server; "512" and "512m" (bytes, thousandths of one) are typing
/// errors.
constexpr std::int64_t least_memory = 16 * mebibyte;
/// Shares of the memory limit in percent: writing an AOF or a snapshot forks, and the copied pages need room.
constexpr std::int64_t share_with_persistence = 60;
constexpr std::int64_t share_without = 75;
/// Nobody means a claim of two bytes: the unit is missing, or is the m of thousandths.
constexpr std::int64_t least_size = mebibyte;

void take_images(RedisSettings& redis, const OptionReader& reader) {
  // a preset's image is that of its guide, an official one: another chart has images of its own
  const bool fits = redis.chart.kind == ChartChoice::Kind::embedded || reader.chosen("image");
  if (!reader.text("image").empty() && fits) redis.image = parse_image(reader.text("image"), reader.named("image"));
  redis.image_of_preset = redis.image && !reader.chosen("image");
  if (!reader.text("exporter-image").empty()) {
    redis.exporter_image = parse_image(reader.text("exporter-image"), reader.named("exporter-image"));
  }
}

/// "2", "2m": bytes, or thousandths of one.
[[noreturn]] void refuse_too_few(const OptionReader& reader, std::string_view name, const std::string& unit) {
  const std::string text = reader.text(name);
  const std::string number = text.substr(0, text.find_first_not_of("0123456789."));
  const std::string meant = text.ends_with('m') || text.ends_with('M') ? "Mi" : text.ends_with('k') ? "Mi" : unit;
  reader.refuse(name, text.ends_with('m') ? "is thousandths of a byte" : "is only a few bytes",
                fmt::format("did you mean {}{}?", number, meant));
}

void take_storage(RedisSettings& redis, const OptionReader& reader) {
  redis.persistence = !reader.flag("no-persistence");
  redis.size = reader.text("size");
  redis.storage_class = reader.text("storage-class");
  if (!redis.size.empty()) {
    const std::int64_t bytes = parse_bytes(redis.size, reader.named("size"));
    if (bytes == 0) reader.refuse("size", "leaves no room for data", "use a size such as 8Gi, or --no-persistence");
    if (bytes < least_size) refuse_too_few(reader, "size", "Gi");
  }
  if (!redis.storage_class.empty() && redis.storage_class != "-" && !is_dns_subdomain(redis.storage_class)) {
    reader.refuse("storage-class", "is not a valid StorageClass name", "kubectl get storageclass lists them");
  }
}

/// `parse` is parse_bytes or parse_millicores.
template <typename Parse>
void check_request(const OptionReader& reader, std::string_view request, std::string_view limit, Parse parse) {
  if (reader.text(limit).empty()) return;
  const std::int64_t most = parse(reader.text(limit), reader.named(limit));
  if (most == 0)
    reader.refuse(limit, "is too small for Redis to start",
                  fmt::format("use more, for instance {}", limit == "cpu-limit" ? "500m" : "512Mi"));
  if (reader.text(request).empty() || parse(reader.text(request), reader.named(request)) <= most) return;
  throw Error(ExitCode::usage,
              fmt::format("{}: {} is above the limit of {}, {}", reader.named(request), reader.text(request),
                          reader.text(limit), reader.named(limit)),
              fmt::format("lower --{} or raise --{}", request, limit));
}

void take_resources(RedisSettings& redis, const OptionReader& reader) {
  redis.memory_request = reader.text("memory-request");
  redis.memory_limit = reader.text("memory-limit");
  redis.cpu_request = reader.text("cpu-request");
  redis.cpu_limit = reader.text("cpu-limit");
  if (!redis.memory_limit.empty() && parse_bytes(redis.memory_limit, reader.named("memory-limit")) < least_memory) {
    reader.refuse("memory-limit", "is too little for Redis to start",
                  "use at least 16Mi; Mi and Gi are the usual units (512Mi)");
  }
  if (!redis.memory_request.empty() && parse_bytes(redis.memory_request, reader.named("memory-request")) < least_size &&
      parse_bytes(redis.memory_request, reader.named("memory-request")) > 0) {
    refuse_too_few(reader, "memory-request", "Mi");
  }
  check_request(reader, "memory-request", "memory-limit", parse_bytes);
  check_request(reader, "cpu-request", "cpu-limit", parse_millicores);
}

/// The namespace that the preset was written for, "" when it names none.
std::string preset_namespace(const Preset& preset) {
  const auto own = preset.settings.find("namespace");
  return own == preset.settings.end() || own->second.values.empty() ? "" : own->second.values.front();
}

/// Whether `name_space`, which the preset names, is its own one and Redis goes into another: then it follows.
bool follows(const RedisSettings& redis, const Preset& preset, const std::string& name_space) {
  return redis.target == Target::kubernetes && !name_space.empty() && name_space == preset_namespace(preset) &&
         name_space != redis.name_space;
}

/// The preset's clients: those in its own namespace are where Redis goes, the others stay.
void take_preset_clients(RedisSettings& redis, const std::vector<std::string>& clients, const Preset& preset) {
  for (const std::string& text : clients) {
    Client client = parse_client(text, fmt::format("preset {}", preset.name));
    if (follows(redis, preset, client.name_space)) {
      client.name_space = redis.name_space;
      redis.moved.push_back(fmt::format("client {} → {}", text, to_string(client)));
    }
    redis.clients.push_back(std::move(client));
  }
}

/// What the preset's smoke operation asynq-queue works on: "critical=6,default=3", a weight each.
std::vector<std::string> asynq_queues(const Preset& preset) {
  std::vector<std::string> names;
  for (const SmokeOperation& operation : preset.smoke) {
    if (operation.name != "asynq-queue") continue;
    const auto given = operation.parameters.find("queues");
    for (const std::string& part : split(given == operation.parameters.end() ? "default" : given->second, ','))
      names.emplace_back(trim(std::string_view(part).substr(0, part.find('='))));
  }
  return names;
}

void take_monitoring(RedisSettings& redis, const OptionReader& reader) {
  redis.metrics = !reader.flag("no-metrics");
  redis.monitoring = reader.flag("monitoring");
  if (!redis.monitoring) return;
  if (!redis.metrics && reader.chosen("no-metrics")) {
    reader.refuse_both("monitoring", "no-metrics");
  }
  redis.metrics = true;  // whatever the preset says
  if (redis.target == Target::kubernetes) return;
  if (reader.chosen("monitoring"))
    reader.refuse("monitoring", "needs an exporter, and only a cluster has one", "leave it out");
  redis.monitoring = false;
}

/// --existing-secret: for a cluster alone. A variable or a file may be meant for other targets, too.
void take_existing_secret(RedisSettings& redis, const OptionReader& reader) {
  const std::string text = reader.text("existing-secret");
  if (text.empty() || text == no_existing_secret) return;
  if (redis.adopted_service) {
    if (!redis.password_file.empty()) reader.refuse_both("existing-secret", "password-file");
    redis.existing_secret = parse_secret_reference(text, reader.named("existing-secret"));
    return;
  }
  if (redis.target != Target::kubernetes) {
    if (reader.settings().origin("existing-secret").source != Source::flag) return;
    throw Error(ExitCode::usage,
                fmt::format("{} cannot be used with --target {}: a Secret is in a cluster, and none is asked",
                            reader.named("existing-secret"), target_name(redis.target)),
                "give the password by --password-file FILE");
  }
  const auto contradicts = [&](const char* other) {
    throw Error(ExitCode::usage,
                fmt::format("{} and {} contradict each other", reader.named("existing-secret"), reader.named(other)),
                fmt::format("leave --{} out; --existing-secret none gives the Secret up", other));
  };
  if (!redis.auth) contradicts("no-auth");
  if (!redis.password_file.empty()) contradicts("password-file");
  redis.existing_secret = parse_secret_reference(text, reader.named("existing-secret"));
}

void take_access(RedisSettings& redis, const OptionReader& reader, const Preset& preset) {
  redis.auth = !reader.flag("no-auth");
  redis.password_file = reader.text("password-file");
  if (!redis.auth && !redis.password_file.empty()) {
    reader.refuse_both("no-auth", "password-file");
  }
  take_existing_secret(redis, reader);
  const std::vector<std::string> allowed = reader.list("allow-from");
  if (!reader.chosen("allow-from") || allowed.empty()) {
    return take_preset_clients(redis, allowed.empty() ? preset.client_namespaces : allowed, preset);
  }
  for (const std::string& client : allowed) redis.clients.push_back(parse_client(client, reader.named("allow-from")));
}

bool writes_to_disk(const std::string& directive) {
  return directive == "save" || directive == "appendonly" || directive == "appendfsync" ||
         directive.starts_with("aof-") || directive.starts_with("auto-aof-");
}

void check_maxmemory(const RedisSettings& redis, const std::string& origin) {
  const std::string text = directive(redis, "maxmemory");
  if (parse_redis_memory(text)) return;
  throw Error(ExitCode::usage, fmt::format("{}: redis.maxmemory: \"{}\" is not a size", origin, printable(text)),
              "Redis takes 307mb, 1gb or plain bytes");
}

/// What all clients together may hold unsent and unread is a tenth of maxmemory (the chart's redis.conf); a tenth of
/// nothing is no limit, and two commands of half a gigabyte would be the end of the pod.
void limit_clients(RedisSettings& redis, const OptionReader& reader) {
  const bool has_maxmemory = parse_redis_memory(directive(redis, "maxmemory")).value_or(0) > 0;
  if (has_maxmemory || redis.memory_limit.empty() || !directive(redis, "maxmemory-clients").empty()) return;
  const std::int64_t tenth = parse_bytes(redis.memory_limit, reader.named("memory-limit")) / 10;
  redis.directives.emplace_back("maxmemory-clients", fmt::format("{}mb", std::max<std::int64_t>(1, tenth / mebibyte)));
}

void take_directives(RedisSettings& redis, const OptionReader& reader, const Preset& preset) {
  const std::string origin = fmt::format("preset {}", preset.name);
  check_directives(preset.redis, origin);
  redis.directives = preset.redis;
  if (!redis.persistence) {
    std::erase_if(redis.directives, [](const auto& line) { return writes_to_disk(line.first); });
    redis.directives.emplace_back("appendonly", "no");
    redis.directives.emplace_back("save", "");
  }
  if (!directive(redis, "maxmemory").empty()) {
    check_maxmemory(redis, origin);
  } else if (!redis.memory_limit.empty()) {
    const std::int64_t share = redis.persistence ? share_with_persistence : share_without;
    const std::int64_t kibibytes = parse_bytes(redis.memory_limit, reader.named("memory-limit")) / 1024;
    redis.directives.emplace_back("maxmemory", fmt::format("{}mb", kibibytes * share / 100 / 1024));
  }
  limit_clients(redis, reader);
  // Redis 6 does not start with a line that it does not know
  if (redis.image && redis.image->tag.starts_with("6"))
    std::erase_if(redis.directives, [](const auto& line) { return line.first == "aof-timestamp-enabled"; });
  // a backup or a replica begins at once instead of waiting five seconds for a second one
  if (directive(redis, "repl-diskless-sync-delay").empty())
    redis.directives.emplace_back("repl-diskless-sync-delay", "0");
}

/// "NAME", or "NAMESPACE/NAME" for one in the application's own namespace.
void take_services(RedisSettings& redis, const Preset& preset) {
  const RedisNames names(redis.release, redis.name_space);
  for (const std::string& service : preset.services) {
    const std::size_t slash = service.find('/');
    std::string space = slash == std::string::npos ? redis.name_space : service.substr(0, slash);
    const std::string name = slash == std::string::npos ? service : service.substr(slash + 1);
    if (follows(redis, preset, space)) {
      space = redis.name_space;
      redis.moved.push_back(fmt::format("Service {} → {}/{}", service, space, name));
    }
    if (!is_dns_label(space) || !is_service_name(name)) {
      throw Error(
          ExitCode::usage,
          fmt::format("preset {}: services: \"{}\" is not a valid Service name", preset.name, printable(service)),
          "the form is [NAMESPACE/]NAME, of lower-case letters, digits and -, NAME with a letter first");
    }
    const bool here = space == redis.name_space;
    const std::string shown = here ? name : service;
    const bool there = here && (name == names.workload || name == names.full + "-headless" ||
                                name == names.full + "-metrics" || (redis.ha() && name == names.full));
    const bool twice = std::find(redis.services.begin(), redis.services.end(), shown) != redis.services.end();
    if (!there && !twice) redis.services.push_back(shown);
  }
}

/// A variable or a file may be meant for other targets, too.
void take_adopted_service(RedisSettings& redis, const OptionReader& reader) {
  const std::string service = reader.text("adopt-service");
  if (service.empty()) return;
  const bool said = reader.settings().origin("adopt-service").source == Source::flag;
  if (redis.target != Target::external) {
    if (!said) return;
    throw Error(
        ExitCode::usage,
        fmt::format("--adopt-service goes with --target external, not with --target {}", target_name(redis.target)),
        "add --target external: nothing of that Redis is installed or changed");
  }
  if (!reader.text("url").empty()) reader.refuse_both("adopt-service", "url");
  redis.adopted_service =
      parse_adopted_service(service, namespace_of(reader.settings()), reader.named("adopt-service"));
}

void take_target(RedisSettings& redis, const OptionReader& reader) {
  const std::string target = reader.text("target");
  redis.target = target == "external" ? Target::external : target == "local" ? Target::local : Target::kubernetes;
  const std::string url = reader.text("url");
  take_adopted_service(redis, reader);
  if (redis.target == Target::external) {
    reader.refuse_inapplicable();
    if (!url.empty()) redis.address = parse_redis_url(url, reader.named("url"), PasswordInUrl::refused);
  } else if (!url.empty() && reader.settings().origin("url").source == Source::flag) {
    throw Error(ExitCode::usage,
                fmt::format("--url needs --target external, not --target {}", target_name(redis.target)),
                "leave --url out, or add --target external");
  }
  for (const char* const name : {"tls-ca", "tls-cert", "tls-key"}) {
    if (redis.target == Target::external || !reader.has(name)) continue;
    if (reader.settings().origin(name).source != Source::flag) continue;
    throw Error(ExitCode::usage,
                fmt::format("--{} goes with --target external, not with --target {}", name, target_name(redis.target)),
                fmt::format("leave --{} out; a Redis of ours is given its certificate by --tls or --tls-secret", name));
  }
}

/// A preset says how a Redis is to be made; of one that is there it says what is kept in it and who uses it.
void drop_what_is_not_ours(RedisSettings& redis) {
  redis.metrics = false;
  redis.directives.clear();
  redis.services.clear();
  redis.moved.clear();
}

/// What a run is told about itself, not about Redis; and where a password is, which nothing of ours repeats.
bool describes_redis(const OptionSpec& option) {
  return !option.flag_only && option.name != "strict" && option.name != "password-file";
}

std::string chosen_by(const Origin& origin) {
  const Source source = origin.source == Source::record ? origin.recorded_from : origin.source;
  return source == Source::flag ? "flag" : source == Source::environment ? "variable" : "file";
}

/// Another run may start elsewhere.
std::vector<std::string> without_working_folder(std::string_view option, std::vector<std::string> values,
                                                Target target) {
  for (std::string& value : values) {
    const bool is_folder = option == "tls-secret" && target == Target::local;
    const bool is_target = option == "backup-to" && target == Target::local && !value.starts_with("rclone:");
    const bool is_file = is_target || option == "values" || is_folder || (option == "chart" && value.starts_with("."));
    if (is_file) value = std::filesystem::absolute(value).lexically_normal();
  }
  return values;
}

/// Of options that go with another one those that hold: another one would count again at the next setup.
bool is_in_force(const RedisSettings& redis, std::string_view option) {
  const TlsChoice& tls = redis.tls;
  if (option == "replicas") return redis.ha();
  if (option == "backup-secret" || option == "backup-image") return redis.backup.to == BackupChoice::To::rclone;
  if (option.starts_with("backup-") && option != "backup-schedule") return redis.backup.wanted();
  if (option == "tls") return tls.from == TlsChoice::From::own || !tls.enabled();
  if (option == "tls-secret") return tls.from == TlsChoice::From::secret;
  if (option == "tls-issuer") return tls.from == TlsChoice::From::issuer;
  if (option == "tls-client-certs" || option == "tls-migrate") return tls.enabled();
  return true;
}

void take_choices(RedisSettings& redis, const OptionReader& reader) {
  for (const OptionSpec& option : redis_options()) {
    if (!describes_redis(option) || !reader.chosen(option.name) || !is_in_force(redis, option.name)) continue;
    const Settings& settings = reader.settings();
    std::vector<std::string> values = without_working_folder(option.name, settings.list(option.name), redis.target);
    if (option.name == "set") values = keys_of_sets(values);
    redis.chosen[std::string(option.name)] = {chosen_by(settings.origin(option.name)), std::move(values)};
  }
  if (!reader.chosen("preset")) return;
  const std::string preset = redis.preset_file.empty() ? redis.preset : redis.preset_file;
  redis.chosen["preset"] = {chosen_by(reader.settings().origin("preset")), {preset}};
}

}  // namespace

std::string_view target_name(Target target) {
  switch (target) {
    case Target::kubernetes:
      break;
    case Target::local:
      return "local";
    case Target::external:
      return "external";
  }
  return "kubernetes";
}

RedisSettings redis_settings(const Context& context) {
  return redis_settings(context.settings, context.preset, context.paths);
}

RedisSettings redis_settings(const Settings& settings, const Preset& preset, const Paths&) {
  const OptionReader reader(settings);
  RedisSettings redis;
  redis.preset = preset.name;
  const std::string named_preset = reader.text("preset");
  if (is_preset_file(named_preset)) redis.preset_file = std::filesystem::absolute(named_preset).lexically_normal();
  take_target(redis, reader);
  redis.name_space = namespace_of(settings);
  redis.release = release_of(settings);
  if (reader.has("chart")) redis.chart = choose_chart(settings);
  take_images(redis, reader);
  take_storage(redis, reader);
  take_resources(redis, reader);
  take_monitoring(redis, reader);
  take_access(redis, reader, preset);
  take_tls(redis, reader);
  if (reader.has("cluster-domain")) redis.cluster_domain = reader.text("cluster-domain");
  if (!is_dns_subdomain(redis.cluster_domain))
    reader.refuse("cluster-domain", "is no DNS domain", "a pod's /etc/resolv.conf has it: svc.DOMAIN");
  take_streams(redis, reader, preset);
  redis.asynq_queues = asynq_queues(preset);
  take_trimming(redis, reader);
  take_backups(redis, reader);
  take_user(redis, reader, preset);
  take_directives(redis, reader, preset);
  take_topology(redis, reader);
  take_services(redis, preset);
  redis.security_context = preset.security_context;
  redis.pod_labels = preset.pod_labels;
  redis.holds = preset.holds;
  const bool queue = std::find(redis.holds.begin(), redis.holds.end(), "queue") != redis.holds.end();
  if (!redis.streams.empty() && !queue) redis.holds.emplace_back("queue");
  redis.accepted = preset.accepted;
  redis.strict = reader.flag("strict");
  redis.sets = reader.list("set");
  if (!redis.sets.empty()) check_sets(redis.sets, redis.chart.kind, reader.named("set"));
  redis.values_files = reader.list("values");
  if (!redis.values_files.empty()) check_values_files(redis.values_files, reader.named("values"));
  if (redis.target == Target::external) drop_what_is_not_ours(redis);
  take_choices(redis, reader);
  redis.adopt = reader.flag("adopt");
  redis.keep_on_failure = reader.flag("keep-on-failure");
  return redis;
}

std::string directive(const RedisSettings& settings, std::string_view name) {
  const auto found = std::find_if(settings.directives.rbegin(), settings.directives.rend(),
                                  [&](const auto& line) { return line.first == name; });
  return found == settings.directives.rend() ? "" : found->second;
}

}  // namespace raibid
