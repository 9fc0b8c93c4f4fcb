#include "components/registry.hpp"
#include "sys/files.hpp"
#include "unit/cli/fixture.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

#include <filesystem>

namespace raibid::config_edit_test {

using raibid::test::CommandLine;

/// Runs in a folder of the test's home, and goes back.
class InFolder {
 public:
  explicit InFolder(const std::filesystem::path& folder) : m_before(std::filesystem::current_path()) {
    std::filesystem::create_directories(folder);
    std::filesystem::current_path(folder);
  }
  ~InFolder() { std::filesystem::current_path(m_before); }
  InFolder(const InFolder&) = delete;
  InFolder& operator=(const InFolder&) = delete;

 private:
  std::filesystem::path m_before;
};

TEST_SUITE("cli: config set, unset and use") {
  TEST_CASE("set writes config.yaml, and what is there already stays") {
    CommandLine run;
    const std::filesystem::path file = run.folder / ".raibid" / "config.yaml";
    CHECK(run({"config", "set", "namespace", "jobs"}) == 0);
    CHECK(run.out == "~/.raibid/config.yaml: namespace = jobs\n");
    CHECK(run({"config", "set", "allow-from", "a", "b"}) == 0);
    CHECK(run({"config", "set", "no-auth", "true"}) == 0);
    CHECK(run({"config", "set", "max-length", "7"}) == 0);
    CHECK(read_file(file) == "namespace: jobs\nallow-from:\n  - a\n  - b\nno-auth: true\nmax-length: 7\n");
    CHECK(run({"config", "set", "namespace", "jobs"}) == 0);
    CHECK(run.printed("nothing to change"));
    CHECK(run({"config", "unset", "allow-from"}) == 0);
    CHECK(run({"config", "show"}) == 0);
    CHECK(run.printed("~/.raibid/config.yaml:1\n"));
    CHECK(read_file(file) == "namespace: jobs\nno-auth: true\nmax-length: 7\n");
  }

  TEST_CASE("what no file may hold is refused, and the file stays as it is") {
    CommandLine run;
    const std::string file = run.write(".raibid/config.yaml", "size: 8Gi\n");
    for (const std::vector<std::string>& words : {std::vector<std::string>{"nothing", "1"},
                                                  {"dry-run", "true"},
                                                  {"size", "large"},
                                                  {"size", "1Gi", "2Gi"},
                                                  {"size"},
                                                  {"max-length", "x"}}) {
      std::vector<std::string> line = {"config", "set"};
      line.insert(line.end(), words.begin(), words.end());
      CHECK(run(line) == 2);
    }
    CHECK(read_file(file) == "size: 8Gi\n");
  }

  TEST_CASE("unset also removes what makes the file unreadable") {
    CommandLine run;
    const std::string file = run.write(".raibid/config.yaml", "size: 8Gi\nnonsense: 1\n");
    CHECK(run({"config", "show"}) == 2);
    CHECK(run({"config", "unset", "nonsense"}) == 0);
    CHECK(read_file(file) == "size: 8Gi\n");
  }

  TEST_CASE("in a dry run nothing is written") {
    CommandLine run;
    CHECK(run({"config", "set", "namespace", "jobs", "--dry-run"}) == 0);
    CHECK(run.printed("would have namespace = jobs"));
    CHECK_FALSE(std::filesystem::exists(run.folder / ".raibid" / "config.yaml"));
  }

  TEST_CASE("use chooses for a folder and those in it, below flags and variables and above config.yaml") {
    CommandLine run;
    run.write(".raibid/config.yaml", "namespace: everywhere\nsize: 4Gi\n");
    const InFolder folder(run.folder / "shop");
    CHECK(run({"config", "use"}) == 0);
    CHECK(run.out == "nothing is chosen for this folder\n");
    CHECK(run({"config", "use", "-n", "here", "--target", "local"}) == 0);
    CHECK(run.out == "~/shop/.raibid.yaml: namespace here, target local\n");
    {
      const InFolder below(run.folder / "shop" / "deep" / "er");
      CHECK(run({"config", "show"}) == 0);
      CHECK(run.printed("~/shop/.raibid.yaml:1\n"));
      CHECK(run.printed("~/.raibid/config.yaml:2\n"));
      CHECK(run({"setup", "redis"}) == 0);
      CHECK(run.said("~/shop/.raibid.yaml: namespace here, target local\n"));
      CHECK(run.printed("namespace=here"));
      CHECK(run({"setup", "redis", "-n", "flag"}) == 0);
      CHECK(run.printed("namespace=flag"));
      run.environment["RAIBID_NAMESPACE"] = "variable";
      CHECK(run({"setup", "redis"}) == 0);
      CHECK(run.printed("namespace=variable"));
      run.environment.erase("RAIBID_NAMESPACE");
    }
    CHECK(run({"config", "use", "--nothing"}) == 0);
    CHECK(run({"setup", "redis"}) == 0);
    CHECK(run.printed("namespace=everywhere"));
  }

  TEST_CASE("a hint names what the folder chose: it may be run elsewhere") {
    CommandLine run;
    run.components = components();
    const InFolder folder(run.folder / "shop");
    CHECK(run({"config", "use", "--target", "local", "--release", "mine"}) == 0);
    CHECK(run({"status", "redis"}) == 6);
    CHECK(run.said("hint: install it: raibid-cli setup redis --target local --release mine\n"));
  }

  TEST_CASE("a .raibid.yaml may only say which Redis is meant, and others may not write it") {
    CommandLine run;
    const InFolder folder(run.folder / "shop");
    const std::string file = run.write("shop/.raibid.yaml", "size: 4Gi\n");
    CHECK(run({"setup", "redis"}) == 2);
    CHECK(run.said("~/shop/.raibid.yaml:1: size says nothing of which Redis is meant"));
    run.write("shop/.raibid.yaml", "namespace: here\n");
    std::filesystem::permissions(file, std::filesystem::perms(0666));
    CHECK(run({"setup", "redis"}) == 3);
    CHECK(run({"setup", "redis", "--config", run.write("other.yaml", "size: 1Gi\n")}) == 0);
  }

  TEST_CASE("a .raibid.yaml that would not be read is not written over either, and the hint fits it") {
    CommandLine run;
    const InFolder folder(run.folder / "shop");
    const std::filesystem::path file = run.folder / "shop" / ".raibid.yaml";
    std::filesystem::create_symlink("elsewhere", file);
    CHECK(run({"config", "use", "-n", "jobs"}) == 3);
    CHECK(run.said("is a symbolic link"));
    CHECK(run.said("hint: remove it, or work in another folder"));
    CHECK_FALSE(std::filesystem::exists(run.folder / "shop" / "elsewhere"));
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    CHECK(run({"config", "use", "-n", "jobs"}) == 3);
    CHECK(std::filesystem::is_fifo(file));
    CHECK(run({"setup", "redis"}) == 3);
    CHECK_FALSE(run.said("RAIBID_HOME"));
    std::filesystem::remove(file);
    run.write("shop/.raibid.yaml", "namespace: here\n");
    std::filesystem::permissions(file, std::filesystem::perms(0666));
    CHECK(run({"config", "use", "-n", "jobs"}) == 3);
    run.write("shop/.raibid.yaml", "");
    std::filesystem::permissions(file, std::filesystem::perms(0600));
    CHECK(run({"setup", "redis"}) == 0);
    CHECK_FALSE(run.said(".raibid.yaml"));  // it chooses nothing, and nothing is said of it
  }

  TEST_CASE("a config.yaml that is a FIFO is not replaced") {
    CommandLine run;
    const std::filesystem::path file = run.write(".raibid/config.yaml", "");
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    CHECK(run({"config", "set", "namespace", "jobs"}) == 2);
    CHECK(std::filesystem::is_fifo(file));
  }

  TEST_CASE("with -o json what they say is an object") {
    CommandLine run;
    CHECK(run({"config", "set", "namespace", "jobs", "-o", "json"}) == 0);
    const nlohmann::json said = nlohmann::json::parse(run.out);
    CHECK(said.at("dry_run") == false);
    CHECK(said.at("text") == "~/.raibid/config.yaml: namespace = jobs");
    CHECK(run({"config", "set", "namespace", "other", "-o", "yaml", "--dry-run"}) == 0);
    CHECK(run.out.starts_with("dry_run: true\ntext: "));
  }
}

}  // namespace raibid::config_edit_test
