#include "config/preset.hpp"

#include "assets/assets.hpp"
#include "support/errors.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace raibid::preset_test {

namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

const std::vector<OptionSpec>& options() {
  static const std::vector<OptionSpec> all = [] {
    std::vector<OptionSpec> rows = global_options();
    for (const char* name :
         {"chart", "chart-version", "image", "exporter-image", "storage-class", "password-file", "stream", "group"}) {
      rows.push_back({.name = name, .help = ""});
    }
    for (const char* name : {"size", "memory-request", "memory-limit"})
      rows.push_back({.name = name, .help = "", .kind = OptionKind::bytes});
    for (const char* name : {"cpu-request", "cpu-limit"})
      rows.push_back({.name = name, .help = "", .kind = OptionKind::cpu});
    for (const char* name : {"no-persistence", "no-metrics", "no-auth", "adopt", "keep-on-failure"}) {
      rows.push_back({.name = name, .help = "", .kind = OptionKind::flag});
    }
    for (const char* name : {"allow-from", "set", "values"})
      rows.push_back({.name = name, .help = "", .kind = OptionKind::list});
    rows.push_back({.name = "max-length", .help = "", .kind = OptionKind::integer});
    rows.push_back({.name = "trim-schedule", .help = ""});
    rows.push_back({.name = "user", .help = ""});
    return rows;
  }();
  return all;
}

Preset parse(std::string_view text) { return parse_preset(text, "mine.yaml", options()); }

/// Of a preset whose first line is its name.
std::string refusal(const std::string& rest) {
  ExitCode code = ExitCode::ok;
  const std::string message = tests::message_of([&] { parse("name: mine\n" + rest); }, &code);
  if (!message.empty()) CHECK(code == ExitCode::usage);
  return message;
}

std::string text_of(const Preset& preset, std::string_view setting) {
  const auto found = preset.settings.find(setting);
  return found == preset.settings.end() || found->second.values.empty() ? "" : found->second.values.front();
}

}  // namespace

TEST_CASE("the raibid preset has every value of the deployment guide") {
  const Preset preset = parse_preset(asset("presets/raibid.yaml"), "preset raibid", options());
  CHECK(preset.name == "raibid");
  CHECK_FALSE(preset.description.empty());
  CHECK(text_of(preset, "namespace") == "raibid-redis");
  CHECK(text_of(preset, "release") == "raibid-redis");
  CHECK(text_of(preset, "size") == "8Gi");
  CHECK(text_of(preset, "no-persistence") == "false");
  CHECK(text_of(preset, "no-auth") == "false");
  CHECK(text_of(preset, "no-metrics") == "false");
  CHECK(text_of(preset, "memory-request") == "256Mi");
  CHECK(text_of(preset, "memory-limit") == "512Mi");
  CHECK(text_of(preset, "cpu-request") == "100m");
  CHECK(text_of(preset, "cpu-limit") == "500m");
  CHECK(text_of(preset, "stream") == "raibid:jobs");
  CHECK(text_of(preset, "group") == "raibid-workers");
  CHECK(text_of(preset, "max-length") == "10000");
  CHECK_FALSE(preset.settings.contains("storage-class"));
  CHECK_FALSE(preset.settings.contains("allow-from"));
  CHECK(preset.settings.at("size").origin.source == Source::preset);
  CHECK(preset.settings.at("size").origin.where.starts_with("preset raibid:"));

  CHECK(preset.redis == Pairs{{"appendonly", "yes"},
                              {"appendfsync", "everysec"},
                              {"aof-timestamp-enabled", "yes"},
                              {"save", ""},
                              {"maxmemory-policy", "noeviction"}});
  REQUIRE(preset.streams.size() == 1);
  CHECK(preset.streams[0].name == "raibid:jobs");
  CHECK(preset.streams[0].groups == std::vector<std::string>{"raibid-workers"});
  CHECK(preset.streams[0].max_length == 10000);
  CHECK(preset.client_namespaces.empty());
  CHECK(preset.environment == Pairs{{"REDIS_URL", "{{password-url}}"},
                                    {"REDIS_HOST", "{{host}}"},
                                    {"REDIS_PORT", "{{port}}"},
                                    {"REDIS_PASSWORD", "{{password}}"},
                                    {"REDIS_STREAM", "{{stream}}"},
                                    {"REDIS_CONSUMER_GROUP", "{{group}}"},
                                    {"REDIS_STREAM_MAX_LENGTH", "{{max-length}}"},
                                    {"RAIBID_REDIS_URL", "{{url}}"},
                                    {"QUEUE_STREAM", "{{stream}}"},
                                    {"CONSUMER_GROUP", "{{group}}"}});
  REQUIRE(preset.smoke.size() == 3);
  CHECK(preset.smoke[0].name == "stream-queue");
}

TEST_CASE("a stream's limits, named as the flags of queue stats") {
  const Preset preset = parse(
      "name: mine\nstreams:\n  - name: a\n    max-lag: 1000\n    max-pending-age: 15m\n    max-dead: 0\n  - name: b\n");
  REQUIRE(preset.streams.size() == 2);
  CHECK(preset.streams[0].limits == QueueLimits{1000, std::chrono::minutes(15), 0});
  CHECK_FALSE(preset.streams[1].limits.any());
  CHECK(refusal("streams:\n  - name: a\n    max-lag: few\n") ==
        "mine.yaml:4: max-lag: \"few\" is not a number of 0 or more");
  CHECK(refusal("streams:\n  - name: a\n    max-pending-age: soon\n").starts_with("mine.yaml:4: max-pending-age: "));
  CHECK(refusal("streams:\n  - name: a\n    max-age: 1m\n").find("max-age") != std::string::npos);
}

TEST_CASE("every preset that is compiled in can be read, and is called as its file") {
  const std::vector<std::string_view> paths = assets_below("presets/");
  CHECK(std::find(paths.begin(), paths.end(), "presets/raibid.yaml") != paths.end());
  for (const std::string_view path : paths) {
    CAPTURE(path);
    const Preset preset = parse_preset(asset(path), std::string(path), options());
    CHECK("presets/" + preset.name + ".yaml" == path);
    CHECK_FALSE(preset.description.empty());
    CHECK(preset.settings.contains("namespace"));
    CHECK(preset.settings.contains("release"));
  }
}

TEST_CASE("a preset can say what the other systems need") {
  // a cache and a list queue side by side, without a password, in a namespace that others reach by a short name
  const Preset preset = parse(R"(name: everything
description: all that a preset can say
settings:
  namespace: redis
  release: redis
  image: redis:7-alpine
  size: 5Gi
  storage-class: nfs
  no-auth: true
  set: [a=b]
redis:
  maxmemory: 256mb
  maxmemory-policy: allkeys-lru
  save: ["900 1", "300 10", 60 10000]
  appendonly: yes
  notify-keyspace-events: Ex
  databases: 16
  brand-new-directive-of-tomorrow: 1
streams:
  - name: first
    groups: [a, b]
    max-length: 100
  - name: second
clients:
  - mirai
  - mxclone/app=mxclone,tier=web
services: [redis-service, other/redis-service]
security-context:
  runAsUser: 999
  fsGroup: 1000
environment:
  REDIS_ADDR: "{{host}}:{{ port }}"
  REDIS_JOB_TTL_HOURS: 24
  REDIS_PASSWORD: ""
smoke:
  - stream-queue
  - operation: hash-ttl
    prefix: "job:"
    ttl: 24h
accepted:
  no-password: the Asynq client strips redis:// and can carry none
)");
  CHECK(text_of(preset, "no-auth") == "true");
  CHECK(text_of(preset, "storage-class") == "nfs");
  CHECK(preset.redis == Pairs{{"maxmemory", "256mb"},
                              {"maxmemory-policy", "allkeys-lru"},
                              {"save", "900 1"},
                              {"save", "300 10"},
                              {"save", "60 10000"},
                              {"appendonly", "yes"},
                              {"notify-keyspace-events", "Ex"},
                              {"databases", "16"},
                              {"brand-new-directive-of-tomorrow", "1"}});
  REQUIRE(preset.streams.size() == 2);
  CHECK(preset.streams[0].groups == std::vector<std::string>{"a", "b"});
  CHECK(preset.streams[1].name == "second");
  CHECK(preset.streams[1].groups.empty());
  CHECK(preset.streams[1].max_length == 0);
  // what one run works with stands in the settings, where flags replace it
  CHECK(text_of(preset, "stream") == "first");
  CHECK(text_of(preset, "group") == "a");
  CHECK(text_of(preset, "max-length") == "100");
  CHECK(preset.settings.at("stream").origin.where == "mine.yaml:20");
  CHECK(preset.client_namespaces == std::vector<std::string>{"mirai", "mxclone/app=mxclone,tier=web"});
  CHECK(preset.settings.at("allow-from").values == preset.client_namespaces);
  CHECK(preset.services == std::vector<std::string>{"redis-service", "other/redis-service"});
  CHECK(preset.security_context.run_as_user == 999);
  CHECK_FALSE(preset.security_context.run_as_group.has_value());
  CHECK(preset.security_context.fs_group == 1000);
  CHECK(preset.environment ==
        Pairs{{"REDIS_ADDR", "{{host}}:{{ port }}"}, {"REDIS_JOB_TTL_HOURS", "24"}, {"REDIS_PASSWORD", ""}});
  REQUIRE(preset.smoke.size() == 2);
  CHECK(preset.smoke[0].name == "stream-queue");
  CHECK(preset.smoke[1].name == "hash-ttl");
  CHECK(preset.smoke[1].parameters == std::map<std::string, std::string>{{"prefix", "job:"}, {"ttl", "24h"}});
  CHECK(preset.accepted.at("no-password").reason.starts_with("the Asynq client"));
}

TEST_CASE("a small preset is enough") {
  const Preset preset = parse("name: mine\n");
  CHECK(preset.name == "mine");
  CHECK(preset.settings.empty());
  CHECK(preset.streams.empty());
  CHECK(parse("name: mine\nsettings: {stream: s, max-length: 5}\n").settings.size() == 2);
}

TEST_CASE("mistakes in a preset are told with file and line") {
  CHECK(tests::message_of([] { parse(""); }) == "mine.yaml:1: a preset is a mapping, not nothing");
  CHECK(tests::message_of([] { parse("description: x\n"); }) == "mine.yaml:1: a preset has a name");
  CHECK(tests::message_of([] { parse("name: My Own\n"); }) ==
        "mine.yaml:1: name: lower-case letters, digits and - only");
  CHECK(refusal("setings: {}\n") == "mine.yaml:2: unknown key \"setings\"; did you mean settings?");
  CHECK(refusal("settings:\n  siez: 1Gi\n") == "mine.yaml:3: unknown key \"siez\"; did you mean size?");
  CHECK(refusal("settings:\n  size: big\n").starts_with("mine.yaml:3: size: \"big\" is not a quantity"));
  CHECK(refusal("settings:\n  preset: other\n") == "mine.yaml:3: a preset cannot choose a preset");
  CHECK(refusal("settings:\n  yes: true\n") ==
        "mine.yaml:3: yes cannot be set in a file, only on the command line or as a variable");
  CHECK(refusal("settings: [a]\n") == "mine.yaml:2: expected lines of 'name: value', not a list");
  CHECK(refusal("redis: yes\n") == "mine.yaml:2: redis is a mapping, not a single value");
  CHECK(refusal("redis:\n  apendonly: yes\n") ==
        "mine.yaml:3: \"apendonly\" is not a redis.conf directive; did you mean appendonly?");
  CHECK(refusal("redis:\n  \"a b\": 1\n") == "mine.yaml:3: \"a b\" is not a redis.conf directive");
  CHECK(refusal("redis:\n  requirepass: secret\n") == "mine.yaml:3: \"requirepass\" is set by raibid-cli itself");
  CHECK(refusal("redis:\n  hz: [1, 2]\n") == "mine.yaml:3: hz takes a single value");
  CHECK(refusal("redis:\n  save:\n    - 900 1\n    - a: 1\n") == "mine.yaml:5: save is a single value, not a mapping");
  CHECK(refusal("redis:\n  hz: \"1\\nrequirepass x\"\n") == "mine.yaml:3: hz is one line");
  CHECK(refusal("redis:\n  hz:\n") == "mine.yaml:3: hz is a single value, not nothing");
  CHECK(refusal("streams: {name: a}\n") == "mine.yaml:2: streams is a list, not a mapping");
  CHECK(refusal("streams:\n  - a\n") == "mine.yaml:3: a stream is a mapping, not a single value");
  CHECK(refusal("streams:\n  - nme: a\n") == "mine.yaml:3: unknown key \"nme\" of a stream; did you mean name?");
  CHECK(refusal("streams:\n  - groups: [a]\n") == "mine.yaml:3: a stream has a name");
  CHECK(refusal("streams:\n  - name: a\n    groups: [g, g]\n") == "mine.yaml:4: groups: \"g\" is there twice");
  CHECK(refusal("streams:\n  - name: a\n  - name: a\n") == "mine.yaml:4: the stream \"a\" is there twice");
  CHECK(refusal("streams:\n  - name: a\n    max-length: -1\n") ==
        "mine.yaml:4: max-length: \"-1\" is not a number of 0 or more");
  CHECK(refusal("settings: {stream: a}\nstreams:\n  - name: b\n") ==
        "mine.yaml:4: stream is given twice, also in mine.yaml:2");
  CHECK(refusal("settings: {allow-from: [a]}\nclients: [b]\n") ==
        "mine.yaml:3: allow-from is given twice, also in mine.yaml:2");
  CHECK(refusal("clients: a\n") == "mine.yaml:2: clients is a list, not a single value");
  CHECK(refusal("services: ['']\n") == "mine.yaml:2: services is empty");
  CHECK(refusal("security-context: {runAsUsr: 1}\n") ==
        "mine.yaml:2: unknown key \"runAsUsr\" of a security context; did you mean runAsUser?");
  CHECK(refusal("security-context: {runAsUser: 0}\n") == "mine.yaml:2: runAsUser: Redis does not run as root");
  CHECK(refusal("environment:\n  1A: x\n") == "mine.yaml:3: \"1A\" is not a valid variable name");
  CHECK(refusal("environment:\n  A-B: x\n") == "mine.yaml:3: \"A-B\" is not a valid variable name");
  CHECK(refusal("environment:\n  A: \"{{hots}}\"\n") == "mine.yaml:3: A: unknown name \"hots\"; did you mean host?");
  CHECK(refusal("environment:\n  A: \"{{host}}{{port\"\n") == "mine.yaml:3: A: a {{ is not closed");
  CHECK(refusal("holds: [cash]\n") ==
        "mine.yaml:2: holds: unknown value \"cash\"; known are queue, jobs, cache, locks; did you mean cache?");
  CHECK(refusal("smoke: stream-queue\n") == "mine.yaml:2: smoke is a list, not a single value");
  CHECK(refusal("smoke:\n  - ttl: 5m\n") == "mine.yaml:3: smoke: which operation?");
  CHECK(refusal("accepted:\n  no-password: \"\"\n") == "mine.yaml:3: the reason for accepting no-password is empty");
  CHECK(refusal("description: x\ndescription: y\n") == "mine.yaml:3: \"description\" is given twice, first on line 2");
}

}  // namespace raibid::preset_test
