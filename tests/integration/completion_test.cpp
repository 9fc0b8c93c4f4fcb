#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "components/presets.hpp"
#include "components/registry.hpp"
#include "support/cli.hpp"
#include "support/fake_api.hpp"
#include "support/machine.hpp"
#include "support/pty.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <set>
#include <thread>

using namespace raibid;

namespace {

using Words = std::set<std::string>;

struct Shell {
  std::string name;
  std::vector<std::string> command;  ///< runs tests/support/complete.NAME
  std::string kept;                  ///< the script's name in completions/
};

const std::vector<Shell>& shells() {
  static const std::vector<Shell> all = {{"bash", {"bash"}, "raibid-cli.bash"},
                                         {"zsh", {"zsh", "-f"}, "_raibid-cli"},
                                         {"fish", {"fish", "--no-config"}, "raibid-cli.fish"}};
  return all;
}

std::string script_of(const Shell& shell) { return test::must({RAIBID_CLI, "completion", shell.name}); }

/// What a real shell offers for command lines, asked once for all of them.
class Offers {
 public:
  Offers(const Shell& shell, const std::vector<std::string>& lines) {
    const TemporaryDirectory folder{fs::temp_directory_path()};
    const fs::path script = folder.path() / shell.kept;
    write_atomic(script, script_of(shell));
    std::vector<std::string> command = shell.command;
    command.push_back(fmt::format("{}/tests/support/complete.{}", RAIBID_SOURCE_DIR, shell.name));
    command.push_back(script);
    command.insert(command.end(), lines.begin(), lines.end());
    std::string out = test::must(command);
    Words* words = nullptr;
    for (const std::string& line : take_lines(out)) {
      if (line.starts_with("= ")) {
        words = &m_words[line.substr(2)];
      } else if (!line.empty() && words != nullptr) {
        words->insert(line);
      }
    }
  }

  const Words& at(const std::string& line) const {
    CAPTURE(line);
    REQUIRE(m_words.contains(line));
    return m_words.at(line);
  }
  std::string shown(const std::string& line) const {
    const Words& words = at(line);
    return join(std::vector<std::string>(words.begin(), words.end()), " ");
  }
  bool has(const std::string& line, const Words& wanted) const {
    const Words& words = at(line);
    return std::includes(words.begin(), words.end(), wanted.begin(), wanted.end());
  }

 private:
  std::map<std::string, Words> m_words;
};

Words words_of(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

Words option_words(const std::vector<OptionSpec>& options) {
  Words words;
  for (const OptionSpec& option : options) words.insert("--" + std::string(option.name));
  return words;
}

/// The lines for every verb, and for the options of every command.
std::vector<std::string> lines_of(const CommandTable& table) {
  std::vector<std::string> lines = {"raibid-cli ", "raibid-cli help "};
  for (const std::string& verb : table.verbs()) {
    lines.push_back(fmt::format("raibid-cli {} ", verb));
    lines.push_back(fmt::format("raibid-cli help {} ", verb));
  }
  for (const CommandRow& row : table.rows()) {
    lines.push_back(fmt::format("raibid-cli {} --", row.name()));
    if (row.object_optional) lines.push_back(fmt::format("raibid-cli {} --", row.verb));
  }
  return lines;
}

/// A cluster that a kubeconfig leads to, with a namespace, a StorageClass and a release.
bool answer_names(const test::ApiAsked& asked, test::FakeApi::Connection& connection) {
  const auto list = [](const std::string& items) {
    return test::http_answer(
        200, R"({"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"7"},"items":[)" + items + "]}");
  };
  const auto is_of = [&](const char* kind) { return asked.path.find(kind) != std::string::npos; };
  if (is_of("/namespaces"))
    return connection.send(list(R"({"metadata":{"name":"billing"}},{"metadata":{"name":"kube-system"}})"));
  if (is_of("/storageclasses")) return connection.send(list(R"({"metadata":{"name":"slow-disks"}})"));
  if (is_of("/secrets"))
    return connection.send(list(
        R"({"metadata":{"name":"x","namespace":"shop","labels":{"owner":"helm","name":"queue-of-shop","version":"1","status":"deployed"}}})"));
  return connection.send(test::http_status(404, "NotFound", "unexpected: " + asked.path));
}

constexpr const char* long_context = "arn:aws:eks:eu-1:12:cluster/shop";

/// A home and two kubeconfigs, the second of which has the current context.
struct Names {
  explicit Names(test::FakeApi::Answer answer = answer_names, const std::string& user = "token: t")
      : api(std::move(answer)) {
    const std::string config = R"({"kind":"Config","apiVersion":"v1","current-context":"dev",)"
                               R"("clusters":[{"name":"dev","cluster":{"server":"https://dev:6443"}}],)"
                               R"("contexts":[{"name":"dev","context":{"cluster":"dev","user":"me"}}],)"
                               R"("users":[{"name":"me","user":{}}]})";
    write_atomic(api.folder() / "config.json", config);
    write_atomic(api.folder() / "one",
                 fmt::format("contexts: [{{name: '{}', context: {{cluster: shop}}}}]\n", long_context));
    write_atomic(api.folder() / "two",
                 "current-context: dev\nclusters: [{name: dev, cluster: {server: 'https://dev:6443'}}]\n"
                 "contexts: [{name: dev, context: {cluster: dev, user: me}}]\nusers: [{name: me, user: {" +
                     user + "}}]\n");
    cli.set("KUBECONFIG", kubeconfig());
    cli.set("PATH", ::getenv("PATH"));
  }
  std::string kubeconfig() const { return (api.folder() / "one").string() + ":" + (api.folder() / "two").string(); }
  /// Asks the cluster, as a TAB does beside it.
  void learn() { REQUIRE(cli({"__complete", "learn"}).ok()); }
  std::string asked_once(const std::vector<std::string>& words) {
    std::vector<std::string> line = {"__complete"};
    line.insert(line.end(), words.begin(), words.end());
    const Output output = cli(line);
    CHECK(output.status == 0);
    CHECK(output.err == "");
    return output.out;
  }
  /// The names; someone on a busy machine presses TAB again.
  std::string names(const std::vector<std::string>& words) {
    std::string found;
    for (int i = 0; i < 200 && found.empty(); ++i) {
      if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      found = asked_once(words);
    }
    return found;
  }

  test::FakeApi api;
  test::Cli cli;
};

}  // namespace

TEST_CASE("completions/ holds what the program generates") {
  for (const Shell& shell : shells()) {
    const fs::path kept = fs::path(RAIBID_SOURCE_DIR) / "completions" / shell.kept;
    const bool same = read_file(kept).value_or("") == script_of(shell);
    CHECK_MESSAGE(same, "run: raibid-cli completion " << shell.name << " > completions/" << shell.kept);
  }
}

TEST_CASE("shells offer every verb, component and option of the table") {
  const CommandTable table(components());
  for (const Shell& shell : shells()) {
    if (program(shell.name).empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const Offers offers(shell, lines_of(table));
    CHECK(offers.at("raibid-cli ") == words_of(table.verbs()));
    CHECK(offers.at("raibid-cli help ") == words_of(table.verbs()));
    for (const std::string& verb : table.verbs()) {
      CAPTURE(verb);
      const Words objects = words_of(table.objects_of(verb));
      if (objects.empty()) continue;
      CHECK(offers.has(fmt::format("raibid-cli {} ", verb), objects));
      CHECK(offers.at(fmt::format("raibid-cli help {} ", verb)) == objects);
    }
    const Words everywhere = option_words(global_options());
    for (const CommandRow& row : table.rows()) {
      CAPTURE(row.name());
      Words expected = option_words(row.options);
      expected.insert(everywhere.begin(), everywhere.end());
      expected.insert({"--help", "--version"});
      Words offered = offers.at(fmt::format("raibid-cli {} --", row.name()));
      offered.erase("--");  // zsh's own, for the end of options
      CHECK(offered == expected);
      if (row.object_optional) CHECK(offers.has(fmt::format("raibid-cli {} --", row.verb), expected));
    }
  }
}

TEST_CASE("shells offer values: choices, presets, files") {
  const std::vector<std::string> lines = {"raibid-cli status -o ",
                                          "raibid-cli status --output=js",
                                          "raibid-cli setup redis --preset ",
                                          "raibid-cli --color ",
                                          "raibid-cli --config /etc/hos",
                                          "raibid-cli setup redis -f /etc/hos",
                                          "raibid-cli --release x ",
                                          "raibid-cli setup redis --chart em",
                                          "raibid-cli presets show ",
                                          "raibid-cli restore redis /etc/hos",
                                          "raibid-cli config set trim-sch",
                                          "raibid-cli --url redis://h:6 "};
  for (const Shell& shell : shells()) {
    if (program(shell.name).empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const Offers offers(shell, lines);
    CHECK(offers.shown("raibid-cli status -o ") == "json junit name table yaml");
    CHECK(offers.shown("raibid-cli status --output=js") == (shell.name == "fish" ? "--output=json" : "json"));
    CHECK(offers.shown("raibid-cli --color ") == "always auto never");
    CHECK(offers.has("raibid-cli setup redis --preset ", words_of(builtin_presets())));
    const Words hosts = {shell.name == "bash" ? "files" : shell.name == "fish" ? "/etc/hosts" : "hosts"};
    CHECK(offers.has("raibid-cli --config /etc/hos", hosts));
    CHECK(offers.has("raibid-cli setup redis -f /etc/hos", hosts));
    CHECK(offers.has("raibid-cli setup redis --chart em", {"embedded"}));
    CHECK(offers.has("raibid-cli presets show ", words_of(builtin_presets())));
    CHECK(offers.has("raibid-cli restore redis /etc/hos", hosts));
    CHECK(offers.has("raibid-cli config set trim-sch", {"trim-schedule"}));
    CHECK(offers.has("raibid-cli --release x ", {"setup", "status"}));
    CHECK(offers.has("raibid-cli --url redis://h:6 ", {"setup", "status"}));
  }
}

TEST_CASE("shells tell an option's value from a command, and leave what stands behind -- alone") {
  const std::vector<std::string> lines = {"raibid-cli -n setup s", "raibid-cli -n setup setup ",
                                          "raibid-cli connect redis -- mkd", "raibid-cli connect redis -- cat --"};
  for (const Shell& shell : shells()) {
    if (program(shell.name).empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const Offers offers(shell, lines);
    CHECK(offers.has("raibid-cli -n setup s", {"setup", "status"}));
    CHECK(offers.has("raibid-cli -n setup setup ", {"redis"}));
    CHECK(offers.has("raibid-cli connect redis -- mkd", {"mkdir"}));
    CHECK_FALSE(offers.at("raibid-cli connect redis -- cat --").contains("--namespace"));
  }
}

TEST_CASE("shells complete when someone presses TAB") {
  for (const Shell& shell : shells()) {
    const std::string path = program(shell.name);
    if (path.empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const TemporaryDirectory folder{fs::temp_directory_path()};
    const fs::path script = folder.path() / shell.kept;
    write_atomic(script, script_of(shell));
    std::vector<std::string> words = {path, "--norc", "--noprofile", "-i"};
    if (shell.name == "zsh") words = {path, "-f", "-i"};
    if (shell.name == "fish") words = {path, "--no-config", "-i"};
    const std::string programs = fs::path(RAIBID_CLI).parent_path().string() + ":" + ::getenv("PATH");
    test::Pty pty(words,
                  {{"PATH", programs}, {"HOME", folder.path().string()}, {"RAIBID_HOME", folder.path().string()}});
    if (shell.name == "zsh") pty.type("autoload -Uz compinit && compinit -u -D\r");
    pty.type("source " + script.string() + "\r");
    pty.type("echo re''ady\r");
    REQUIRE(pty.shows("ready"));
    pty.type("raibid-cli rollb\t");
    CHECK(pty.shows("rollback"));
    pty.type("redis --targ\t");
    CHECK(pty.shows("--target"));
    pty.type(
        "\x15"
        "exit\r");
    pty.end();
  }
}

TEST_CASE("names of a cluster are asked for once, beside the TAB, and are there for the next one") {
  Names world;
  CHECK(world.names({"contexts"}) == std::string(long_context) + "\ndev\n");
  CHECK(world.api.kubectls().empty());
  // the answer comes to this TAB or to a later one: nobody waits for it
  CHECK(world.names({"namespaces", "status", "-n"}) == "billing\nkube-system\nshop\n");
  CHECK(world.names({"releases", "teardown", "redis", "--release"}) == "queue-of-shop\n");
  CHECK(world.names({"storage-classes", "setup", "redis"}) == "slow-disks\n");
  CHECK(world.asked_once({"releases", "status", "-n", "billing"}) == "");
  CHECK(world.asked_once({"releases", "status", "--namespace=billing", "--context", "dev"}) == "");
  CHECK(world.asked_once({"namespaces", "--context", long_context}) == "");
  CHECK(world.asked_once({"namespaces", "--kubeconfig", (world.api.folder() / "one").string()}) == "");
  const std::vector<std::string> started = world.api.kubectls();
  CHECK(std::count_if(started.begin(), started.end(),
                      [](const std::string& line) { return line.find(" proxy ") != std::string::npos; }) == 1);
}

TEST_CASE("a cluster that does not answer, or refuses, costs a TAB nothing but its names") {
  Names silent([](const test::ApiAsked&, test::FakeApi::Connection& connection) {
    return !connection.read_until("no request has this").empty();  // until the client has had enough
  });
  CHECK(silent.asked_once({"namespaces"}) == "");
  Names refuses([](const test::ApiAsked&, test::FakeApi::Connection& connection) {
    return connection.send(test::http_status(403, "Forbidden", "not you"));
  });
  refuses.learn();
  CHECK(refuses.asked_once({"namespaces"}) == "");
  CHECK(refuses.asked_once({"namespaces", "--context", "no-such"}) == "");
  CHECK(refuses.asked_once({"namespaces", "--kubeconfig", "/nonexistent"}) == "");
  CHECK(refuses.asked_once({"something"}) == "");
  CHECK(refuses.asked_once({}) == "");
  write_atomic(refuses.cli.home() / "config.yaml", "nonsense: [");
  CHECK(refuses.asked_once({"contexts"}) == "");
}

TEST_CASE("a TAB starts no credential plugin, and no kubectl that would") {
  Names world(answer_names, "exec: {apiVersion: client.authentication.k8s.io/v1, command: /bin/false}");
  CHECK(world.asked_once({"namespaces"}) == "");
  world.learn();
  CHECK(world.asked_once({"namespaces"}) == "");
  CHECK(world.api.kubectls().empty());
}

TEST_CASE("shells complete the names of a cluster when someone presses TAB, and say nothing when there are none") {
  Names world;
  world.learn();
  for (const Shell& shell : shells()) {
    const std::string path = program(shell.name);
    if (path.empty()) {
      MESSAGE("skipped: no " << shell.name);
      continue;
    }
    CAPTURE(shell.name);
    const fs::path script = world.cli.folder() / shell.kept;
    write_atomic(script, script_of(shell));
    std::vector<std::string> words = {path, "--norc", "--noprofile", "-i"};
    if (shell.name == "zsh") words = {path, "-f", "-i"};
    if (shell.name == "fish") words = {path, "--no-config", "-i"};
    const std::string programs = fs::path(RAIBID_CLI).parent_path().string() + ":" + ::getenv("PATH");
    test::Pty pty(words,
                  {{"PATH", programs},
                   {"HOME", world.cli.folder().string()},
                   {"RAIBID_HOME", world.cli.home().string()},
                   {"KUBECONFIG", world.kubeconfig()}},
                  200);
    if (shell.name == "zsh") pty.type("autoload -Uz compinit && compinit -u -D\r");
    pty.type("source " + script.string() + "\r");
    pty.type("echo re''ady\r");
    REQUIRE(pty.shows("ready"));
    const auto shows_after_tab = [&](const std::string& typed, const std::string& rest) {
      CAPTURE(typed);
      pty.type("\x15" + typed);
      REQUIRE(pty.shows(typed.substr(typed.size() - 3)));
      bool shown = false;
      for (int i = 0; i < 5 && !shown; ++i) {  // 150 ms may be too short here for one TAB, or two
        pty.type("\t");
        shown = pty.shows(rest, std::chrono::seconds(3));
      }
      CHECK_MESSAGE(shown, pty.written());
    };
    shows_after_tab("raibid-cli status --context arn:a", "ws:eks:eu-1:12:cluster/shop");
    shows_after_tab("raibid-cli status --context=arn:aws:eks:e", "u-1:12:cluster/shop");
    shows_after_tab("raibid-cli status -n bil", "ling");
    shows_after_tab("raibid-cli status --release que", "ue-of-shop");
    shows_after_tab("raibid-cli setup redis --storage-class sl", "ow-disks");
    const std::size_t before = pty.written().size();
    pty.type("\x15raibid-cli status --kubeconfig /nonexistent -n bil\t");
    pty.type("\x15 echo stil''l here\r");
    CHECK(pty.shows("still here"));
    CHECK_MESSAGE(pty.written().find("rror", before) == std::string::npos, pty.written());
    pty.type("exit\r");
    pty.end();
  }
}
