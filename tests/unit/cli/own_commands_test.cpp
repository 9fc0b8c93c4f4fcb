#include "unit/cli/fixture.hpp"

#include "cli/command_table.hpp"
#include "cli/help.hpp"
#include "cli/parse.hpp"
#include "components/redis/settings/options.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/registry.hpp"
#include "config/settings.hpp"
#include "config/yaml.hpp"
#include "support/shell_words.hpp"
#include "ui/text.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <regex>

using namespace raibid;
using nlohmann::ordered_json;
using raibid::test::CommandLine;
using raibid::test::shell_words;

namespace {

ordered_json setting(const ordered_json& list, const std::string& name) {
  for (const ordered_json& row : list) {
    if (row.at("name") == name) return row;
  }
  FAIL("no setting " << name);
  return {};
}

}  // namespace

TEST_SUITE("cli: config show") {
  TEST_CASE("every setting with its value and origin") {
    CommandLine run;
    run.write(".raibid/config.yaml", "allow-from: [a, b]\n");
    run.environment["RAIBID_SIZE"] = "4Gi";
    CHECK(run({"config", "show", "-n", "jobs"}) == 0);
    CHECK(run.out.starts_with("NAME "));
    for (const OptionSpec& option : all_options(run.components)) {
      CAPTURE(option.name);
      CHECK(run.printed("\n" + std::string(option.name) + " ") == !option.flag_only);
    }
    CHECK(run.printed("a, b "));
    CHECK(run.printed("RAIBID_SIZE\n"));
    CHECK(run.printed("--namespace\n"));
    CHECK(run.printed("~/.raibid/config.yaml:1\n"));
  }

  TEST_CASE("for programs: names, typed values, origins") {
    CommandLine run;
    run.environment["RAIBID_MAX_LENGTH"] = "17";
    CHECK(run({"config", "show", "-o", "json"}) == 0);
    const ordered_json list = ordered_json::parse(run.out);
    CHECK(setting(list, "max-length") ==
          ordered_json::parse(R"({"name": "max-length", "value": 17, "origin": "RAIBID_MAX_LENGTH"})"));
    CHECK(setting(list, "output") ==
          ordered_json::parse(R"({"name": "output", "value": "json", "origin": "--output"})"));
    CHECK(setting(list, "no-auth").at("value") == false);
    CHECK(setting(list, "values").at("value") == ordered_json::array());
    CHECK(setting(list, "kubeconfig").at("value").is_null());
    CHECK(setting(list, "kubeconfig").at("origin") == "default");
    CHECK(run({"config", "show", "-o", "yaml"}) == 0);
    CHECK(setting(parse_yaml(run.out, "out"), "max-length").at("value") == 17);
  }

  TEST_CASE("never a secret") {
    CommandLine run;
    for (const std::string format : {"table", "json", "yaml"}) {
      CHECK(run({"config", "show", "-o", format}) == 0);
      run.environment["RAIBID_SET"] = "auth.password=hunter2\nauth.existingSecret=mine\nmaster.port=1";
      run.environment["RAIBID_URL"] = "redis://app:hunter2@cache.example:6379/0";
      CHECK(run({"config", "show", "-o", format}) == 0);
      CHECK_FALSE(run.printed("hunter2"));
      CHECK(run.printed("auth.password=***"));
      CHECK(run.printed("redis://app:***@cache.example:6379/0"));
      CHECK(run.printed("master.port=1"));
      CHECK_FALSE(run.said("hunter2"));
    }
  }

  TEST_CASE("a value that is not UTF-8 does not take the answer away") {
    CommandLine run;
    run.environment["RAIBID_CONTEXT"] = "a\xff";
    CHECK(run({"config", "show", "-o", "json"}) == 0);
    CHECK(ordered_json::accept(run.out));
  }
}

TEST_SUITE("cli: version") {
  TEST_CASE("one line") {
    CommandLine run;
    CHECK(run({"--version"}) == 0);
    CHECK(run.out == "raibid-cli " RAIBID_VERSION "\n");
    CHECK(run({"setup", "redis", "--version"}) == 0);
    CHECK(run.out == "raibid-cli " RAIBID_VERSION "\n");
  }

  TEST_CASE("with the charts and images that are compiled in") {
    CommandLine run;
    CHECK(run({"version"}) == 0);
    CHECK(run.out.starts_with("raibid-cli " RAIBID_VERSION "\nchart redis "));
    CHECK(run({"version", "-o", "json"}) == 0);
    const ordered_json result = ordered_json::parse(run.out);
    CHECK(result.at("version") == RAIBID_VERSION);
    const ordered_json& chart = result.at("charts").at(0);
    CHECK(chart.at("name") == "redis");
    CHECK_FALSE(chart.at("version").get<std::string>().empty());
    CHECK_FALSE(chart.at("app_version").get<std::string>().empty());
    const std::vector<std::string> images = chart.at("images");
    const auto names = [&images](const std::string& part) {
      return std::count_if(images.begin(), images.end(),
                           [&part](const std::string& image) { return image.find(part) != std::string::npos; });
    };
    CHECK(names("library/redis:" + chart.at("app_version").get<std::string>()) == 1);
    CHECK(names("redis_exporter:v") == 1);
    CHECK(run({"version", "-o", "yaml"}) == 0);
    CHECK(parse_yaml(run.out, "out").at("charts").at(0).at("name") == "redis");
    CHECK(run({"version", "-o", "xml"}) == 2);
  }
}

TEST_SUITE("cli: help") {
  TEST_CASE("without arguments, with --help and with help: a first screen of 24 rows and 80 columns") {
    CommandLine run;
    run.components = components();
    CHECK(run({}) == 0);
    const std::string text = run.out;
    CHECK(text.find("Usage: raibid-cli COMMAND [options]\n") != std::string::npos);
    for (const std::string usage :
         {"setup redis ", "status redis ", "connect redis ", "smoke redis ", "teardown redis "}) {
      CAPTURE(usage);
      CHECK(text.find("\n  " + usage) != std::string::npos);
    }
    const CommandTable table(components());
    for (const std::string& verb : table.verbs()) CHECK_MESSAGE(text.find(verb) != std::string::npos, verb);
    const std::vector<std::string> lines = split(text, '\n');
    CHECK(lines.size() - 1 <= 24);
    for (const std::string& line : lines) CHECK_MESSAGE(display_width(line) <= 80, line);
    CHECK(run({"--help"}) == 0);
    CHECK(run.out == text);
    CHECK(run({"-h"}) == 0);
    CHECK(run.out == text);
    CHECK(run({"help"}) == 0);
    CHECK(run.out == text);
    CHECK(run.err.empty());
  }

  TEST_CASE("help all: every command, the options of all, settings and exit codes") {
    CommandLine run;
    CHECK(run({"help", "all"}) == 0);
    for (const std::string usage :
         {"setup redis ", "setup minio ", "status [redis] ", "connect redis [-- COMMAND …] ", "export redis FORMAT ",
          "config show ", "completion fish ", "version ", "help [COMMAND|all] "}) {
      CAPTURE(usage);
      CHECK(run.printed("\n  " + usage));
    }
    for (const OptionSpec& option : global_options()) CHECK(run.printed("--" + std::string(option.name)));
    CHECK(run.printed("Exit codes: 0 done"));
  }

  TEST_CASE("every command ends with examples that parse, and the first word of each names it") {
    const CommandTable table(components());
    for (const CommandRow& row : table.rows()) {
      CAPTURE(row.name());
      CHECK(!row.examples.empty());
      CHECK(row.examples.size() <= 3);
      for (const std::string& example : row.examples) {
        CAPTURE(example);
        std::vector<std::string> words;
        for (const std::string& word : shell_words(example)) {
          if (word == ">") break;
          words.push_back(word);
        }
        REQUIRE(words.at(0) == "raibid-cli");
        words.erase(words.begin());
        CHECK(parse_arguments(table, words).row == &row);
      }
      CommandLine run;
      run.components = components();
      CHECK(run({"help", row.verb, row.object}) == 0);
      CHECK(run.out.ends_with("  " + row.examples.back() + "\n"));
    }
  }

  TEST_CASE("wraps at the width of the terminal, and at 80 columns in a pipe") {
    const CommandTable table(components());
    for (const std::size_t width : {40, 80, 100}) {
      for (const CommandRow& row : table.rows()) {
        for (const std::string& line : split(help_text(table, row.verb, row.object, width), '\n')) {
          const bool code = line.find("raibid-cli") != std::string::npos || line.find('|') != std::string::npos;
          if (!code) CHECK_MESSAGE(display_width(line) <= width, line);
        }
      }
    }
    Terminal terminal;
    terminal.width = [] { return 66; };
    CHECK(help_width(terminal) == 80);
    terminal.results_rewrite = true;
    CHECK(help_width(terminal) == 66);
  }

  TEST_CASE("of every command: its options with defaults and variables, and the global ones") {
    CommandLine run;
    const CommandTable table(run.components);
    for (const CommandRow& row : table.rows()) {
      CAPTURE(row.name());
      std::vector<std::string> words = {row.verb};
      if (!row.object.empty()) words.push_back(row.object);
      words.emplace_back("--help");
      CHECK(run(words) == 0);
      CHECK(run.printed("Usage: raibid-cli " + row.usage()));
      CHECK(run.printed(row.summary));
      for (const OptionSpec& option : row.options) {
        CAPTURE(option.name);
        CHECK(run.printed("--" + std::string(option.name)));
        // not the beginning of a longer one: RAIBID_ADOPT of RAIBID_ADOPT_SERVICE
        const std::regex variable(variable_name(option.name) + "(?![A-Z_])");
        CHECK(std::regex_search(run.out, variable) == !option.flag_only);
      }
      if (!row.own) CHECK(run.printed("--timeout TIME"));
    }
    CHECK(run({"setup", "redis", "--help"}) == 0);
    CHECK(run.printed("\nStorage:\n      --size SIZE "));
    CHECK(run.printed("of the claim [default 8Gi; RAIBID_SIZE]\n"));
    CHECK(run.printed("-f, --values FILE "));
    CHECK(run.printed("[repeatable;"));
    CHECK(run.printed("--output table|json|yaml"));
  }

  TEST_CASE("of a verb with several components, and of one that may be left out") {
    CommandLine run;
    CHECK(run({"setup", "--help"}) == 0);
    CHECK(run.printed("setup redis"));
    CHECK(run.printed("setup minio"));
    CHECK(run({"help", "setup"}) == 0);
    CHECK(run.printed("setup minio"));
    CHECK(run({"teardown", "--help"}) == 0);
    CHECK(run.printed("Usage: raibid-cli teardown redis"));
    CHECK(run({"status", "--help"}) == 0);
    CHECK(run.printed("Usage: raibid-cli status [redis]"));
  }

  TEST_CASE("wins over options that are missing or wrong, not over commands that are") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--bogus", "--help"}) == 0);
    CHECK(run.printed("Usage: raibid-cli setup redis"));
    CHECK(run({"setpu", "--help"}) == 2);
    CHECK(run.said("did you mean setup?"));
    CHECK(run({"help", "setpu"}) == 2);
    CHECK(run.said("did you mean setup?"));
    CHECK(run({"help", "setup", "reddis"}) == 2);
    CHECK(run.said("did you mean redis?"));
    CHECK(run({"help", "setup", "redis", "now"}) == 2);
  }

  TEST_CASE("lines stay readable") {
    CommandLine run;
    for (const std::vector<std::string>& words :
         std::vector<std::vector<std::string>>{{}, {"setup", "redis", "--help"}, {"version", "--help"}}) {
      CHECK(run(words) == 0);
      std::istringstream lines(run.out);
      for (std::string line; std::getline(lines, line);) {
        CAPTURE(line);
        CHECK(line.size() <= 120);
        CHECK((line.empty() || line.back() != ' '));
      }
    }
  }
}

TEST_SUITE("cli: presets") {
  TEST_CASE("the list, for people and for programs") {
    CommandLine run;
    CHECK(run({"presets"}) == 0);
    CHECK(run.out.starts_with("NAME "));
    for (const char* name : {"raibid", "mxclone", "will-it-compile", "mirai", "sla-management"})
      CHECK(run.printed(std::string("\n") + name + " "));
    CHECK(run({"presets", "list", "-o", "json"}) == 0);
    const ordered_json list = ordered_json::parse(run.out);
    CHECK(list.size() == 5);
    CHECK(list[0].at("name") == "mirai");
    CHECK(list[0].at("services") == ordered_json::parse(R"(["redis"])"));
    CHECK(list[0].at("smoke") == ordered_json::parse(R"(["asynq-queue", "cache-ttl"])"));
  }

  TEST_CASE("one, with its comments, also when another preset was chosen that is not there") {
    CommandLine run;
    run.environment["RAIBID_PRESET"] = "gone";
    CHECK(run({"presets", "show", "mxclone"}) == 0);
    CHECK(run.out.starts_with("# mxclone: "));
    CHECK(run.printed("\n  # Configuration: these override config.yaml\n"));
    CHECK(run({"presets", "show", "mxclone", "-o", "json"}) == 0);
    CHECK(ordered_json::parse(run.out).at("settings").at("release") == "mxclone-redis");
    CHECK(run({"presets", "show", "mxclon"}) == 2);
    CHECK(run.err.find("did you mean mxclone?") != std::string::npos);
    CHECK(run({"presets", "show"}) == 2);
    CHECK(run({"presets", "show", "a", "b"}) == 2);
  }

  TEST_CASE("a new one is a preset, says everything that one can say, and is never written over a file") {
    CommandLine run;
    const std::string file = (run.folder / "team-a.yaml").string();
    CHECK(run({"presets", "new", file, "--dry-run"}) == 0);
    CHECK(run.printed("team-a.yaml would be written"));
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(run({"presets", "new", file}) == 0);
    CHECK(run({"presets", "new", file, "--dry-run"}) == 2);
    CHECK(run({"presets", "show", file}) == 0);
    CHECK(run.printed("\nname: team-a\n"));
    CHECK(run.printed("\n  release: team-a-redis\n"));
    const std::string before = run.out;
    CHECK(run({"presets", "new", file}) == 2);
    CHECK(run.err.find("already exists") != std::string::npos);
    CHECK(run({"presets", "show", file}) == 0);
    CHECK(run.out == before);
    for (const OptionSpec& option : redis_options()) {
      if (option.flag_only || option.name == "stream" || option.name == "group" || option.name == "allow-from")
        continue;
      CAPTURE(option.name);
      CHECK(before.find(" " + std::string(option.name) + ": ") != std::string::npos);
    }
    for (const char* key :
         {"redis", "holds", "streams", "services", "clients", "security-context", "environment", "smoke", "accepted"}) {
      CAPTURE(key);
      CHECK((run.printed(std::string("\n") + key + ":") || run.printed(std::string("\n# ") + key + ":")));
    }
  }

  TEST_CASE("a preset with a mistake: file, line and the nearest key") {
    CommandLine run;
    const std::string file = (run.folder / "mine.yaml").string();
    run.write("mine.yaml", "name: mine\nsettings:\n  sise: 1Gi\n");
    CHECK(run({"presets", "show", file}) == 2);
    CHECK(run.err.find("mine.yaml:3") != std::string::npos);
    CHECK(run.err.find("size") != std::string::npos);
  }
}
