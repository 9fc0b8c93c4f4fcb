#include "base/error.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

using namespace raibid;

namespace {

/// What each folder of src/ may include beside itself: docs/architecture.md's picture, downward only.
const std::map<std::string, std::set<std::string>> allowed{
    {"base", {}},
    {"sys", {"base"}},
    {"ui", {"base"}},
    {"plan", {"sys", "ui", "base"}},
    {"tools", {"sys", "ui", "base"}},
    {"config", {"sys", "ui", "base"}},
    {"assets", {"sys", "ui", "base"}},
    {"components", {"plan", "tools", "config", "assets", "sys", "ui", "base"}},
    {"cli", {"components", "plan", "tools", "config", "assets", "sys", "ui", "base"}},
    {"main.cpp", {"cli", "components", "plan", "tools", "config", "assets", "sys", "ui", "base"}},
};

/// Libraries that one layer keeps to itself: the start of the include → the folder.
const std::vector<std::pair<std::string, std::string>> libraries{
    {"CLI/", "cli"}, {"yaml-cpp/", "config"}, {"hiredis/", "tools"}, {"http_parser.h", "tools"}};

std::string layer_of(const std::string& path) { return path.substr(0, path.find('/')); }

/// The rooms of components/redis, each of which may include those before it.
const std::vector<std::string> rooms{"settings", "server", "run", "place", "commands"};

/// The folder of `path` behind `prefix`: "place" for "components/redis/place/local/a.hpp"; "" when it lies elsewhere or
/// in `prefix` itself.
std::string folder_behind(const std::string& prefix, const std::string& path) {
  if (!path.starts_with(prefix)) return "";
  const std::size_t end = path.find('/', prefix.size());
  return end == std::string::npos ? "" : path.substr(prefix.size(), end - prefix.size());
}

std::ptrdiff_t rank_of(const std::string& room) { return std::find(rooms.begin(), rooms.end(), room) - rooms.begin(); }

/// Inside components/: what every component needs of a cluster knows no component; a component knows no other one; in
/// redis/ a room includes downward only, and a place (a cluster, this machine) knows no other place.
bool breaks_rooms(const std::string& path, const std::string& included) {
  if (!included.starts_with("components/") || !path.starts_with("components/")) return false;
  const std::string from = folder_behind("components/", path), to = folder_behind("components/", included);
  if (from != to && !from.empty() && !to.empty() && (from == "kubernetes" || to != "kubernetes")) return true;
  const std::string room = folder_behind("components/redis/", path);
  const std::string other_room = folder_behind("components/redis/", included);
  if (room.empty() || other_room.empty()) return false;
  if (rank_of(room) == std::ssize(rooms) || rank_of(other_room) > rank_of(room)) return true;
  const std::string place = folder_behind("components/redis/place/", path);
  const std::string other_place = folder_behind("components/redis/place/", included);
  return !place.empty() && !other_place.empty() && place != other_place;
}

/// What is wrong with `included` in the file `path` (relative to src/), or "".
std::string offence(const std::string& path, const std::string& included, bool quoted) {
  const std::string layer = layer_of(path);
  const auto rules = allowed.find(layer);
  if (rules == allowed.end()) return "is in no layer";
  for (const auto& [library, owner] : libraries) {
    if (included.starts_with(library) && layer != owner)
      return "includes " + included + ", which belongs to src/" + owner;
  }
  if (included == "nlohmann/json.hpp" && path.ends_with(".hpp")) return "includes nlohmann/json.hpp in a header";
  const std::string target = layer_of(included);
  if (quoted && breaks_rooms(path, included)) return "includes " + included + ", which is upward or sideways";
  const bool system = !quoted && (target == "sys" || !allowed.contains(target));  // <sys/stat.h>
  if (system || target == layer || rules->second.contains(target)) return "";
  return "includes " + included;
}

/// Every offence in the sources below `root`, "path:line: what".
std::vector<std::string> offenders(const fs::path& root) {
  static const std::regex directive(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path().lexically_relative(root).string();
    std::ifstream file(entry.path());
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      std::smatch match;
      if (!std::regex_search(line, match, directive)) continue;
      const std::string what = offence(path, match[2], match[1] == "\"");
      if (!what.empty()) found.push_back(path + ":" + std::to_string(number) + ": " + what);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

/// The .cpp files below `root` without a header of their name. A class in two files has one header: Kubectl's other
/// file is kubectl_answers.cpp, beside kubectl.hpp.
std::vector<std::string> without_header(const fs::path& root) {
  std::vector<std::string> found;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.path().extension() != ".cpp" || entry.path().filename() == "main.cpp") continue;
    std::string stem = entry.path().stem().string();
    const auto has_header = [&] { return fs::exists(entry.path().parent_path() / (stem + ".hpp")); };
    while (!has_header() && stem.find('_') != std::string::npos) stem.resize(stem.rfind('_'));
    if (!has_header()) found.push_back(entry.path().lexically_relative(root).string());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

TEST_CASE("every .cpp file has a header of its name") {
  CHECK(without_header(fs::path(RAIBID_SOURCE_DIR) / "src") == std::vector<std::string>{});
  const TemporaryDirectory root{fs::temp_directory_path()};
  for (const char* name : {"main.cpp", "a.cpp", "a.hpp", "a_more.cpp", "b.cpp", "b_more.cpp"})
    std::ofstream(root.path() / name) << "\n";
  CHECK(without_header(root.path()) == std::vector<std::string>{"b.cpp", "b_more.cpp"});
}

TEST_CASE("nothing in src/ includes upward or sideways") {
  const fs::path root = fs::path(RAIBID_SOURCE_DIR) / "src";
  REQUIRE(fs::exists(root / "base" / "error.hpp"));
  std::string list;
  for (const std::string& offender : offenders(root)) list += "\n  " + offender;
  CHECK_MESSAGE(list.empty(), "these includes break the layers:" << list);
}

TEST_CASE("planted violations are found, and only those") {
  const TemporaryDirectory root{fs::temp_directory_path()};
  const auto plant = [&](const std::string& path, const std::string& text) {
    fs::create_directories((root.path() / path).parent_path());
    std::ofstream(root.path() / path) << text;
  };
  plant("base/up.cpp", "#include \"base/error.hpp\"\n#include \"sys/files.hpp\"\n");
  plant("sys/sideways.hpp", "#include <sys/stat.h>\n  #  include \"ui/reporter.hpp\"\n");
  plant("tools/sideways.cpp",
        "#include \"config/settings.hpp\"\n#include <hiredis/hiredis.h>\n#include \"sys/clock.hpp\"\n");
  plant("plan/up.cpp", "#include <components/context.hpp>\n#include <nlohmann/json.hpp>\n");
  plant("plan/heavy.hpp", "#include <nlohmann/json_fwd.hpp>\n#include <nlohmann/json.hpp>\n");
  plant("components/redis/libraries.cpp",
        "#include <yaml-cpp/yaml.h>\n#include <CLI/CLI.hpp>\n#include \"components/context.hpp\"\n");
  plant("components/redis/near.cpp", "#include \"settings.hpp\"\n");
  plant("components/kubernetes/up.cpp", "#include \"components/redis/redis.hpp\"\n");
  plant("components/minio/sideways.cpp",
        "#include \"components/redis/redis.hpp\"\n#include \"components/kubernetes/lease.hpp\"\n");
  plant("components/redis/redis.cpp", "#include \"components/redis/commands/setup.hpp\"\n");
  plant("components/redis/place/place.cpp", "#include \"components/redis/place/local/a.hpp\"\n");
  plant("components/redis/place/local/a.hpp",
        "#include \"components/redis/place/kubernetes/b.hpp\"\n#include \"components/redis/run/c.hpp\"\n");
  plant("components/redis/run/c.hpp", "#include \"components/redis/commands/setup.hpp\"\n");
  plant("components/redis/attic/d.hpp", "#include \"components/redis/run/c.hpp\"\n");
  plant("cli/fine.cpp", "#include <CLI/CLI.hpp>\n#include \"tools/helm.hpp\"\n// #include nothing\n");
  plant("main.cpp", "#include \"cli/app.hpp\"\n#include <hiredis/hiredis.h>\n");
  plant("extra/new.cpp", "#include <string>\n");
  CHECK(
      offenders(root.path()) ==
      std::vector<std::string>{
          "base/up.cpp:2: includes sys/files.hpp",
          "components/kubernetes/up.cpp:1: includes components/redis/redis.hpp, which is upward or sideways",
          "components/minio/sideways.cpp:1: includes components/redis/redis.hpp, which is upward or sideways",
          "components/redis/attic/d.hpp:1: includes components/redis/run/c.hpp, which is upward or sideways",
          "components/redis/libraries.cpp:1: includes yaml-cpp/yaml.h, which belongs to src/config",
          "components/redis/libraries.cpp:2: includes CLI/CLI.hpp, which belongs to src/cli",
          "components/redis/near.cpp:1: includes settings.hpp",
          "components/redis/place/local/a.hpp:1: includes components/redis/place/kubernetes/b.hpp, which is upward or "
          "sideways",
          "components/redis/run/c.hpp:1: includes components/redis/commands/setup.hpp, which is upward or sideways",
          "extra/new.cpp:1: is in no layer", "main.cpp:2: includes hiredis/hiredis.h, which belongs to src/tools",
          "plan/heavy.hpp:2: includes nlohmann/json.hpp in a header", "plan/up.cpp:1: includes components/context.hpp",
          "sys/sideways.hpp:2: includes ui/reporter.hpp", "tools/sideways.cpp:1: includes config/settings.hpp"});
}
