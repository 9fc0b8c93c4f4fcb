#include "support/cli.hpp"
#include "base/strings.hpp"
#include "cli/command_table.hpp"
#include "components/registry.hpp"
#include "config/settings.hpp"
#include "sys/files.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <sys/stat.h>

using namespace raibid;
using raibid::test::Cli;
using raibid::test::said;

namespace {

/// A line of shell with the program as $CLI, for redirections.
Output shell(const std::string& line) {
  return run(test::real_runner(), {{"bash", "-c", line}, "", {{"CLI", RAIBID_CLI}, {"NO_COLOR", "1"}}},
             test::real_runner().now() + std::chrono::minutes(1));
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void put(const fs::path& path, const std::string& content) {
  fs::create_directories(path.parent_path());
  write_atomic(path, content);
}

}  // namespace

TEST_CASE("the program alone prints its help") {
  Cli cli;
  const Output output = cli({});
  CHECK(output.status == 0);
  CHECK(contains(output.out, "Usage: raibid-cli COMMAND"));
  CHECK(output.err.empty());
  CHECK(cli({"--help"}).out == output.out);
  CHECK(cli({"--version"}).out == "raibid-cli " RAIBID_VERSION "\n");
  CHECK_FALSE(fs::exists(cli.home()));
}

TEST_CASE("every command of the table has help with all of its options") {
  Cli cli;
  const CommandTable table(components());
  for (const CommandRow& row : table.rows()) {
    CAPTURE(row.name());
    std::vector<std::string> words = {row.verb};
    if (!row.object.empty()) words.push_back(row.object);
    words.emplace_back("--help");
    const Output output = cli(words);
    CHECK(output.status == 0);
    CHECK(contains(output.out, "Usage: raibid-cli " + row.usage()));
    for (const OptionSpec& option : row.options) {
      CAPTURE(option.name);
      CHECK(contains(output.out, fmt::format("--{}", option.name)));
      if (!option.flag_only) CHECK(contains(output.out, variable_name(option.name)));
    }
  }
}

TEST_CASE("a mistake in the command line is exit 2, names what is near, and changes nothing") {
  struct Mistake {
    std::vector<std::string> line;
    std::string part;
  };
  const std::vector<Mistake> mistakes = {
      {{"setpu", "redis"}, "unknown command 'setpu'; did you mean setup?"},
      {{"setup", "reddis"}, "did you mean redis?"},
      {{"setup"}, "'setup' needs a component: redis"},
      {{"setup", "redis", "--sise", "8Gi"}, "unknown option --sise of 'raibid-cli setup redis'; did you mean --size?"},
      {{"setup", "redis", "now"}, "unexpected argument 'now'"},
      {{"setup", "redis", "--size"}, "--size needs a value"},
      {{"status", "--output", "xml"}, "--output: "},
      {{"status", "--timeout", "never"}, "--timeout: "},
      {{"setup", "redis", "--size", "8G i"}, "--size: "},
      {{"setup", "redis", "--memory-limit", "-1Mi"}, "--memory-limit: "},
      {{"setup", "redis", "--preset", "raibit"}, "did you mean raibid?"},
      {{"completion", "tcsh"}, "'tcsh'"},
  };
  Cli cli;
  for (const auto& [line, part] : mistakes) {
    const Output output = cli(line);
    INFO(said(output));
    CHECK(output.status == 2);
    CHECK(output.out.empty());
    CHECK(output.err.starts_with("error: "));
    CHECK(contains(output.err, part));
    CHECK_FALSE(fs::exists(cli.home()));
  }
}

TEST_CASE("values that contradict each other or that Kubernetes refuses are exit 2, before anything is asked") {
  Cli cli;
  cli.set("PATH", "/nonexistent");  // neither kubectl nor helm could be asked
  const std::vector<std::vector<std::string>> lines = {
      {"setup", "redis", "--memory-request", "1Gi", "--memory-limit", "512Mi"},
      {"setup", "redis", "--cpu-request", "2", "--cpu-limit", "500m"},
      {"setup", "redis", "--namespace", "Not_A_Name"},
      {"setup", "redis", "--release", "-x"},
      {"setup", "redis", "--set", "auth.password=hunter2"},
  };
  for (const std::vector<std::string>& line : lines) {
    const Output output = cli(line);
    INFO(said(output));
    CHECK(output.status == 2);
    CHECK(contains(output.err, line[2]));
    CHECK_FALSE(contains(output.err, "hunter2"));
    CHECK_FALSE(fs::exists(cli.home()));
  }
}

TEST_CASE("a bad file of settings is exit 2, at once, with its name and line") {
  Cli cli;
  const fs::path file = cli.home() / "config.yaml";
  const auto refused = [&cli](const std::string& part) {
    const Output output = cli({"status"}, std::chrono::seconds(20));
    INFO(said(output));
    CHECK(output.status == 2);
    CHECK(output.err.starts_with("error: "));
    CHECK(contains(output.err, "config.yaml"));
    CHECK(contains(output.err, part));
    CHECK(contains(output.err, "hint: "));
  };
  put(file, "size: 8Gi\nsise: 9Gi\n");
  refused("config.yaml:2");
  put(file, "size: 8Gi\nmemory-limit: lots\n");
  refused("config.yaml:2");
  put(file, "size: [1, 2\n");
  refused("config.yaml:");
  put(file, std::string("\x7f"
                        "ELF\0\0\1\2\xff\xfe",
                        10));
  refused("");
  fs::resize_file(file, 100 << 20);
  refused("");
  fs::remove(file);
  fs::create_directory(file);
  refused("directory");

  const Output output = cli({"status", "--config", (cli.folder() / "none.yaml").string()});
  CHECK(output.status == 2);
  CHECK(contains(output.err, "--config: there is no file"));
}

TEST_CASE("settings come from flag, variable, file, preset and default, and config show says which") {
  Cli cli;
  put(cli.home() / "config.yaml", "# mine\nstream: from-file\ngroup: from-file\n");
  cli.set("RAIBID_GROUP", "from-variable");
  cli.set("RAIBID_GRUOP", "x");
  const Output output = cli({"config", "show", "-n", "from-flag", "-o", "json"});
  INFO(said(output));
  CHECK(output.status == 0);
  std::map<std::string, std::pair<nlohmann::json, std::string>> settings;
  for (const nlohmann::json& row : nlohmann::json::parse(output.out))
    settings[row.at("name")] = {row.at("value"), row.at("origin")};
  CHECK(settings.at("namespace").first == "from-flag");
  CHECK(settings.at("namespace").second == "--namespace");
  CHECK(settings.at("group").first == "from-variable");
  CHECK(settings.at("group").second == "RAIBID_GROUP");
  CHECK(settings.at("stream").first == "from-file");
  CHECK(settings.at("stream").second == "~/home/config.yaml:2");
  CHECK(settings.at("size").first == "8Gi");
  CHECK(settings.at("size").second.starts_with("preset raibid"));
  CHECK(settings.at("timeout").second == "default");
  CHECK(contains(output.err, "warning: RAIBID_GRUOP"));
  CHECK(contains(output.err, "RAIBID_GROUP?"));
}

TEST_CASE("a result that cannot be written is an error; a reader that has gone is not") {
  const Output full = shell("\"$CLI\" version > /dev/full");
  CHECK(full.status == 1);
  CHECK(full.err ==
        "error: cannot write to standard output: No space left on device\nhint: the command has finished; only its "
        "output was lost\n");
  const Output closed = shell("\"$CLI\" version >&-");
  CHECK(closed.status == 1);
  CHECK(contains(closed.err, "error: cannot write to standard output: "));
  const Output piped = shell("\"$CLI\" --help | true; echo ${PIPESTATUS[0]}");
  CHECK(piped.out == "0\n");
  CHECK(piped.err.empty());
}

TEST_CASE("a closed standard stream is never taken for another file") {
  // a pipe of the program's own would get its number, and the result would go there without an error
  CHECK(shell("\"$CLI\" version <&- >&-").status == 1);
  CHECK(shell("\"$CLI\" version <&- >&- 2>&-").status == 1);
  const Output fine = shell("\"$CLI\" --version <&- 2>&-");
  CHECK(fine.status == 0);
  CHECK(fine.out == "raibid-cli " RAIBID_VERSION "\n");
}

TEST_CASE("setup without helm or kubeconfig says how to do without a cluster") {
  Cli cli;
  const auto ask = [&cli] {
    const Output output = cli({"setup", "redis"});
    INFO(said(output));
    CHECK(output.status == 3);
    CHECK(contains(output.err, "\n  without a cluster: raibid-cli setup redis --target local\n"));
    return output.err;
  };
  put(cli.folder() / "none" / "file", "");
  cli.set("PATH", (cli.folder() / "none").string());
  CHECK(contains(ask(), ": not found in PATH"));
  for (const auto& [name, says] : {std::pair("helm", "v3.19.0"), std::pair("kubectl", "{}")}) {
    put(cli.folder() / "tools" / name, fmt::format("#!/bin/sh\necho '{}'\n", says));
    fs::permissions(cli.folder() / "tools" / name, fs::perms::owner_all);
  }
  cli.set("PATH", (cli.folder() / "tools").string() + ":/usr/bin:/bin");
  cli.set("KUBECONFIG", (cli.folder() / "no.kubeconfig").string());
  CHECK(contains(ask(), "kubeconfig"));
  const Output other = cli({"setup", "redis", "--preset", "mirai", "--release", "r1", "-n", "jobs", "--context", "c"});
  INFO(said(other));
  CHECK(contains(other.err, "without a cluster: raibid-cli setup redis --target local --release r1 --preset mirai\n"));
}

TEST_CASE("programs that it starts write no core dumps, and files for nobody else") {
  Cli cli;
  const fs::path tools = cli.folder() / "tools";
  const fs::path witness = cli.folder() / "witness";
  put(tools / "kubectl",
      fmt::format("#!/bin/sh\ngrep 'Max core file size' /proc/self/limits > {0}\numask >> {0}\nexit 1\n",
                  witness.string()));
  fs::permissions(tools / "kubectl", fs::perms::owner_all);
  cli.set("PATH", tools.string() + ":/usr/bin:/bin");
  CHECK(cli({"status"}).status != 0);
  const std::string text = read_file(witness).value_or("");
  const std::vector<std::string> lines = split(text, '\n');
  REQUIRE(lines.size() >= 2);
  // less than the smallest core file; 1 also stops those that core_pattern pipes to a program
  CHECK((contains(lines[0], " 1 ") || contains(lines[0], " 0 ")));
  CHECK_FALSE(contains(lines[0], "unlimited"));
  CHECK(lines[1] == "0077");
}

TEST_CASE("status --watch ends soon after its reader has gone") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    $RAIBID_CLI setup redis --target local --size 64Mi >/dev/null || exit 9
    timeout 20 bash -c '$RAIBID_CLI status --target local -w; echo $? > ended' | head -n 1
    code=$?
    for i in $(seq 100); do [ -s ended ] && break; sleep 0.1; done
    $RAIBID_CLI teardown redis --target local --yes --delete-data >/dev/null || exit 8
    cat ended; exit $code)sh");
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(output.out.ends_with("\n0\n"));
}

TEST_CASE("status --wait waits for what --for names, and says what it waits for") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    exec 2>&1
    cli() { "$RAIBID_CLI" "$@" --target local; echo "exit $?"; }
    cli status redis --wait=300ms --interval 100ms
    cli setup redis > /dev/null
    "$RAIBID_CLI" status redis --target local --wait=1s -q -o json | jq -r .healthy
    "$RAIBID_CLI" status redis --target local --wait --for drained -q -o json | jq -r .healthy
    echo '{"job_id":"1","job_type":"build","payload":"x"}' | cli queue add - > /dev/null
    cli status redis --wait=300ms --interval 100ms --for drained | grep -v '^ '
    cli status redis --wait --for ready -q > /dev/null
    cli status redis --for ready
    cli status --for ready
    cli status --watch -o junit
    cli status redis --wait --all
    cli status redis --wait --interval 0s
    cli teardown redis --yes --delete-data -q)sh");
  INFO(said(output));
  CHECK(output.status == 0);
  for (const char* part : {"not healthy: it is not installed yet", "is not installed\n", "exit 6\n", "true\n",
                           "not drained: raibid:jobs, group raibid-workers: 1 jobs wait, 0 are being worked on",
                           "error: --for says what --wait waits for\n", "error: --wait waits for one Redis",
                           "error: --interval: \"0s\" must be greater than 0\n"}) {
    INFO(part);
    CHECK(contains(output.out, part));
  }
}

TEST_CASE("logs prints what the server said, images what a cluster pulls, junit what was checked") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    exec 2>&1
    "$RAIBID_CLI" setup redis --target local -q > /dev/null || exit 9
    "$RAIBID_CLI" logs redis --target local | grep -c -m 1 'Ready to accept connections'
    "$RAIBID_CLI" logs redis --target local --tail 1 | wc -l
    timeout 2 "$RAIBID_CLI" logs redis --target local --follow > followed; echo "followed $?"
    "$RAIBID_CLI" logs redis --target local --previous; echo "exit $?"
    "$RAIBID_CLI" images redis
    "$RAIBID_CLI" images redis --no-metrics --image example.com/my/redis:7 -o json | jq -c .
    "$RAIBID_CLI" status redis --target local -o junit | grep -c '<testcase'
    "$RAIBID_CLI" smoke redis --target local -o junit | grep -o 'failures="0"'
    "$RAIBID_CLI" doctor --target local -o junit | grep -o '<testsuite name="doctor"'
    "$RAIBID_CLI" url redis --target local -o junit; echo "exit $?"
    "$RAIBID_CLI" status redis --target local --release nothing -o junit | grep -c '<failure'
    "$RAIBID_CLI" teardown redis --target local --yes -q > /dev/null
    "$RAIBID_CLI" status redis --target local; echo "exit $?"
    "$RAIBID_CLI" teardown redis --target local --delete-data --yes -q > /dev/null)sh");
  INFO(said(output));
  CHECK(output.out.starts_with("1\n1\n"));
  const std::vector<std::string> expected = {
      "followed 124\nerror: a server of this machine has one log",
      "exit "
      "2\ndocker.io/library/redis:8.10.2\ndocker.io/oliver006/redis_exporter:v1.89.0\n[\"example.com/my/redis:7\"]\n",
      "failures=\"0\"\n<testsuite name=\"doctor\"\n", "error: 'raibid-cli url redis' cannot write junit\n",
      "is removed; its data are kept in"};
  for (const std::string& part : expected) {
    INFO(part);
    CHECK(contains(output.out, part));
  }
}

TEST_CASE("url --local is an address that a program on this machine can use, a bundle all that another one needs") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    "$RAIBID_CLI" setup redis --target local -q > /dev/null || exit 9
    "$RAIBID_CLI" url redis --target local --local | sed 's/:[0-9]*$/:PORT/'
    redis-cli -u "$("$RAIBID_CLI" url redis --target local --local --with-password)" --no-auth-warning ping
    "$RAIBID_CLI" teardown redis --target local --yes --delete-data -q > /dev/null
    "$RAIBID_CLI" bundle redis bundle.tar.gz -q > /dev/null
    mkdir unpacked; tar -xzf bundle.tar.gz -C unpacked
    cmp unpacked/raibid-cli "$RAIBID_CLI" && echo "the same program"
    "$RAIBID_CLI" images redis | cmp - unpacked/images.txt && echo "the same images"
    helm template x unpacked/chart | grep -c -m 1 'kind: StatefulSet')sh");
  INFO(said(output));
  CHECK(output.out == "redis://127.0.0.1:PORT\nPONG\nthe same program\nthe same images\n1\n");
}

TEST_CASE("queue export ends quietly when its reader has gone") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    $RAIBID_CLI setup redis --target local >/dev/null || exit 9
    seq 20000 | sed 's/.*/{"job_id":"&","job_type":"build","payload":"x"}/' | $RAIBID_CLI queue add - --target local >/dev/null || code=8
    bash -c '$RAIBID_CLI queue export --target local | head -n 1 | wc -l; echo "${PIPESTATUS[0]}"'
    bash -c '$RAIBID_CLI queue export --target local | true; echo "${PIPESTATUS[0]}"'
    $RAIBID_CLI teardown redis --target local --yes --delete-data >/dev/null
    exit $code)sh");
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(output.out == "1\n0\n0\n");
  CHECK(output.err.find("error") == std::string::npos);
}

TEST_CASE("a command behind connect -- gets this Redis under every name, and no other") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    $RAIBID_CLI setup redis --target local >/dev/null || exit 9
    export REDIS_URL=redis://elsewhere:1 REDIS_ADDR=elsewhere:1 REDISCLI_AUTH=wrong REDIS_PASSWORD=wrong
    $RAIBID_CLI connect redis --target local -- bash -c 'env | grep -E "^(REDIS|RAIBID_REDIS)"; redis-cli -h $REDIS_HOST -p $REDIS_PORT ping'
    code=$?
    unset REDIS_URL REDIS_ADDR REDISCLI_AUTH REDIS_PASSWORD
    $RAIBID_CLI teardown redis --target local --yes --delete-data >/dev/null || exit 8
    exit $code)sh");
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(contains(output.out, "REDIS_HOST=127.0.0.1\n"));
  CHECK(contains(output.out, "@127.0.0.1:"));
  CHECK(contains(output.out, "PONG\n"));
  CHECK_FALSE(contains(output.out, "elsewhere"));
  CHECK_FALSE(contains(output.out, "REDIS_ADDR"));
  CHECK_FALSE(contains(output.out, "wrong"));
}

TEST_CASE("a home with a space, quotes and a percent sign is a home") {
  Cli cli;
  const Output output = cli.shell(R"sh(
    export HOME="$PWD/it's a \"100%\" home"; unset RAIBID_HOME
    mkdir -p "$HOME"
    mkdir -p "$HOME/.raibid"; chmod 700 "$HOME/.raibid"
    echo 'Some-Password-1' > "$HOME/pass word"
    printf 'target: local\npassword-file: "~/pass word"\n' > "$HOME/.raibid/config.yaml"
    $RAIBID_CLI setup redis || exit 9
    $RAIBID_CLI status redis || exit 8
    grep -q Some-Password-1 "$HOME/.raibid/redis-credentials.json" || exit 7
    $RAIBID_CLI connect redis -- redis-cli ping || exit 6
    RAIBID_HOME='~/other' $RAIBID_CLI config show >/dev/null || exit 5
    $RAIBID_CLI teardown redis --yes --delete-data || exit 4)sh");
  INFO(said(output));
  CHECK(output.status == 0);
  CHECK(contains(output.out, "PONG"));
}
