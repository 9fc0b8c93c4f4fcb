#include "unit/cli/fixture.hpp"

#include <doctest/doctest.h>

using namespace raibid;
using raibid::test::CommandLine;

TEST_SUITE("cli: settings of a run") {
  TEST_CASE("flag beats variable beats file beats preset beats default") {
    CommandLine run;
    CHECK(run({"setup", "redis"}) == 0);
    CHECK(run.printed("size=8Gi (preset raibid"));
    CHECK(run.printed("namespace=raibid-redis (preset raibid"));

    run.write(".raibid/config.yaml", "# mine\nsize: 3Gi\n");
    CHECK(run({"setup", "redis"}) == 0);
    CHECK(run.printed("size=3Gi (~/.raibid/config.yaml:2)\n"));

    run.environment["RAIBID_SIZE"] = "4Gi";
    CHECK(run({"setup", "redis"}) == 0);
    CHECK(run.printed("size=4Gi (RAIBID_SIZE)\n"));

    CHECK(run({"setup", "redis", "--size", "5Gi"}) == 0);
    CHECK(run.printed("size=5Gi (--size)\n"));
  }

  TEST_CASE("every command knows every setting of its component") {
    CommandLine run;
    run.write(".raibid/config.yaml", "stream: other\nbucket: b\n");
    CHECK(run({"status"}) == 0);
    CHECK(run.printed("stream=other (~/.raibid/config.yaml:1)\n"));
    CHECK(run.printed("bucket=b (~/.raibid/config.yaml:2)\n"));
  }

  TEST_CASE("RAIBID_HOME moves the file, --config and RAIBID_CONFIG name another") {
    CommandLine run;
    run.write(".raibid/config.yaml", "size: 1Gi\n");
    run.write("elsewhere/config.yaml", "size: 2Gi\n");
    const std::string other = run.write("other.yaml", "size: 3Gi\n");
    const std::string third = run.write("third.yaml", "size: 4Gi\n");

    run.environment["RAIBID_HOME"] = (run.folder / "elsewhere").string();
    CHECK(run({"status"}) == 0);
    CHECK(run.printed("size=2Gi (~/elsewhere/config.yaml:1)\n"));
    run.environment["RAIBID_CONFIG"] = other;
    CHECK(run({"status"}) == 0);
    CHECK(run.printed("size=3Gi (~/other.yaml:1)\n"));
    CHECK(run({"status", "--config", third}) == 0);
    CHECK(run.printed("size=4Gi (~/third.yaml:1)\n"));
  }

  TEST_CASE("a file that was named must be there") {
    CommandLine run;
    CHECK(run({"status", "--config", "/nowhere/at/all.yaml"}) == 2);
    CHECK(run.said("error: --config: there is no file /nowhere/at/all.yaml\n"));
    run.environment["RAIBID_CONFIG"] = "/nowhere.yaml";
    CHECK(run({"status"}) == 2);
    CHECK(run.said("error: RAIBID_CONFIG: there is no file /nowhere.yaml\n"));
  }

  TEST_CASE("bad files are usage errors that name file and line") {
    CommandLine run;
    run.write(".raibid/config.yaml", "size: 1Gi\nsise: 3Gi\n");
    CHECK(run({"setup", "redis"}) == 2);
    CHECK(run.said("~/.raibid/config.yaml:2"));
    CHECK(run.said("size"));
    run.write(".raibid/config.yaml", "size: 8G i\n");
    CHECK(run({"setup", "redis"}) == 2);
    CHECK(run.said("~/.raibid/config.yaml:1"));
    CHECK(run({"status", "--config", run.folder.string()}) == 2);
    const std::string binary = run.write("binary", std::string("\x7f"
                                                               "ELF\0\1\2",
                                                               7));
    CHECK(run({"status", "--config", binary}) == 2);
  }

  TEST_CASE("the preset may come from a flag, a variable or the file, by name or path") {
    CommandLine run;
    const std::string mine =
        run.write("mine.yaml", "name: mine\ndescription: my own\nsettings: {size: 7Gi, namespace: mine}\n");
    CHECK(run({"status", "--preset", mine}) == 0);
    CHECK(run.printed("size=7Gi"));
    CHECK(run.printed("namespace=mine"));
    run.environment["RAIBID_PRESET"] = mine;
    CHECK(run({"status"}) == 0);
    CHECK(run.printed("size=7Gi"));
    run.environment.erase("RAIBID_PRESET");
    run.write(".raibid/config.yaml", "preset: " + mine + "\n");
    CHECK(run({"status"}) == 0);
    CHECK(run.printed("size=7Gi"));
    CHECK(run({"status", "--preset", "raibid"}) == 0);
    CHECK(run.printed("size=8Gi"));
  }

  TEST_CASE("a preset that does not exist") {
    CommandLine run;
    CHECK(run({"setup", "redis", "--preset", "raibit"}) == 2);
    CHECK(run.said("raibit"));
    CHECK(run.said("did you mean raibid?"));
  }

  TEST_CASE("bad values are usage errors that name the option") {
    CommandLine run;
    for (const auto& [option, value] : std::vector<std::pair<std::string, std::string>>{{"--size", "8G i"},
                                                                                        {"--size", "-1Mi"},
                                                                                        {"--max-length", "many"},
                                                                                        {"--timeout", "soon"},
                                                                                        {"--timeout", "0s"},
                                                                                        {"--output", "xml"},
                                                                                        {"--target", "docker"},
                                                                                        {"--color", "blue"},
                                                                                        {"--cpu-limit", "fast"}}) {
      CAPTURE(option);
      CHECK(run({"setup", "redis", option, value}) == 2);
      CHECK(run.said("error: " + option));
      CHECK(run.out.empty());
    }
  }

  TEST_CASE("the deadline is the timeout from now") {
    CommandLine run;
    run({"status"});
    CHECK(run.printed("seconds: 300\n"));
    run({"status", "--timeout", "1m30s"});
    CHECK(run.printed("seconds: 90\n"));
  }

  TEST_CASE("without a home there is no place to work") {
    CommandLine run;
    run.environment.erase("HOME");
    CHECK(run({"status"}) == 3);
    CHECK(run.said("RAIBID_HOME"));
    CHECK(run({"version"}) == 0);
    CHECK(run({"completion", "bash"}) == 0);
    CHECK(run({"--help"}) == 0);
  }

  TEST_CASE("a damaged file does not take away help, version and completion") {
    CommandLine run;
    run.write(".raibid/config.yaml", "{{{");
    CHECK(run({"status"}) == 2);
    CHECK(run({"version"}) == 0);
    CHECK(run({"completion", "zsh"}) == 0);
    CHECK(run({"help", "setup", "redis"}) == 0);
  }
}
