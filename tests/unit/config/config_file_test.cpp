#include "config/settings.hpp"

#include "config/config_file.hpp"
#include "support/errors.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

namespace raibid::config_file_test {

namespace {

const std::vector<OptionSpec>& options() {
  static const std::vector<OptionSpec> all = [] {
    std::vector<OptionSpec> rows = global_options();
    rows.push_back({.name = "size", .help = "", .kind = OptionKind::bytes, .default_value = "8Gi"});
    rows.push_back({.name = "max-length", .help = "", .kind = OptionKind::integer});
    rows.push_back({.name = "allow-from", .help = "", .kind = OptionKind::list});
    rows.push_back({.name = "no-auth", .help = "", .kind = OptionKind::flag});
    rows.push_back({.name = "image", .help = ""});
    return rows;
  }();
  return all;
}

class ConfigFile {
 public:
  ConfigFile() : m_folder(std::filesystem::temp_directory_path()), m_path(m_folder.path() / "config.yaml") {}

  const std::filesystem::path& path() const { return m_path; }
  SettingMap load() const { return load_config_file(m_path, "~/.raibid/config.yaml", options()); }
  SettingMap load(std::string_view text) const {
    std::ofstream(m_path, std::ios::binary) << text;
    return load();
  }
  std::string refusal() const {
    ExitCode code = ExitCode::ok;
    const std::string message = tests::message_of([&] { load(); }, &code);
    CHECK(code == ExitCode::usage);
    return message;
  }
  std::string refusal(std::string_view text) const {
    std::ofstream(m_path, std::ios::binary) << text;
    return refusal();
  }

 private:
  TemporaryDirectory m_folder;
  std::filesystem::path m_path;
};

}  // namespace

TEST_CASE("a config file's values keep their text and line") {
  const ConfigFile file;
  const SettingMap settings = file.load(
      "# mine\nnamespace: jobs\nimage: 1.10\nsize: 08Gi\nno-auth: true\n\nallow-from:\n  - team-a\n  - "
      "yes\nmax-length: 10000\ncontext: \"null\"\nrelease: on\n");
  CHECK(settings.size() == 8);
  CHECK(settings.at("namespace").values == std::vector<std::string>{"jobs"});
  CHECK(settings.at("namespace").origin.source == Source::file);
  CHECK(settings.at("namespace").origin.where == "~/.raibid/config.yaml:2");
  CHECK(settings.at("image").values == std::vector<std::string>{"1.10"});
  CHECK(settings.at("size").values == std::vector<std::string>{"08Gi"});
  CHECK(settings.at("no-auth").values == std::vector<std::string>{"true"});
  CHECK(settings.at("allow-from").values == std::vector<std::string>{"team-a", "yes"});
  CHECK(settings.at("allow-from").origin.where == "~/.raibid/config.yaml:7");
  CHECK(settings.at("max-length").values == std::vector<std::string>{"10000"});
  CHECK(settings.at("context").values == std::vector<std::string>{"null"});
  CHECK(settings.at("release").values == std::vector<std::string>{"on"});
  CHECK(file.load("allow-from: team-a\n").at("allow-from").values == std::vector<std::string>{"team-a"});
  CHECK(file.load("allow-from: []\n").at("allow-from").values.empty());
}

TEST_CASE("no config file, or one that says nothing") {
  const ConfigFile file;
  CHECK(file.load().empty());
  CHECK(file.load("").empty());
  CHECK(file.load("# nothing yet\n").empty());
  CHECK(file.load("---\n").empty());
}

TEST_CASE("mistakes in a config file") {
  const ConfigFile file;
  const std::string at = "~/.raibid/config.yaml:";
  CHECK(file.refusal("image: x\nsiez: 8Gi\n") == at + "2: unknown key \"siez\"; did you mean size?");
  CHECK(file.refusal("completely-else: 1\n") == at + "1: unknown key \"completely-else\"");
  CHECK(file.refusal("sentinel_enabled: true\n") == at + "1: unknown key \"sentinel_enabled\": here it is ha");
  CHECK(file.refusal("auth_enabled: true\n") ==
        at + "1: unknown key \"auth_enabled\": here it is no-auth, with the opposite value");
  CHECK(file.refusal("image: x\nimage: y\n") == at + "2: \"image\" is given twice, first on line 1");
  CHECK(file.refusal("- image\n") == at + "1: expected lines of 'name: value', not a list");
  CHECK(file.refusal("image\n") == at + "1: expected lines of 'name: value', not a single value");
  CHECK(file.refusal("image:\n  tag: 8\n") == at + "2: image takes a single value, not a mapping");
  CHECK(file.refusal("image: [a, b]\n") == at + "1: image takes a single value, not a list");
  CHECK(file.refusal("image:\n") == at + "1: image has no value");
  CHECK(file.refusal("allow-from:\n  - a\n  - [b]\n") == at + "3: allow-from takes a single value, not a list");
  CHECK(file.refusal("allow-from:\n  - a\n  - ~\n") == at + "3: allow-from has no value");
  CHECK(file.refusal("no-auth: \"true\"\n") == at + "1: no-auth is true or false, without quotes");
  CHECK(file.refusal("no-auth: yes\n") == at + "1: no-auth is true or false, without quotes");
  CHECK(file.refusal("no-auth: 1\n") == at + "1: no-auth is true or false, without quotes");
  CHECK(file.refusal("image: x\nmax-length: ten\n") == at + "2: max-length: \"ten\" is not a whole number");
  CHECK(file.refusal("dry-run: true\n") == at + "1: dry-run cannot be set in a file, only on the command line");
  CHECK(file.refusal("yes: true\n") ==
        at + "1: yes cannot be set in a file, only on the command line or as a variable");
  CHECK(file.refusal("config: x\n") ==
        at + "1: config cannot be set in a file, only on the command line or as a variable");
  CHECK(file.refusal("image: \"x\n").starts_with(at + "2: not YAML: "));
  CHECK(file.refusal(std::string_view("\x7f"
                                      "ELF\0\0",
                                      6)) == at + "1: not a text file (control character U+007F)");
  CHECK(file.refusal("a\x1b[2J: 1\n") == at + "1: not a text file (control character U+001B)");
}

TEST_CASE("a config file that is something else") {
  const ConfigFile file;
  SUBCASE("a directory") {
    std::filesystem::create_directory(file.path());
    CHECK(file.refusal().find(file.path().string()) != std::string::npos);
  }
  SUBCASE("a FIFO that nobody writes to") {
    REQUIRE(mkfifo(file.path().c_str(), 0600) == 0);
    CHECK(file.refusal().find(file.path().string()) != std::string::npos);
  }
  SUBCASE("a hundred megabytes") {
    std::ofstream(file.path()).close();
    std::filesystem::resize_file(file.path(), 100'000'000);
    CHECK(file.refusal().find(file.path().string()) != std::string::npos);
  }
  SUBCASE("a device") {
    std::filesystem::create_symlink("/dev/zero", file.path());
    CHECK(file.refusal().find(file.path().string()) != std::string::npos);
  }
  SUBCASE("a link to itself") {
    std::filesystem::create_symlink(file.path(), file.path());
    CHECK(file.refusal().find(file.path().string()) != std::string::npos);
  }
}

}  // namespace raibid::config_file_test
