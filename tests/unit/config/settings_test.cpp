#include "config/settings.hpp"

#include "support/errors.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <stdexcept>

namespace raibid::settings_test {

namespace {

const std::vector<OptionSpec>& options() {
  static const std::vector<OptionSpec> all = [] {
    std::vector<OptionSpec> rows = global_options();
    rows.push_back({.name = "size", .help = "", .kind = OptionKind::bytes, .default_value = "8Gi"});
    rows.push_back({.name = "cpu-limit", .help = "", .kind = OptionKind::cpu});
    rows.push_back({.name = "max-length", .help = "", .kind = OptionKind::integer});
    rows.push_back({.name = "allow-from", .help = "", .kind = OptionKind::list});
    rows.push_back({.name = "no-auth", .help = "", .kind = OptionKind::flag});
    rows.push_back({.name = "image", .help = ""});
    return rows;
  }();
  return all;
}

SettingMap given(std::string_view name, std::vector<std::string> values, std::string where = "") {
  return {{std::string(name), Setting{std::move(values), {Source::flag, std::move(where)}}}};
}

struct Sources {
  SettingMap flags = {};
  Environment environment = {};
  SettingMap file = {};
  SettingMap preset = {};
};

Settings resolve(const Sources& sources, std::vector<std::string>* warnings = nullptr) {
  std::vector<std::string> unheeded;
  return resolve_settings(options(), sources.flags, sources.environment, sources.file, sources.preset,
                          warnings ? *warnings : unheeded);
}

std::string refusal(const Sources& sources) {
  ExitCode code = ExitCode::ok;
  const std::string message = tests::message_of([&] { resolve(sources); }, &code);
  if (!message.empty()) CHECK(code == ExitCode::usage);
  return message;
}

}  // namespace

TEST_CASE("a path may begin with ~ in every source, and nothing else may") {
  Sources sources;
  sources.environment = {{"HOME", "/home/a %s 'b'"}, {"RAIBID_KUBECONFIG", "~/k"}, {"RAIBID_CONTEXT", "~/c"}};
  sources.file = given("preset", {"~/p.yaml"}, "~/.raibid/config.yaml:1");
  sources.flags = given("config", {"~/c.yaml"});
  const Settings settings = resolve(sources);
  CHECK(settings.text("kubeconfig") == "/home/a %s 'b'/k");
  CHECK(settings.text("preset") == "/home/a %s 'b'/p.yaml");
  CHECK(settings.text("config") == "/home/a %s 'b'/c.yaml");
  CHECK(settings.text("context") == "~/c");
}

TEST_CASE("an empty value is refused where someone wrote it, and an empty variable is none") {
  Sources flag;
  flag.flags = given("context", {""});
  CHECK(refusal(flag) == "--context: the value is empty");
  Sources file;
  file.file = given("image", {""}, "~/.raibid/config.yaml:2");
  CHECK(refusal(file) == "~/.raibid/config.yaml:2: image: the value is empty");
  Sources variable;
  variable.environment = {{"RAIBID_IMAGE", ""}};
  CHECK_FALSE(resolve(variable).is_set("image"));
}

TEST_CASE("a higher source replaces a lower one, lists included") {
  Sources sources;
  CHECK(resolve(sources).text("size") == "8Gi");
  CHECK(resolve(sources).origin("size").source == Source::default_value);
  CHECK(resolve(sources).origin("size").where == "default");

  sources.preset = given("size", {"1Gi"}, "preset raibid:3");
  CHECK(resolve(sources).origin("size").source == Source::preset);
  CHECK(resolve(sources).origin("size").where == "preset raibid:3");
  CHECK(resolve(sources).bytes("size") == 1LL << 30);

  sources.file = given("size", {"2Gi"}, "~/.raibid/config.yaml:3");
  CHECK(resolve(sources).text("size") == "2Gi");
  CHECK(resolve(sources).origin("size").source == Source::file);

  sources.environment = {{"RAIBID_SIZE", "3Gi"}};
  CHECK(resolve(sources).text("size") == "3Gi");
  CHECK(resolve(sources).origin("size").source == Source::environment);
  CHECK(resolve(sources).origin("size").where == "RAIBID_SIZE");

  sources.flags = given("size", {"4Gi"});
  CHECK(resolve(sources).text("size") == "4Gi");
  CHECK(resolve(sources).origin("size").where == "--size");

  sources.preset = given("allow-from", {"a", "b"}, "preset:1");
  sources.flags = given("allow-from", {"c"}, "--allow-from");
  CHECK(resolve(sources).list("allow-from") == std::vector<std::string>{"c"});
}

TEST_CASE("every option is there, given or not") {
  const Settings settings = resolve({});
  CHECK(settings.all().size() == options().size());
  CHECK_FALSE(settings.is_set("namespace"));
  CHECK(settings.text("namespace") == "");
  CHECK(settings.origin("namespace").where == "default");
  CHECK(settings.text("preset") == "raibid");
  CHECK(settings.text("target") == "kubernetes");
  CHECK(settings.text("output") == "table");
  CHECK(settings.duration("timeout") == std::chrono::minutes(5));
  CHECK_FALSE(settings.flag("yes"));
  CHECK(settings.text("yes") == "false");
  CHECK(settings.millicores("cpu-limit") == 0);
  CHECK(settings.integer("max-length") == 0);
  CHECK(settings.list("allow-from").empty());
  CHECK_THROWS_AS(settings.text("siez"), std::logic_error);
  CHECK_THROWS_AS(settings.origin("siez"), std::logic_error);
  CHECK_THROWS_AS(resolve({.flags = given("siez", {"1"})}), std::logic_error);
}

TEST_CASE("typed values") {
  const Settings settings = resolve(
      {.environment = {{"RAIBID_CPU_LIMIT", "0.5"}, {"RAIBID_MAX_LENGTH", "10000"}, {"RAIBID_TIMEOUT", "1h30m"}}});
  CHECK(settings.millicores("cpu-limit") == 500);
  CHECK(settings.integer("max-length") == 10000);
  CHECK(settings.duration("timeout") == std::chrono::minutes(90));
}

TEST_CASE("a value that its option does not take is named with its origin") {
  CHECK(refusal({.flags = given("size", {"8G i"})}).starts_with("--size: \"8G i\" is not a quantity"));
  CHECK(refusal({.environment = {{"RAIBID_MAX_LENGTH", "many"}}}) ==
        "RAIBID_MAX_LENGTH: \"many\" is not a whole number");
  CHECK(refusal({.environment = {{"RAIBID_MAX_LENGTH", "1e3"}}}) == "RAIBID_MAX_LENGTH: \"1e3\" is not a whole number");
  CHECK(refusal({.environment = {{"RAIBID_MAX_LENGTH", "99999999999999999999"}}}).ends_with("is not a whole number"));
  CHECK(refusal({.flags = given("target", {"loca"})}) ==
        "--target: \"loca\" is not one of kubernetes, local, external; did you mean local?");
  CHECK(refusal({.environment = {{"RAIBID_NO_AUTH", "maybe"}}}) ==
        "RAIBID_NO_AUTH: \"maybe\" is neither true nor false");
  CHECK(refusal({.file = given("timeout", {"soon"}, "c.yaml:2")}) ==
        "c.yaml:2: timeout: \"soon\" is not a duration, such as 90s, 5m or 1h30m");
  CHECK(refusal({.flags = given("output", {""})}) == "--output: \"\" is not one of table, json, yaml, junit, name");
  // also where something else would replace it: the mistake does not lie hidden
  CHECK(refusal({.flags = given("size", {"1Gi"}), .environment = {{"RAIBID_SIZE", "-1Mi"}}})
            .starts_with("RAIBID_SIZE: \"-1Mi\" is negative"));
  CHECK(refusal({.environment = {{"RAIBID_OUTPUT", std::string(100'000, 'x')}}}).size() < 200);
}

TEST_CASE("flags as variables") {
  for (const char* word : {"true", "1", "yes", "on", "TRUE", "Yes"}) {
    CAPTURE(word);
    CHECK(resolve({.environment = {{"RAIBID_YES", word}}}).flag("yes"));
  }
  for (const char* word : {"false", "0", "no", "off"}) {
    CAPTURE(word);
    CHECK_FALSE(resolve({.environment = {{"RAIBID_NO_AUTH", word}}, .preset = given("no-auth", {"true"}, "p:1")})
                    .flag("no-auth"));
  }
}

TEST_CASE("variables") {
  CHECK(variable_name("memory-limit") == "RAIBID_MEMORY_LIMIT");
  std::vector<std::string> warnings;
  const Settings settings = resolve({.environment = {{"RAIBID_HOME", "/x"},
                                                     {"RAIBID_CONFIG", "/c.yaml"},
                                                     {"RAIBID_NAMESPACE", ""},
                                                     {"RAIBID_ALLOW_FROM", "team-a/app=worker,tier=back\n\n  team-b\n"},
                                                     {"RAIBIDX", "1"},
                                                     {"RAIBI", "1"},
                                                     {"PATH", "/bin"}}},
                                    &warnings);
  CHECK(warnings.empty());
  CHECK(settings.text("config") == "/c.yaml");
  CHECK_FALSE(settings.is_set("namespace"));
  CHECK(settings.origin("namespace").source == Source::default_value);
  CHECK(settings.list("allow-from") == std::vector<std::string>{"team-a/app=worker,tier=back", "team-b"});

  resolve(
      {.environment = {{"RAIBID_SIEZ", "1"}, {"RAIBID_DRY_RUN", "true"}, {"RAIBID_", ""}, {"RAIBID_QUITE_ELSE", ""}}},
      &warnings);
  REQUIRE(warnings.size() == 4);
  CHECK(warnings[0] == "RAIBID_ is not a setting");
  CHECK(warnings[1] == "RAIBID_DRY_RUN has no effect: --dry-run can only be given on the command line");
  CHECK(warnings[2] == "RAIBID_QUITE_ELSE is not a setting");
  CHECK(warnings[3] == "RAIBID_SIEZ is not a setting; did you mean RAIBID_SIZE?");
}

TEST_CASE("no warning of what other programs of raibid read") {
  std::vector<std::string> warnings;
  resolve({.environment = {{"RAIBID_REDIS_URL", "redis://x"}, {"RAIBID_CLI", "/x"}, {"RAIBID_SERVER_PORT", "1"}}},
          &warnings);
  CHECK(warnings.empty());
}

TEST_CASE("the options that every command takes") {
  std::vector<std::string> names;
  for (const OptionSpec& option : global_options()) names.emplace_back(option.name);
  std::sort(names.begin(), names.end());
  CHECK(names == std::vector<std::string>{"adopt-service", "color",     "config", "context", "debug",    "dry-run",
                                          "kubeconfig",    "namespace", "output", "preset",  "quiet",    "release",
                                          "target",        "timeout",   "timing", "tls-ca",  "tls-cert", "tls-key",
                                          "url",           "verbose",   "yes"});
  std::string letters;
  for (const OptionSpec& option : global_options()) {
    CHECK_FALSE(option.help.empty());
    CHECK((option.kind == OptionKind::choice) == !option.choices.empty());
    if (option.letter != 0) letters += option.letter;
  }
  std::sort(letters.begin(), letters.end());
  CHECK(letters == "noqvy");
}

}  // namespace raibid::settings_test
