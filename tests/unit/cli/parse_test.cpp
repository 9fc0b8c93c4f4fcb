#include "cli/problems.hpp"
#include "unit/cli/fixture.hpp"

#include <doctest/doctest.h>

using namespace raibid;
using raibid::test::CommandLine;

TEST_SUITE("cli: parsing") {
  TEST_CASE("a command gets its options with the flag as their origin") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--size", "2Gi", "--no-auth", "-f", "a.yaml", "--values=b.yaml", "--max-length",
               "-5"}) == 0);
    CHECK(run.printed("size=2Gi (--size)\n"));
    CHECK(run.printed("no-auth=true (--no-auth)\n"));
    CHECK(run.printed("values=a.yaml,b.yaml (--values)\n"));
    CHECK(run.printed("max-length=-5 (--max-length)\n"));
  }

  TEST_CASE("global options may stand in front of the command, inside it and behind it") {
    for (const std::vector<std::string>& line :
         std::vector<std::vector<std::string>>{{"-n", "jobs", "setup", "redis"},
                                               {"setup", "-n", "jobs", "redis"},
                                               {"setup", "redis", "-n", "jobs"},
                                               {"--namespace=jobs", "setup", "redis"},
                                               {"setup", "redis", "-njobs"}}) {
      CommandLine run;
      CHECK(run(line) == 0);
      CHECK(run.printed("namespace=jobs (--namespace)\n"));
    }
  }

  TEST_CASE("a value that is a command's name stays a value") {
    CommandLine run;
    CHECK(run({"-n", "setup", "status"}) == 0);
    CHECK(run.printed("namespace=setup (--namespace)\n"));
    CHECK(run({"setup", "redis", "--stream", "status", "--group", "redis"}) == 0);
    CHECK(run.printed("stream=status (--stream)\n"));
    CHECK(run.printed("group=redis (--group)\n"));
  }

  TEST_CASE("values come through as they are") {
    for (const std::string value : {"[a,b]", "{}", "a,b", "\"quoted\"", "a b", "'x'", "a=b=c", "-", "ünï"}) {
      CommandLine run;
      CHECK(run({"setup", "redis", "--stream", value, "--set", value}) == 0);
      CHECK(run.printed("stream=" + value + " (--stream)\n"));
      CHECK(run.printed("set=" + value + " (--set)\n"));
    }
  }

  TEST_CASE("flags can be given a value, and the last of several counts") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--no-auth=false", "--adopt=true"}) == 0);
    CHECK(run.printed("no-auth=false (--no-auth)\n"));
    CHECK(run.printed("adopt=true (--adopt)\n"));
    CHECK(run({"setup", "redis", "--no-auth", "--no-auth=false", "--size", "1Gi", "--size", "2Gi"}) == 0);
    CHECK(run.printed("no-auth=false (--no-auth)\n"));
    CHECK(run.printed("size=2Gi (--size)\n"));
    CHECK(run({"setup", "redis", "--no-auth=perhaps"}) == 2);
    CHECK(run.said("--no-auth: "));
    CHECK(run.said("perhaps"));
  }

  TEST_CASE("letters can stand together") {
    CommandLine run;
    CHECK(run({"status", "-vyn", "jobs"}) == 0);
    CHECK(run.printed("verbose=true (--verbose)\n"));
    CHECK(run.printed("yes=true (--yes)\n"));
    CHECK(run.printed("namespace=jobs (--namespace)\n"));
  }

  TEST_CASE("what stands behind -- goes through untouched") {
    CommandLine run;
    CHECK(run({"connect", "redis", "-n", "jobs", "--", "redis-cli", "-n", "3", "--help", "--", "status", ""}) == 0);
    CHECK(run.printed("arguments: redis-cli|-n|3|--help|--|status|\n"));
    CHECK(run.printed("namespace=jobs (--namespace)\n"));
    CHECK(run({"connect", "redis", "--"}) == 0);
    CHECK(run.printed("arguments: \n"));
    CHECK(run({"connect", "redis"}) == 0);
  }

  TEST_CASE("words go to the commands that take them") {
    CommandLine run;
    CHECK(run({"export", "redis", "env", "-n", "jobs", "more"}) == 0);
    CHECK(run.printed("arguments: env|more\n"));
  }

  TEST_CASE("the verbs that look may leave out the component when only one can be meant") {
    CommandLine run;
    CHECK(run({"status"}) == 0);
    CHECK(run({"status", "redis"}) == 0);
    CHECK(run({"doctor", "--size", "1Gi"}) == 0);
    CHECK(run.printed("size=1Gi (--size)\n"));
    CHECK(run({"doctor", "--size", "1Gi", "redis"}) == 0);
    CHECK(run.printed("size=1Gi (--size)\n"));

    run.components.push_back({"minio2", "another", {run.components.front().commands[1]}});
    CHECK(run({"status"}) == 2);
    CHECK(run.said("error: 'status' needs a component: redis, minio2\n"));
    CHECK(run({"status", "minio2"}) == 0);
  }

  TEST_CASE("the verbs that change something never guess") {
    CommandLine run;
    CHECK(run({"teardown"}) == 2);
    CHECK(run.said("error: 'teardown' needs a component: redis\n"));
    CHECK(run.said("hint: run: raibid-cli teardown redis\n"));
    CHECK(run({"setup", "--yes"}) == 2);
    CHECK(run.said("needs a component: redis, minio\n"));
    CHECK(run({"config"}) == 2);
    CHECK(run.said("error: 'config' needs one of: show, set, unset, use\n"));
  }
}

TEST_SUITE("cli: mistakes in the command line") {
  TEST_CASE("an unknown command") {
    CommandLine run;
    CHECK(run({"setpu", "redis"}) == 2);
    CHECK(run.said("error: unknown command 'setpu'; did you mean setup?\n"));
    CHECK(run.said("hint: run: raibid-cli setup redis\n"));
    CHECK(run({"frobnicate"}) == 2);
    CHECK(run.said("error: unknown command 'frobnicate'\n"));
    CHECK(run.said("hint: 'raibid-cli --help' lists the commands\n"));
    CHECK(run.out.empty());
  }

  TEST_CASE("another tool's word for a command names ours") {
    const std::vector<std::pair<std::string, std::string>> words = {
        {"install", "setup redis"},   {"deploy", "setup redis"},         {"Uninstall", "teardown redis"},
        {"delete", "teardown redis"}, {"list", "status --all"},          {"ls", "status --all"},
        {"check", "doctor"},          {"port-forward", "connect redis"}, {"redis-cli", "connect redis -- redis-cli"}};
    for (const auto& [word, command] : words) {
      CommandLine run;
      CHECK(run({word, "redis"}) == 2);
      CHECK(run.said("unknown command '" + word + "'; here it is called"));
      CHECK(run.said("hint: run: raibid-cli " + command + "\n"));
    }
  }

  TEST_CASE("every command that stands for another tool's word is one") {
    CommandLine run;
    run.components = components();
    for (const std::string_view word : foreign_words()) {
      CHECK(run({std::string(word)}) == 2);
      INFO(word);
      CHECK(run.said("here it is called"));
    }
  }

  TEST_CASE("another tool's option names ours") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--wait"}) == 2);
    CHECK(run.said("hint: leave it out: setup waits until Redis is ready"));
    CHECK(run({"status", "redis", "--json"}) == 2);
    CHECK(run.said("hint: write it as -o json\n"));
    CHECK(run({"teardown", "redis", "--force"}) == 2);
    CHECK(run.said("hint: write it as --yes\n"));
  }

  TEST_CASE("a short option may have a = before its value") {
    CommandLine run;
    CHECK(run({"config", "show", "-o=json"}) == 0);
    CHECK(run.out.starts_with("["));
  }

  TEST_CASE("an option whose value may be left out takes only one with =") {
    CommandLine run;
    run.components[0].commands[1].options.push_back(
        {.name = "wait", .help = "for it", .kind = OptionKind::duration, .implicit_value = "5m"});
    CHECK(run({"status", "redis"}) == 0);
    CHECK_FALSE(run.printed("wait="));
    CHECK(run({"status", "--wait", "redis"}) == 0);
    CHECK(run.printed("wait=5m (--wait)"));
    CHECK(run({"status", "redis", "--wait=90s"}) == 0);
    CHECK(run.printed("wait=90s (--wait)"));
    CHECK(run({"status", "redis", "--wait=soon"}) == 2);
    CHECK(run({"status", "redis", "--wait", "90s"}) == 2);
    CHECK(run.said("hint: a value of --wait is written with '=': --wait=90s\n"));
    CHECK(run({"status", "--wait", "90s"}) == 2);
    CHECK(run.said("--wait=90s\n"));
    CHECK(run({"status", "redis", "--wait", "soon"}) == 2);
    CHECK(run.said("unexpected argument 'soon'"));
    CHECK(run({"help", "status"}) == 0);
    CHECK(run.printed("--wait[=TIME]"));
  }

  TEST_CASE("an unknown component") {
    CommandLine run;
    CHECK(run({"setup", "reddis"}) == 2);
    CHECK(run.said("error: unknown component 'reddis' after 'setup'; did you mean redis?\n"));
    CHECK(run.said("raibid-cli setup redis"));
    CHECK(run({"status", "postgres"}) == 2);
    CHECK(run.said("unknown component 'postgres'"));
    CHECK(run({"completion", "tcsh"}) == 2);
    CHECK(run.said("unknown word 'tcsh' after 'completion'"));
    CHECK(run.said("there are: bash, zsh, fish"));
  }

  TEST_CASE("words in the wrong order") {
    CommandLine run;
    CHECK(run({"redis", "setup"}) == 2);
    CHECK(run.said("error: 'redis' comes after 'setup'\n"));
    CHECK(run({"redis"}) == 2);
    CHECK(run.said("error: 'redis' is a component; the command comes first\n"));
    CHECK(run.said("hint: run: raibid-cli setup redis\n"));
  }

  TEST_CASE("an unknown option") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--sise", "3Gi"}) == 2);
    CHECK(run.said("error: unknown option --sise of 'raibid-cli setup redis'; did you mean --size?\n"));
    CHECK(run.said("hint: 'raibid-cli setup redis --help' lists the options\n"));
    CHECK(run({"setup", "redis", "--sise=3Gi"}) == 2);
    CHECK(run.said("error: unknown option --sise of"));
    CHECK(run({"--namspace", "x", "status"}) == 2);
    CHECK(run.said("did you mean --namespace?"));
    CHECK(run({"-Z"}) == 2);
    CHECK(run.said("error: unknown option -Z\n"));
    CHECK(run({"status", "-vZ"}) == 2);
    CHECK(run.said("error: unknown option -Z of 'raibid-cli status redis'\n"));
  }

  TEST_CASE("an option of another command, and one in front of its own") {
    CommandLine run;
    CHECK(run({"status", "--size", "3Gi"}) == 2);
    CHECK(run.said("hint: it is an option of another command: raibid-cli setup redis --size 3Gi\n"));
    CHECK(run({"status", "--size=3 Gi"}) == 2);
    CHECK(run.said("hint: it is an option of another command: raibid-cli setup redis '--size=3 Gi'\n"));
    CHECK(run({"--size", "3Gi", "setup", "redis"}) == 2);
    CHECK(run.said("raibid-cli setup redis --size 3Gi\n"));
    CHECK(run({"status", "--size"}) == 2);  // which one only the user knows
    CHECK(run.said("it is an option of another command: raibid-cli setup redis --help\n"));
    CHECK(run({"setup", "minio", "--no-auth"}) == 2);
    CHECK(run.said("it is an option of another command: raibid-cli setup redis --no-auth\n"));
  }

  TEST_CASE("an option without its value") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--size"}) == 2);
    CHECK(run.said("error: --size needs a value\n"));
    CHECK(run({"setup", "redis", "-n"}) == 2);
    CHECK(run.said("error: -n needs a value\n"));
    CHECK(run({"setup", "redis", "--stream=", "--no-auth"}) == 2);
    CHECK(run.said("error: --stream needs a value\n"));
    CHECK(run({"--namespace=", "status"}) == 2);
  }

  TEST_CASE("a word too many") {
    CommandLine run;
    CHECK(run({"setup", "redis", "now"}) == 2);
    CHECK(run.said("error: unexpected argument 'now': 'raibid-cli setup redis' takes none\n"));
    CHECK(run({"setup", "redis", "status"}) == 2);
    CHECK(run.said("unexpected argument 'status'"));
    CHECK(run({"setup", "redis", "setup", "redis"}) == 2);
    CHECK(run({"setup", "redis", "minio"}) == 2);
    CHECK(run({"status", "redis", "redis"}) == 2);
    CHECK(run({"setup", "redis", "--", "x"}) == 2);
    CHECK(run.said("unexpected argument '--'"));
    CHECK(run({"version", "now"}) == 2);
    CHECK(run({"--", "setup", "redis"}) == 2);
    CHECK(run.said("no command before '--'"));
  }

  TEST_CASE("a command for connect without the dashes") {
    CommandLine run;
    CHECK(run({"connect", "redis", "redis-cli", "PING"}) == 2);
    CHECK(run.said("error: unexpected argument 'redis-cli': put the command after '--'\n"));
    CHECK(run.said("hint: run: raibid-cli connect redis -- redis-cli PING\n"));
  }

  TEST_CASE("a mistake is said without control characters") {
    CommandLine run;
    CHECK(run({"set\x1b[31mup"}) == 2);
    CHECK(run.err.find('\x1b') == std::string::npos);
  }
}
