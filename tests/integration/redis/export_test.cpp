#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "config/yaml.hpp"
#include "support/cli.hpp"
#include "support/machine.hpp"
#include "support/readers.hpp"
#include "support/tcp_server.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

using Variables = std::map<std::string, std::string>;

constexpr const char* odd_password = R"(p'a"ss$w\ord#{x}`id`)";

/// What a file of variables can go wrong with.
const Variables odd_values = {
    {"QUOTES", R"(it's "here" now)"},
    {"QUOTED", R"("all")"},
    {"SPACES", "  two  words  "},
    {"DOLLARS", "$HOME ${HOME} $$ $(id) `id`"},
    {"BACKSLASH", R"(a\nb\\c\'d\"e\$f)"},
    {"LAST", R"(a\b\)"},
    {"HASH", "a # b=c"},
    {"EMPTY", ""},
    {"UMLAUT", "grün – 日本"},
};
constexpr const char* two_lines = "first\n  second's \"$end\"\n";

class ExportCli : public Cli {
 public:
  ~ExportCli() {
    for (const char* release : {"raibid-redis", "odd-redis"})
      (*this)({"teardown", "redis", "--release", release, "--target", "local", "--yes", "--delete-data"});
  }

  /// A preset with those values, the password and the address in its environment.
  std::string preset(const Variables& values) {
    nlohmann::ordered_json document = {
        {"name", "odd"}, {"description", "odd values"}, {"settings", {{"namespace", "odd"}, {"release", "odd-redis"}}}};
    for (const auto& [name, value] : values) document["environment"][name] = value;
    document["environment"]["THE_PASSWORD"] = "{{password}}";
    document["environment"]["THE_ADDRESS"] = "{{ address }}";
    const fs::path path = folder() / "odd.yaml";
    write_atomic(path, to_yaml(document));
    return path;
  }

  std::string password_file() {
    const fs::path path = folder() / "password";
    write_atomic(path, std::string(odd_password) + "\n");
    return path;
  }

  Output local(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--target", "local"});
    return (*this)(arguments);
  }

  std::string file(const std::string& name, const std::string& content) {
    write_atomic(folder() / name, content);
    return folder() / name;
  }
};

/// What a shell has after it has read `file`.
Variables in_shell(const std::string& file) {
  Variables variables;
  for (const std::string& entry :
       split(must({"env", "-i", "sh", "-euc", ". \"$1\"; exec /usr/bin/env -0", "sh", file}), '\0')) {
    const std::size_t equals = entry.find('=');
    if (equals != std::string::npos) variables[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  return variables;
}

void check_values(const nlohmann::json& read, const Variables& expected) {
  for (const auto& [name, value] : expected) {
    INFO(name);
    CHECK(read.value(name, "(not there)") == value);
  }
  CHECK(read.at("THE_PASSWORD") == odd_password);
}

}  // namespace

TEST_CASE("export env: sh, godotenv, compose and docker read back what is in the preset") {
  ExportCli cli;
  Variables values = odd_values;
  values["LINES"] = two_lines;
  const std::string preset = cli.preset(values);
  const Output setup = cli.local({"setup", "redis", "--preset", preset, "--password-file", cli.password_file()});
  INFO(said(setup));
  REQUIRE(setup.status == 0);

  const Output shell = cli.local({"export", "env", "--preset", preset, "--with-password"});
  REQUIRE(shell.status == 0);
  const Variables seen = in_shell(cli.file("env.sh", shell.out));
  check_values(nlohmann::json(seen), values);
  CHECK(seen.at("THE_ADDRESS").starts_with("127.0.0.1:"));

  const Output docker = cli.local({"export", "env", "--format", "docker", "--preset", preset, "--with-password"});
  CHECK(docker.status == 2);
  CHECK(docker.err.find("LINES holds a line break") != std::string::npos);

  const Output dotenv = cli.local({"export", "env", "--format", "dotenv", "--preset", preset, "--with-password"});
  REQUIRE(dotenv.status == 0);
  const std::string one_line_preset = cli.preset(odd_values);
  const Output env_file =
      cli.local({"export", "env", "--format", "docker", "--preset", one_line_preset, "--with-password"});
  REQUIRE(env_file.status == 0);
  if (readers().empty()) return;
  const nlohmann::json read = read_by({"dotenv", cli.file("odd.env", dotenv.out)});
  check_values(read.at("godotenv"), values);
  check_values(read.at("compose"), values);
  check_values(read_by({"docker", cli.file("odd.list", env_file.out)}), odd_values);
}

TEST_CASE("export env leaves the password out unless it is asked for, and says so") {
  ExportCli cli;
  CHECK(cli.local({"export", "env"}).status == 6);
  CHECK(cli.local({"export", "secret"}).status == 6);
  CHECK(cli.local({"export", "configmap"}).status == 6);
  CHECK(cli.local({"export", "keda"}).status == 6);
  REQUIRE(cli.local({"setup", "redis"}).status == 0);
  const std::string password = nlohmann::json::parse(tree(cli.home()).at("redis-credentials.json")).at("password");
  for (const char* format : {"shell", "dotenv", "docker"}) {
    const Output without = cli.local({"export", "env", "--format", format});
    CHECK(without.status == 0);
    CHECK((without.out + without.err).find(password) == std::string::npos);
    CHECK(without.out.find("# REDIS_URL holds the password") != std::string::npos);
    CHECK(without.err.find("REDIS_PASSWORD") != std::string::npos);
    CHECK(without.out.find("REDIS_STREAM=raibid:jobs\n") != std::string::npos);
  }
  CHECK(in_shell(cli.file("env.sh", cli.local({"export", "env"}).out)).count("REDIS_URL") == 0);
  CHECK(cli.local({"export", "env", "-o", "json", "--with-password"}).out.find(password) != std::string::npos);
  CHECK(cli.local({"export", "env", "-o", "json"}).out.find(password) == std::string::npos);
  CHECK(cli.local({"export", "configmap"}).out.find(password) == std::string::npos);
  CHECK(cli.local({"export", "keda"}).out.find(password) == std::string::npos);
  const nlohmann::json secret = nlohmann::json::parse(cli.local({"export", "secret", "-o", "json"}).out);
  CHECK(base64_decode(secret.at("data").at("REDIS_PASSWORD").get<std::string>()) == password);
  CHECK(secret.at("data").size() == 3);
}

TEST_CASE("export keda names the queue, and a preset without one is told so") {
  ExportCli cli;
  REQUIRE(cli.local({"setup", "redis"}).status == 0);
  const std::string keda = cli.local({"export", "keda"}).out;
  for (const char* text : {"lagCount: \"1\"", "pendingEntriesCount: \"1\"", "type: cron", "strategy: default",
                           "multipleScalersCalculation: sum", "runAsNonRoot: true", "allowPrivilegeEscalation: false",
                           "type: RuntimeDefault", "scaledjob/raibid-worker autoscaling.keda.sh/paused=true"}) {
    CAPTURE(text);
    CHECK(keda.find(text) != std::string::npos);
  }
  REQUIRE(cli.local({"setup", "redis", "--preset", "mirai"}).status == 0);
  const std::string asynq = cli.local({"export", "keda", "--preset", "mirai"}).out;
  for (const char* state : {"pending", "active", "retry", "scheduled"})
    CHECK(asynq.find(std::string("listName: \"asynq:{critical}:") + state) != std::string::npos);
  CHECK(cli.local({"teardown", "redis", "--preset", "mirai", "--yes", "--delete-data"}).status == 0);
  const Output lists = cli.local({"export", "keda", "--list", "a: list", "--list", "b"});
  CHECK(lists.err.find("cannot reach") != std::string::npos);
  REQUIRE(lists.status == 0);
  CHECK(lists.out.find("listName: \"a: list\"") != std::string::npos);
  CHECK(lists.out.find("multipleScalersCalculation: sum") != std::string::npos);
  CHECK(lists.out.find("strategy: accurate") != std::string::npos);
  const std::string preset = cli.preset({});
  REQUIRE(cli.local({"setup", "redis", "--preset", preset}).status == 0);
  const Output none = cli.local({"export", "keda", "--preset", preset});
  CHECK(none.status == 2);
  CHECK(none.err.find("--list") != std::string::npos);
  CHECK(cli.local({"export", "keda", "--preset", preset, "--stream", "s", "--group", "g"})
            .out.find("consumerGroup: \"g\"") != std::string::npos);
  CHECK(cli.local({"export", "secret", "--name", "No Name"}).status == 2);
  CHECK(cli.local({"export", "secret", "--app-namespace", "No"}).status == 2);
}

TEST_CASE("export hands mxclone names with a dot and a config.yaml, since its configuration takes no others") {
  ExportCli cli;
  const std::vector<std::string> mxclone = {"--preset", "mxclone"};
  const auto run = [&](std::vector<std::string> words) {
    words.insert(words.end(), mxclone.begin(), mxclone.end());
    const Output output = cli.local(words);
    INFO(said(output));
    CHECK(output.status == 0);
    return output.out;
  };
  run({"setup", "redis", "--password-file", cli.password_file()});
  const nlohmann::json secret = nlohmann::json::parse(run({"export", "secret", "-o", "json"})).at("data");
  for (const char* name : {"MXCLONE_REDIS_REDIS_PASSWORD", "MXCLONE_REDIS.REDIS_PASSWORD"})
    CHECK(base64_decode(secret.at(name).get<std::string>()) == odd_password);
  const nlohmann::json map = nlohmann::json::parse(run({"export", "configmap", "-o", "json"})).at("data");
  CHECK(map.at("MXCLONE_REDIS.REDIS_ADDRESS") == map.at("MXCLONE_REDIS_REDIS_ADDRESS"));

  const std::string text = base64_decode(secret.at("config.yaml").get<std::string>());
  const nlohmann::json config = parse_yaml(text, "config.yaml");
  CHECK(config.at("job_store_type") == "redis");
  CHECK(config.at("redis").at("redis_password") == odd_password);
  CHECK(config.at("redis").at("redis_address") == map.at("MXCLONE_REDIS_REDIS_ADDRESS"));
  CHECK(config.at("redis").at("redis_prefix") == "traceroutejob:");
  const std::string shell = run({"export", "env", "--with-password"});
  CHECK(in_shell(cli.file("mxclone.sh", shell)).count("MXCLONE_REDIS_REDIS_ADDRESS") == 1);
  const std::string dotenv = run({"export", "env", "--with-password", "--format", "dotenv"});
  const std::string docker = run({"export", "env", "--with-password", "--format", "docker"});
  if (!readers().empty()) {
    const nlohmann::json read = read_by({"dotenv", cli.file("mxclone.env", dotenv)});
    CHECK(read.at("godotenv").at("MXCLONE_REDIS.REDIS_PASSWORD") == odd_password);
    CHECK(read.at("compose").at("MXCLONE_REDIS.REDIS_PASSWORD") == odd_password);
    CHECK(read_by({"docker", cli.file("mxclone.list", docker)}).at("MXCLONE_REDIS.REDIS_PASSWORD") == odd_password);
  }
  CHECK(cli.local({"teardown", "redis", "--preset", "mxclone", "--yes", "--delete-data"}).status == 0);
}

TEST_CASE("url and export: redis-cli logs in with what they write, and raibid's guide has its own form") {
  ExportCli cli;
  REQUIRE(cli.local({"setup", "redis"}).status == 0);
  const auto logs_in = [](const std::string& url) {
    return attempt({"redis-cli", "--no-auth-warning", "-u", std::string(trim(url)), "PING"}).out == "PONG\n";
  };
  const std::string url = cli.local({"url", "redis", "--with-password"}).out;
  CHECK(url.starts_with("redis://default:"));
  CHECK(logs_in(url));
  const nlohmann::json variables =
      nlohmann::json::parse(cli.local({"export", "env", "--with-password", "-o", "json"}).out);
  CHECK(variables.at("RAIBID_REDIS_URL").get<std::string>() + "\n" == url);
  CHECK(logs_in(variables.at("RAIBID_REDIS_URL")));
  CHECK(variables.at("REDIS_URL").get<std::string>().starts_with("redis://:"));
  CHECK(variables.at("QUEUE_STREAM") == "raibid:jobs");
  CHECK(variables.at("CONSUMER_GROUP") == "raibid-workers");
}

TEST_CASE("export values: what helm takes for the embedded chart, without an installation and without a secret") {
  if (helm_programs().empty()) return;
  ExportCli cli;
  const Output values = cli({"export", "values", "--memory-limit", "1Gi"});
  INFO(said(values));
  REQUIRE(values.status == 0);
  const std::string file = cli.file("values.yaml", values.out);
  for (const auto& [helm, major] : helm_programs()) {
    const std::string rendered = must(
        {helm, "template", "raibid-redis", std::string(RAIBID_SOURCE_DIR) + "/templates/charts/redis", "-f", file});
    CHECK(rendered.find("maxmemory 614mb") != std::string::npos);
    CHECK(rendered.find("kind: Secret") == std::string::npos);
  }
}

TEST_CASE("export compose: with a user of the application's own it makes the users that setup makes") {
  ExportCli cli;
  const Output output = cli({"export", "compose", "--preset", "sla-management"});
  INFO(said(output));
  REQUIRE(output.status == 0);
  const nlohmann::json file = parse_yaml(output.out, "compose");
  CHECK(file.at("secrets").at("redis-admin-password").at("environment") == "REDIS_ADMIN_PASSWORD");
  CHECK(output.out.find("printf 'REDIS_ADMIN_PASSWORD=%s") != std::string::npos);
  const nlohmann::json service = file.at("services").begin().value();
  const std::vector<std::string> secrets = service.at("secrets");
  CHECK(secrets == std::vector<std::string>{"redis-password", "redis-admin-password"});
  // the script writes the ACL file and ends there
  std::string script = service.at("command").at(2);
  const std::string root = cli.folder();
  must({"mkdir", "-p", root + "/run/secrets", root + "/run/redis"});
  write_atomic(root + "/run/secrets/redis-password", odd_password);
  for (std::size_t at = script.find("$$"); at != std::string::npos; at = script.find("$$", at + 1)) script.erase(at, 1);
  for (const char* folder : {"/run/secrets", "/run/redis/"}) {
    for (std::size_t at = script.find(folder); at != std::string::npos; at = script.find(folder, at + root.size() + 1))
      script.insert(at, root);
  }
  script.replace(script.find("exec redis-server"), 4, "echo");
  CHECK(attempt({"sh", "-ec", script}).err.find("the secret redis-admin-password is empty") != std::string::npos);
  write_atomic(root + "/run/secrets/redis-admin-password", "of the admin");
  must({"sh", "-ec", script});
  const std::string made = read_file(root + "/run/redis/users.acl").value();
  // what setup writes on this machine, with these passwords
  const std::vector<std::string> target = {"setup", "redis", "--target", "local", "--preset", "sla-management"};
  const Output installed = cli(target);
  INFO(said(installed));
  REQUIRE(installed.status == 0);
  const std::string wanted = must({"sh", "-c", "cat " + cli.home().string() + "/local/*/users.acl"});
  cli({"teardown", "redis", "--target", "local", "--preset", "sla-management", "--yes", "--delete-data"});
  const auto without_hashes = [](const std::string& text) {
    std::string lines;
    for (const std::string& line : split(text, '\n')) {
      if (line.empty() || line.starts_with("user trim ")) continue;
      for (const std::string& word : split(line, ' ')) lines += (word.starts_with('#') ? "#" : word) + " ";
      lines += "\n";
    }
    return lines;
  };
  CHECK(without_hashes(made) == without_hashes(wanted));
  CHECK(made.find("user admin on #" + sha256_hex("of the admin")) != std::string::npos);
  CHECK(made.find("#" + sha256_hex(odd_password)) != std::string::npos);
}

TEST_CASE("export compose: compose's own loader takes it, and its start script makes the Redis that was asked for") {
  ExportCli cli;
  const Output output = cli({"export", "compose"});
  INFO(said(output));
  REQUIRE(output.status == 0);
  const nlohmann::json file = parse_yaml(output.out, "compose");
  const nlohmann::json service = file.at("services").at("redis");
  if (!readers().empty()) {
    const nlohmann::json read =
        read_by({"compose", cli.file("compose.yaml", output.out), cli.file(".env", "REDIS_PASSWORD=from-the-file\n")});
    const nlohmann::json loaded = read.at("project").at("services").at("redis");
    CHECK(loaded.at("deploy").at("resources").at("limits").at("memory") == std::to_string(512 << 20));
    CHECK(read.at("extensions").at("x-redis-environment").at("REDIS_URL") == "redis://:from-the-file@redis:6379");
    CHECK(read.at("extensions").at("x-redis-environment").at("RAIBID_REDIS_URL") ==
          "redis://default:from-the-file@redis:6379");
    CHECK(loaded.dump().find("from-the-file") == std::string::npos);
  }

  // the container's command, with its folders moved here
  const int port = free_port();
  const std::string root = cli.folder();
  must({"mkdir", "-p", root + "/run/secrets", root + "/run/redis", root + "/data", root + "/etc/redis"});
  write_atomic(root + "/run/secrets/redis-password", odd_password);
  const auto moved = [&](std::string text, bool conf) {
    for (const char* folder : {"/run/secrets", "/run/redis", "/etc/redis", "dir /data"}) {
      const std::string from = folder;
      const std::string to = from.starts_with("dir ") ? "dir " + root + from.substr(4) : root + from;
      for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    }
    for (std::size_t at = text.find("$$"); at != std::string::npos; at = text.find("$$", at + 1)) text.erase(at, 1);
    return conf ? text + "port " + std::to_string(port) + "\nbind 127.0.0.1\n" : text;
  };
  write_atomic(root + "/etc/redis/redis.conf", moved(file.at("configs").at("redis-conf").at("content"), true));
  std::vector<std::string> argv = service.at("command");
  argv.back() = moved(argv.back(), false);
  const std::unique_ptr<Process> server = real_runner().start({argv, "", {}});
  Process* const process = server.get();
  const TimePoint until = real_runner().now() + std::chrono::seconds(20);
  while (server->out().find("Ready to accept") == std::string::npos && real_runner().now() < until &&
         !server->finished())
    real_runner().wait({&process, 1}, until);
  INFO(server->out() << server->err());
  std::string check = service.at("healthcheck").at("test").at(1);
  check.replace(check.find("redis-cli"), 9, "redis-cli -p " + std::to_string(port));
  CHECK(attempt({"sh", "-c", check}).status == 0);
  const std::vector<std::string> client = {"redis-cli", "--no-auth-warning", "-p", std::to_string(port),
                                           "-a",        odd_password};
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.begin(), client.begin(), client.end());
    return std::string(trim(must(words)));
  };
  CHECK(ask({"PING"}) == "PONG");
  CHECK(ask({"CONFIG", "GET", "maxmemory"}) == "maxmemory\n" + std::to_string(307 << 20));
  CHECK(ask({"CONFIG", "GET", "appendonly"}) == "appendonly\nyes");
  CHECK(attempt({"redis-cli", "-p", std::to_string(port), "GET", "x"}).out.find("NOAUTH") != std::string::npos);
  server->end();
  CHECK(attempt({"sh", "-c", check}).status != 0);
}
