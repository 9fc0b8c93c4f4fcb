#include "components/redis/commands/export/variables.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

using namespace raibid;

namespace {

RedisSettings settings() {
  RedisSettings redis;
  redis.name_space = "redis";
  redis.release = "mirai-redis";
  return redis;
}

Variable variable(const std::string& value) { return {"NAME", Secret(value), false}; }

}  // namespace

TEST_CASE("what a client that asks Sentinel needs: where they are, the group's name, the password") {
  const auto variables = sentinel_variables("127.0.0.1:26379,127.0.0.2:26379", Secret("p w"));
  REQUIRE(variables.size() == 3);
  CHECK(variables[0].value == Secret("127.0.0.1:26379,127.0.0.2:26379"));
  CHECK(variables[1].value == Secret("mymaster"));
  CHECK(variables[2].value == Secret("p w"));
  CHECK(variables[2].secret);
}

TEST_CASE("a variable is secret when its value holds the password, or would") {
  Preset preset;
  preset.name = "mine";
  preset.environment = {
      {"URL", "{{url}}/0"}, {"PASSWORD", "{{ password }}"}, {"ADDRESS", "{{address}}"}, {"FIXED", "password url"}};
  const auto with = application_variables(preset, settings(), {"h", 1, Secret("p w")}, "s");
  CHECK(with.at(0).value == Secret("redis://default:p%20w@h:1/0"));
  CHECK(with.at(0).secret);
  CHECK(with.at(1).value == Secret("p w"));
  CHECK(with.at(1).secret);
  CHECK(with.at(2).value == Secret("h:1"));
  CHECK_FALSE(with.at(2).secret);
  CHECK_FALSE(with.at(3).secret);
  const auto without = application_variables(preset, settings(), {"h", 1, Secret()}, "s");
  CHECK(without.at(0).value == Secret("redis://h:1/0"));
  CHECK_FALSE(without.at(0).secret);
  CHECK(without.at(1).secret);  // stays where it is when a password comes
  CHECK(password_variable(preset) == "PASSWORD");
}

TEST_CASE("the host is the name that the application expects, with a domain where that is another namespace's") {
  RedisSettings redis = settings();
  CHECK(expected_host(redis, "app").host == "mirai-redis-master.redis.svc.cluster.local");
  redis.services = {"redis"};
  redis.clients = {{"mirai", {}}};
  CHECK(expected_host(redis, "redis").host == "redis");
  CHECK(expected_host(redis, "mirai").host == "redis.redis.svc.cluster.local");
  CHECK(expected_host(redis, "mirai").short_name == "redis");
  redis.services = {"app/redis-alias"};
  CHECK(expected_host(redis, "app").host == "redis-alias");
}

TEST_CASE("the application's namespace: the one that was chosen, the first client's, Redis' own") {
  RedisSettings redis = settings();
  CHECK(chosen_namespace(redis, "") == "redis");
  redis.clients = {{"mirai", {}}, {"other", {}}};
  CHECK(chosen_namespace(redis, "") == "mirai");
  CHECK(chosen_namespace(redis, "elsewhere") == "elsewhere");
}

TEST_CASE("a URL without a user's name, for a guide that writes it so") {
  Preset preset;
  preset.name = "mine";
  preset.environment = {{"URL", "{{password-url}}"}};
  const auto with = application_variables(preset, settings(), {"h", 1, Secret("pw")}, "s");
  CHECK(with.at(0).value == Secret("redis://:pw@h:1"));
  CHECK(with.at(0).secret);
  CHECK(application_variables(preset, settings(), {"h", 1, Secret()}, "s").at(0).value == Secret("redis://h:1"));
}

TEST_CASE("a file of the application: values are escaped for the double quotes around them") {
  Preset preset;
  preset.name = "mine";
  preset.files = {{"config.yaml", "redis:\n  password: \"{{password}}\"\n"}};
  const auto files = application_files(preset, settings(), {"h", 1, Secret(R"(a"b\c)")}, "s");
  REQUIRE(files.size() == 1);
  CHECK(files[0].name == "config.yaml");
  CHECK(files[0].secret);
  CHECK(files[0].value == Secret("redis:\n  password: \"a\\\"b\\\\c\"\n"));
}

TEST_CASE("a name with a dot: no shell can export it, .env files and docker can") {
  const Variable dotted = {"MXCLONE_REDIS.REDIS_PASSWORD", Secret("pw"), true};
  CHECK(shell_line(dotted).starts_with("# MXCLONE_REDIS.REDIS_PASSWORD: a shell cannot export"));
  CHECK(dotenv_line(dotted) == "MXCLONE_REDIS.REDIS_PASSWORD=pw\n");
  CHECK(docker_line(dotted) == "MXCLONE_REDIS.REDIS_PASSWORD=pw\n");
}

TEST_CASE("lines of variables") {
  CHECK(shell_line(variable("a b'c")) == "export NAME='a b'\\''c'\n");
  CHECK(shell_line(variable("")) == "export NAME=''\n");
  CHECK(dotenv_line(variable("redis://:x@h:1/0")) == "NAME=redis://:x@h:1/0\n");
  CHECK(dotenv_line(variable("$a b")) == "NAME='$a b'\n");
  CHECK(dotenv_line(variable("it's $a\n\\ b")) == "NAME=\"it's \\$a\\n\\\\ b\"\n");
  CHECK(docker_line(variable("'$a' \"b\"")) == "NAME='$a' \"b\"\n");
  CHECK_THROWS(docker_line(variable("a\rb")));
  CHECK(dotenv_line(variable("a\\")) == "NAME=a\\\n");
  CHECK_THROWS(dotenv_line(variable("a b\\")));
  CHECK_THROWS(dotenv_line(variable("it's \"all\"")));
}
