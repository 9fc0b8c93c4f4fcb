#include "components/redis/settings/redis_conf.hpp"

#include <doctest/doctest.h>

#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

TEST_CASE("a path with spaces and quotes is one word of redis.conf") {
  CHECK(conf_word("/home/ann/.raibid/x") == "/home/ann/.raibid/x");
  CHECK(conf_word("/home/a b/it's \"100%\" \\x") == R"("/home/a b/it's \"100%\" \\x")");
}

TEST_CASE("redis.conf has a line for each directive, in order") {
  CHECK(redis_conf({{"save", "900 1"}, {"save", "300 10"}, {"appendonly", "yes"}}) ==
        "save 900 1\nsave 300 10\nappendonly yes\n");
  CHECK(redis_conf({{"save", ""}}) == "save \"\"\n");
  CHECK(redis_conf({}).empty());
}

TEST_CASE("sizes as Redis reads them") {
  CHECK(parse_redis_memory("0") == 0);
  CHECK(parse_redis_memory("1000") == 1000);
  CHECK(parse_redis_memory("5b") == 5);
  CHECK(parse_redis_memory("1k") == 1000);
  CHECK(parse_redis_memory("1kb") == 1024);
  CHECK(parse_redis_memory("307mb") == 307 * 1024 * 1024);
  CHECK(parse_redis_memory("3M") == 3000000);
  CHECK(parse_redis_memory("1GB") == 1073741824);
  CHECK(parse_redis_memory("2g") == 2000000000);
  for (const char* text :
       {"", "mb", "1mib", "1Gi", "-1", "1.5gb", "1 gb", " 1", "99999999999gb", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_redis_memory(text).has_value());
  }
}

TEST_CASE("a value's words as Redis reads them") {
  using Words = std::vector<std::string>;
  CHECK(redis_words("900 1  300\t10") == Words{"900", "1", "300", "10"});
  CHECK(redis_words("").value().empty());
  CHECK(redis_words("\"\"") == Words{""});
  CHECK(redis_words("\"a b\" 'c d'") == Words{"a b", "c d"});
  CHECK(redis_words(R"("\x41\n\"" 'it\'s \n')") == Words{"A\n\"", "it's \\n"});
  CHECK_FALSE(redis_words("\"open"));
  CHECK_FALSE(redis_words("'open"));
  CHECK_FALSE(redis_words("\"a\"b"));
  CHECK_FALSE(redis_words("\""));
}

TEST_CASE("directives that a preset may not set") {
  const auto refusal = [](const std::string& name, const std::string& value) {
    return error_of([&] { check_directives({{name, value}}, "preset mine"); });
  };
  for (const char* name : {"requirepass", "masterauth", "user", "tls-key-file-pass"}) {
    CAPTURE(name);
    const Error error = refusal(name, "secret");
    CHECK(error.code() == ExitCode::usage);
    CHECK(has(error.message(), std::string("preset mine: redis.") + name));
    CHECK(has(error.hint(), "--password-file"));
    CHECK_FALSE(has(error.message() + error.hint(), "secret"));
  }
  CHECK(has(refusal("port", "1").message(), "raibid-cli sets this directive itself"));
  CHECK(has(refusal("aclfile", "x").message(), "raibid-cli sets this directive itself"));
  CHECK(has(refusal("Save", "").message(), "not the name of a redis.conf directive"));
  CHECK(has(refusal("save 1", "").message(), "not the name of a redis.conf directive"));
  CHECK(has(refusal("", "x").message(), "not the name of a redis.conf directive"));
  CHECK(has(refusal("save", "1 1\nrequirepass x").message(), "control character"));
  CHECK(has(refusal("proc-title-template", "{{title}}").message(), "{{"));
  CHECK(has(refusal("save", "\"1 1").message(), "unbalanced quotes"));
  CHECK_NOTHROW(check_directives(
      {{"save", ""}, {"save", "900 1"}, {"notify-keyspace-events", "Ex"}, {"no-such-directive", "1"}}, "preset mine"));
}

TEST_CASE("text that sets a password") {
  for (const char* text : {"requirepass x", "hz 10\n  RequirePass x", "--requirepass x", "{--masterauth,x}",
                           "\"requirepass\" x", "a --requirepass", "masterauth\tx"}) {
    CAPTURE(text);
    CHECK(sets_password(text));
  }
  for (const char* text : {"", "# requirepass x", "see requirepass", "requirepassword x", "requirepass-not 1",
                           "-requirepass-", "appendonly yes"}) {
    CAPTURE(text);
    CHECK_FALSE(sets_password(text));
  }
}

TEST_CASE("a whole redis.conf is read without what only says how the server is run") {
  const Directives read = parse_redis_conf(
      "# a comment\nbind * -::*\ndaemonize no\npidfile \"\"\ndir /data\naclfile /etc/redis/users.acl\n  Save \"\"\n\n"
      "MaxMemory\t1gb\r\nappendonly");
  CHECK(read == Directives{{"bind", "* -::*"}, {"save", "\"\""}, {"maxmemory", "1gb"}, {"appendonly", ""}});
}
