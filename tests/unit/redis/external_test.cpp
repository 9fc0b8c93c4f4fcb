// A Redis that is there already: its URL, what does not apply to it, and the way to it.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/component.hpp"
#include "components/redis/commands/smoke/operation.hpp"
#include "components/redis/place/external/external_server.hpp"
#include "components/redis/place/external/external_target.hpp"
#include "components/redis/place/external/steady_connection.hpp"
#include "components/redis/server/health.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "components/redis/server/script.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/settings/advice.hpp"
#include "components/redis/settings/redis_address.hpp"
#include "components/registry.hpp"
#include "components/scope.hpp"
#include "fakes/fake_clock.hpp"
#include "fakes/fake_desk.hpp"
#include "fakes/fake_redis.hpp"
#include "support/redis_settings.hpp"
#include "support/test_certificates.hpp"
#include "support/thrown.hpp"
#include "tools/reading_redis.hpp"

namespace raibid::external_test {

using test::FakeDesk;
using test::Given;
using test::redis_settings_of;
using test::settings_of;
using Words = std::vector<std::string>;

RedisAddress parsed(const std::string& url) { return parse_redis_url(url, "--url", PasswordInUrl::allowed); }

Error refusal(const std::string& url, PasswordInUrl password = PasswordInUrl::allowed) {
  return test::error_of([&] { parse_redis_url(url, "--url", password); });
}

std::vector<Given> with_url(const std::string& url, std::vector<Given> more = {}) {
  more.insert(more.begin(), {{"target", "external"}, {"url", url}});
  return more;
}

/// A desk whose settings are those of `given`, with a home of its own.
struct Desk : FakeDesk {
  explicit Desk(const std::vector<Given>& given) : home(fs::temp_directory_path()) {
    context.settings = settings_of(given);
    context.preset = test::job_queue_preset();
    context.paths = {home.path(), home.path(), home.path()};
  }
  ExternalTarget target() { return find_external(context, redis_settings(context)); }
  void save(Credentials credentials, const std::string& name) {
    credentials.target = "external";
    credentials.context = credentials.cluster_uid;
    credentials.name_space = credentials.name_space.empty() ? "raibid-redis" : credentials.name_space;
    credentials.release = credentials.release.empty() ? "raibid-redis" : credentials.release;
    save_credentials(context.files, credentials, home.path() / name);
  }
  TemporaryDirectory home;
};

Credentials saved_at(const std::string& host, int port, const std::string& password,
                     const std::string& user = "default") {
  Credentials credentials;
  credentials.host = host;
  credentials.port = port;
  credentials.password = Secret(password);
  credentials.username = user;
  credentials.cluster_uid = fmt::format("{}:{}", host, port);
  return credentials;
}

/// Counts the round trips of one connection.
class Counting final : public RedisConnection {
 public:
  explicit Counting(std::unique_ptr<RedisConnection> redis) : m_redis(std::move(redis)) {}
  int trips = 0;
  RedisReply command(const Words& arguments) override {
    ++trips;
    return m_redis->command(arguments);
  }
  std::vector<RedisReply> pipeline(const std::vector<Words>& commands) override {
    ++trips;
    return m_redis->pipeline(commands);
  }
  void send(const Words& arguments) override { m_redis->send(arguments); }
  RedisReply receive() override { return m_redis->receive(); }

 private:
  std::unique_ptr<RedisConnection> m_redis;
};

RedisReply integer(std::int64_t value) { return {RedisReply::Type::integer, "", value, {}}; }

/// What stats.lua answers of a stream.
RedisReply some_facts() {
  const auto text = [](const char* value) { return FakeRedis::text(value); };
  return FakeRedis::list({text("stream"), integer(3), integer(3), text("1-1"), text("1-1"), FakeRedis::list({}),
                          integer(0), integer(0), integer(0), text("")});
}

TEST_SUITE("external") {
  TEST_CASE("a URL names user, host, port and database, and their defaults") {
    struct Row {
      const char *url, *user, *password, *host;
      int port, database;
      const char *text, *again;
    };
    const Row rows[] = {
        {"redis://h", "", "", "h", 6379, 0, "h:6379", "redis://h:6379"},
        {"redis://h/", "", "", "h", 6379, 0, "h:6379", "redis://h:6379"},
        {"REDIS://h:7000/3", "", "", "h", 7000, 3, "h:7000/3", "redis://h:7000/3"},
        {"redis://app@h:7000/2", "app", "", "h", 7000, 2, "h:7000/2", "redis://app@h:7000/2"},
        {"redis://:p@h", "", "p", "h", 6379, 0, "h:6379", "redis://h:6379"},
        {"redis://default:p@h", "", "p", "h", 6379, 0, "h:6379", "redis://h:6379"},
        {"redis://a%40b:p%2f%25@h", "a@b", "p/%", "h", 6379, 0, "h:6379", "redis://a%40b@h:6379"},
        {"redis://u:p/a@s@h:1/0", "u", "p/a@s", "h", 1, 0, "h:1", "redis://u@h:1"},
        {"redis://[::1]:7000/1", "", "", "::1", 7000, 1, "[::1]:7000/1", "redis://[::1]:7000/1"},
        {"redis://my_cache-1.example.com", "", "", "my_cache-1.example.com", 6379, 0, "my_cache-1.example.com:6379",
         "redis://my_cache-1.example.com:6379"},
    };
    for (const Row& row : rows) {
      CAPTURE(row.url);
      const RedisAddress address = parsed(row.url);
      CHECK(address.username == row.user);
      CHECK(address.password.reveal() == row.password);
      CHECK(address.host == row.host);
      CHECK(address.port == row.port);
      CHECK(address.database == row.database);
      CHECK_FALSE(address.tls);
      CHECK(address.text() == row.text);
      CHECK(address.url() == row.again);
    }
    CHECK(parsed("rediss://h").tls);
  }

  TEST_CASE("what is not a URL of a Redis is refused, and nothing of it is repeated") {
    for (const char* url : {"",
                            "secret",
                            "secret:6379",
                            "http://secret",
                            "redis+socket:///secret",
                            "unix:///secret",
                            "redis://",
                            "redis://:secret",
                            "redis://h:secret",
                            "redis://h:0",
                            "redis://h:65536",
                            "redis://h:-1",
                            "redis://h:1x",
                            "redis://h/secret",
                            "redis://h/1/secret",
                            "redis://h/-1",
                            "redis://h?secret=1",
                            "redis://h:1?secret=1",
                            "redis://h#secret",
                            "redis://u:secret%2@h",
                            "redis://u:secret%zz@h",
                            "redis://[::1",
                            "redis://h secret",
                            "redis://h;secret",
                            "redis://u:secret@"}) {
      CAPTURE(url);
      const Error error = refusal(url);
      CHECK(error.code() == ExitCode::usage);
      CHECK(error.message().starts_with("--url: "));
      CHECK(error.message().find("secret") == std::string::npos);
      CHECK_FALSE(error.hint().empty());
      CHECK(error.hint().find("secret") == std::string::npos);
    }
  }

  TEST_CASE("a password in an option's or a file's URL is refused, with what to do instead") {
    const Error error = refusal("redis://app:secret@h", PasswordInUrl::refused);
    CHECK(error.code() == ExitCode::usage);
    CHECK((error.message() + error.hint()).find("secret") == std::string::npos);
    CHECK(error.hint().find("--password-file") != std::string::npos);
    CHECK(error.hint().find("REDIS_URL") != std::string::npos);
    for (const Source source : {Source::flag, Source::environment, Source::file}) {
      const Error of_settings = test::error_of([&] {
        redis_settings_of({{"target", "external"}, {"url", "redis://:secret@h", "here", source}});
      });
      CHECK(of_settings.code() == ExitCode::usage);
      CHECK(of_settings.message().find("secret") == std::string::npos);
    }
  }

  TEST_CASE(
      "options that mean nothing there are refused with the reason; a variable or a file may be for other targets") {
    const std::pair<const char*, const char*> options[] = {{"size", "4Gi"},
                                                           {"storage-class", "fast"},
                                                           {"no-persistence", "true"},
                                                           {"memory-limit", "1Gi"},
                                                           {"memory-request", "1Gi"},
                                                           {"cpu-limit", "1"},
                                                           {"cpu-request", "1"},
                                                           {"chart", "bitnami"},
                                                           {"chart-version", "1"},
                                                           {"image", "redis:7"},
                                                           {"exporter-image", "x:1"},
                                                           {"set", "a=b"},
                                                           {"values", "/dev/null"},
                                                           {"no-metrics", "true"},
                                                           {"no-auth", "true"},
                                                           {"allow-from", "apps"},
                                                           {"adopt", "true"},
                                                           {"restart", "true"},
                                                           {"discard-data", "true"},
                                                           {"kubeconfig", "/x"},
                                                           {"context", "k3s"},
                                                           {"trim-schedule", "@daily"},
                                                           {"tls", "true"},
                                                           {"tls-secret", "mine"},
                                                           {"tls-issuer", "ca"},
                                                           {"tls-client-certs", "true"},
                                                           {"tls-migrate", "true"}};
    for (const auto& [name, value] : options) {
      CAPTURE(name);
      const Error error = test::error_of([&] { redis_settings_of(with_url("redis://h", {{name, value}})); });
      CHECK(error.code() == ExitCode::usage);
      CHECK(error.message().find(std::string("--") + name) != std::string::npos);
      CHECK(error.message().size() > std::string("--external").size() + 20);
      CHECK_FALSE(error.hint().empty());
      if (std::string_view(name) == "trim-schedule") continue;  // it follows what the preset says
      const RedisSettings settings =
          redis_settings_of(with_url("redis://h", {{name, value, "RAIBID_X", Source::environment}}));
      CHECK(settings.chosen.count(name) == 0);
    }
    const Error url = test::error_of([] { redis_settings_of({{"url", "redis://h"}}); });
    CHECK(url.code() == ExitCode::usage);
    CHECK(url.message().find("--target external") != std::string::npos);
    CHECK(redis_settings_of({{"url", "redis://h", "config.yaml:1", Source::file}}).target == Target::kubernetes);
  }

  TEST_CASE("of a preset its streams and clients count, not how it would make a Redis; and no rule judges that") {
    const RedisSettings settings = redis_settings_of(with_url("redis://h/2"));
    CHECK(settings.target == Target::external);
    CHECK(settings.address->database == 2);
    CHECK(settings.streams.size() == 1);
    CHECK(settings.directives.empty());
    CHECK(settings.memory_limit.empty());
    CHECK(settings.size.empty());
    CHECK(settings.trim_schedule.empty());
    CHECK(advise(settings).empty());
    CHECK(target_name(Target::external) == "external");
  }

  TEST_CASE("hints name the same Redis again: URL and password file") {
    const Scope scope(settings_of(with_url(
        "redis://app@h:1/2", {{"password-file", "/p w"}, {"context", "k3s", "RAIBID_CONTEXT", Source::environment}})));
    CHECK(scope.command("status") ==
          "raibid-cli status --target external --url redis://app@h:1/2 --password-file '/p w'");
    CHECK(scope.found("local", "", "r1", "").command("status") == "raibid-cli status --target local --release r1");
    CHECK(Scope().at("redis://h:1").command("status") == "raibid-cli status --target external --url redis://h:1");
    const Scope other(settings_of({{"url", "redis://h", "RAIBID_URL", Source::environment}}));
    CHECK(other.command("status") == "raibid-cli status");
  }

  TEST_CASE("the address is from --url, else REDIS_URL, else what setup saved") {
    Desk desk(std::vector<Given>{{"target", "external"}});
    const Error unknown = test::error_of([&] { desk.target(); });
    CHECK(unknown.code() == ExitCode::usage);
    CHECK(unknown.hint().find("--adopt-service") != std::string::npos);

    Credentials credentials = saved_at("saved", 7000, "of-saved", "app");
    credentials.database = 3;
    credentials.cluster_uid += "/3";
    desk.save(credentials, "redis-credentials.json");
    ExternalTarget target = desk.target();
    CHECK(target.address.text() == "saved:7000/3");
    CHECK(target.address.username == "app");
    CHECK(target.address.password.reveal() == "of-saved");
    CHECK(target.saved.has_value());

    desk.context.environment["REDIS_URL"] = "redis://u:of-variable@variable:1";
    target = desk.target();
    CHECK(target.address.text() == "variable:1");
    CHECK(target.address.password.reveal() == "of-variable");
    CHECK(target.origin == "REDIS_URL");
    CHECK_FALSE(target.saved.has_value());

    desk.context.settings = settings_of(with_url("redis://saved:7000/3"));
    target = desk.target();
    CHECK(target.address.text() == "saved:7000/3");
    CHECK(target.address.username == "app");
    CHECK(target.address.password.reveal() == "of-saved");
    desk.context.settings = settings_of(with_url("redis://other@saved:7000/3"));
    CHECK(desk.target().address.password.empty());  // another user's password is none of his
    desk.context.settings = settings_of(with_url("redis://elsewhere"));
    CHECK(desk.target().address.password.empty());  // nor another Redis's
  }

  TEST_CASE("a password file stands above the variable's and the saved password") {
    Desk desk(std::vector<Given>{{"target", "external"}});
    write_atomic(desk.home.path() / "pw", "of-the-file\n");
    desk.context.settings =
        settings_of({{"target", "external"}, {"password-file", (desk.home.path() / "pw").string()}});
    desk.context.environment["REDIS_URL"] = "redis://:of-variable@variable";
    CHECK(desk.target().address.password.reveal() == "of-the-file");
    desk.context.settings = settings_of({{"target", "external"}, {"password-file", "/nowhere"}});
    CHECK(test::error_of([&] { desk.target(); }).code() == ExitCode::usage);
  }

  TEST_CASE("of several saved ones the release chooses; else the user has to") {
    Desk desk(std::vector<Given>{{"target", "external"}});
    desk.save(saved_at("a", 1, "x"), "redis-credentials.a.json");
    Credentials second = saved_at("b", 1, "y");
    second.release = "mirai-redis";
    desk.save(second, "redis-credentials.b.json");
    CHECK(desk.target().address.host == "a");  // the release of the settings
    desk.context.settings = settings_of({{"target", "external"}, {"release", "mirai-redis"}});
    CHECK(desk.target().address.host == "b");
    desk.context.settings = settings_of({{"target", "external"}, {"release", "other", "p", Source::preset}});
    const Error error = test::error_of([&] { desk.target(); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(error.message().find("a:1") != std::string::npos);
    CHECK(error.message().find("b:1") != std::string::npos);
  }

  TEST_CASE("rediss://: the server has to be the host of the URL, trusted by --tls-ca or the system") {
    Desk desk(with_url("rediss://h"));
    const auto tls = tls_of(desk.context, desk.target());
    REQUIRE(tls.has_value());
    CHECK(tls->server_name == "h");
    CHECK(tls->ca == "");
    CHECK(tls->certificate == "");
    const test::TestCertificates certificates;
    const auto [certificate, key] = certificates.write("mine", certificates.client());
    desk.context.settings = settings_of(with_url(
        "rediss://h", {{"tls-ca", certificates.ca_file().string()}, {"tls-cert", certificate}, {"tls-key", key}}));
    const ExternalTarget given = desk.target();
    CHECK(given.tls_ca == certificates.ca().certificate);
    CHECK(given.tls_certificate == certificate);
    CHECK(tls_of(desk.context, given)->key.reveal().find("PRIVATE KEY") != std::string::npos);
    desk.context.settings = settings_of(with_url("redis://h"));
    CHECK_FALSE(tls_of(desk.context, desk.target()).has_value());
  }

  TEST_CASE("rediss://: files that cannot be used are refused before anything is sent") {
    const test::TestCertificates certificates;
    const auto [certificate, key] = certificates.write("mine", certificates.client());
    const auto [other, other_key] = certificates.write("other", certificates.client());
    const std::string ca = certificates.ca_file().string();
    struct Row {
      const char* what;
      std::string url;
      std::vector<Given> more;
      std::string words;
    };
    const Row rows[] = {
        {"no such CA", "rediss://h", {{"tls-ca", "/nowhere"}}, "--tls-ca: /nowhere is not there"},
        {"a folder", "rediss://h", {{"tls-ca", "/"}}, "cannot be read"},
        {"a key as CA", "rediss://h", {{"tls-ca", key}}, "the CA has no certificate in PEM"},
        {"no key", "rediss://h", {{"tls-cert", certificate}}, "--tls-cert was given without its key"},
        {"no certificate", "rediss://h", {{"tls-key", key}}, "--tls-key was given without its certificate"},
        {"another's key", "rediss://h", {{"tls-cert", certificate}, {"tls-key", other_key}}, "does not belong to"},
        {"no such key", "rediss://h", {{"tls-cert", certificate}, {"tls-key", "/nowhere"}}, "/nowhere is not there"},
        {"TLS options without TLS", "redis://h", {{"tls-ca", ca}}, "--tls-ca goes with rediss://"},
    };
    for (const Row& row : rows) {
      CAPTURE(row.what);
      Desk desk(with_url(row.url, row.more));
      const Error error = test::error_of([&] { desk.target(); });
      CHECK(error.code() == ExitCode::usage);
      CHECK(test::has(error.message(), row.words));
      CHECK(error.hint() != "");
      CHECK(desk.redis.connections == 0);
    }
    const Error local = test::error_of([&] { redis_settings_of({{"target", "local"}, {"tls-ca", ca}}); });
    CHECK(test::has(local.message(), "--tls-ca goes with --target external"));
  }

  TEST_CASE("rediss://: what setup saved is used again: the CA itself, and the paths of certificate and key") {
    const test::TestCertificates certificates;
    const auto [certificate, key] = certificates.write("mine", certificates.client());
    Desk desk(std::vector<Given>{{"target", "external"}});
    Credentials saved = saved_at("h", 1, "x");
    saved.tls = true;
    saved.ca_certificate = certificates.ca().certificate;
    saved.tls_certificate = certificate;
    saved.tls_key = key;
    desk.save(saved, "redis-credentials.json");
    const std::string text = *read_file(desk.home.path() / "redis-credentials.json");
    CHECK_FALSE(test::has(text, "PRIVATE KEY"));
    CHECK(tls_of(desk.context, desk.target())->ca == certificates.ca().certificate);
    CHECK(desk.target().address.url() == "rediss://h:1");
    fs::remove(key);
    const Error error = test::error_of([&] { desk.target(); });
    CHECK(test::has(error.message(), "redis-credentials.json: " + key + " is not there"));
  }

  TEST_CASE("credentials keep database and what setup made, and a damaged list is refused") {
    Desk desk({});
    Credentials credentials = saved_at("h", 1, "p");
    credentials.database = 4;
    credentials.made = {{"a b", "g"}, {"c", "d"}};
    desk.save(credentials, "redis-credentials.json");
    const fs::path path = desk.home.path() / "redis-credentials.json";
    const Credentials again = *read_credentials(path);
    CHECK(again.database == 4);
    CHECK(again.made == credentials.made);
    CHECK(to_json(again) == read_file(path));
    for (const char* damage : {R"("made": 1)", R"("made": ["x"])", R"("made": [["x"]])", R"("made": [[1, 2]])",
                               R"("database": -1)", R"("database": "1")", R"("database": 1.5)"}) {
      CAPTURE(damage);
      std::string text = *read_file(path);
      text.replace(text.rfind("\n}"), 1, std::string(",\n  ") + damage + "\n");
      desk.context.files.write_own_file(desk.home.path() / "redis-credentials.x.json", text);
      CHECK(test::error_of([&] { read_credentials(desk.home.path() / "redis-credentials.x.json"); }).code() ==
            ExitCode::preflight);
    }
  }

  TEST_CASE("logs in, chooses the database and asks for PONG in one round trip") {
    Desk desk(with_url("redis://app@h/2"));
    desk.context.environment["REDIS_URL"] = "";
    FakeRedis redis([](const std::string& line) { return FakeRedis::status(line == "PING" ? "PONG" : "OK"); });
    desk.redis = redis;
    Context& context = desk.context;
    ExternalTarget target = find_external(context, redis_settings(context));
    target.address.password = Secret("pw");
    ExternalServer server(context, target);
    server.connect(context.deadline);
    CHECK(desk.redis.commands == Words{"AUTH app pw", "SELECT 2", "PING"});
  }

  TEST_CASE("each refusal of a server has its own words and a hint, and no password in them") {
    struct Row {
      const char *to, *answer, *words;
    };
    const Row rows[] = {
        {"AUTH", "WRONGPASS invalid username-password pair or user is disabled.", "refuses the password of user app"},
        {"AUTH", "ERR invalid password", "refuses the password"},
        {"AUTH", "ERR AUTH <password> called without any password configured for the default user.",
         "has no password set"},
        {"AUTH", "ERR Client sent AUTH, but no password is set", "has no password set"},
        {"SELECT", "ERR DB index is out of range", "does not let us use database 2"},
        {"SELECT", "ERR SELECT is not allowed in cluster mode", "does not let us use database 2"},
        {"PING", "DENIED Redis is running in protected mode", "protected mode"},
        {"PING", "LOADING Redis is loading the dataset in memory", "loading its data"},
        {"AUTH", "ERR max number of clients reached", "refuses the connection"},
    };
    for (const Row& row : rows) {
      CAPTURE(row.answer);
      Desk desk(with_url("redis://app@h/2"));
      FakeRedis redis([&](const std::string& line) {
        if (line.starts_with(row.to)) return FakeRedis::error(row.answer);
        return FakeRedis::status(line == "PING" ? "PONG" : "OK");
      });
      desk.redis = redis;
      Context& context = desk.context;
      ExternalTarget target = find_external(context, redis_settings(context));
      target.address.password = Secret("pw-of-app");
      ExternalServer server(context, target);
      const Error error = test::error_of([&] { server.connect(context.deadline); });
      CHECK(error.code() == ExitCode::failure);
      CHECK(error.message().find(row.words) != std::string::npos);
      CHECK(error.message().find('\n') == std::string::npos);
      CHECK_FALSE(error.hint().empty());
      CHECK((error.message() + error.hint()).find("pw-of-app") == std::string::npos);
    }
  }

  TEST_CASE("asks for the password on a terminal, once, when the server wants one") {
    for (const bool right : {true, false}) {
      Desk desk(with_url("redis://h"));
      desk.reporter.secrets = {right ? "right" : "wrong"};
      bool logged_in = false;
      FakeRedis redis([&](const std::string& line) {
        if (line == "AUTH right") logged_in = true;
        if (line == "AUTH wrong") return FakeRedis::error("WRONGPASS invalid username-password pair");
        if (line == "PING")
          return logged_in ? FakeRedis::status("PONG") : FakeRedis::error("NOAUTH Authentication required.");
        return FakeRedis::status("OK");
      });
      desk.redis = redis;
      Context& context = desk.context;
      ExternalServer server(context, find_external(context, redis_settings(context)));
      if (right) {
        CHECK(server.connect(context.deadline) != nullptr);
        CHECK(server.endpoint().password.reveal() == "right");
        server.connect(context.deadline);  // known now
      } else {
        CHECK(test::error_of([&] { server.connect(context.deadline); }).message().find("refuses the password") !=
              std::string::npos);
      }
      CHECK(std::count(desk.reporter.lines.begin(), desk.reporter.lines.end(), "asked: Password of Redis at h:6379:") ==
            1);
    }
    Desk nobody(with_url("redis://h"));
    FakeRedis redis([](const std::string&) { return FakeRedis::error("NOAUTH Authentication required."); });
    nobody.redis = redis;
    Context& context = nobody.context;
    ExternalServer server(context, find_external(context, redis_settings(context)));
    CHECK(test::error_of([&] { server.connect(context.deadline); }).message().find("asks for a password") !=
          std::string::npos);
  }

  TEST_CASE("a connection that was ended while it was idle is opened again; one in use, or with state, is not") {
    FakeClock clock;
    bool broken = false;
    FakeRedis redis([&](const std::string&) -> RedisReply {
      if (broken) throw Error(ExitCode::failure, "Redis closed the connection");
      return FakeRedis::status("OK");
    });
    int opened = 0;
    const auto open = [&] {
      ++opened;
      broken = false;
      return redis.connect({"h", 1}, std::chrono::seconds(1));
    };
    SteadyConnection steady(clock, redis.connect({"h", 1}, std::chrono::seconds(1)), open);
    steady.command({"GET", "a"});
    clock.advance(std::chrono::milliseconds(100));
    steady.command({"GET", "b"});
    CHECK(redis.commands == Words{"GET a", "GET b"});
    clock.advance(std::chrono::seconds(2));
    steady.command({"GET", "c"});  // still there: a PING shows it
    CHECK(redis.commands == Words{"GET a", "GET b", "PING", "GET c"});
    clock.advance(std::chrono::seconds(2));
    broken = true;
    CHECK(steady.pipeline({{"GET", "d"}}).size() == 1);
    CHECK(opened == 1);
    broken = true;  // in the middle of its work: what it has done is not known
    CHECK_THROWS_AS(steady.command({"XADD", "s"}), Error);
    CHECK(opened == 1);
    broken = false;
    steady.command({"WATCH", "k"});
    clock.advance(std::chrono::seconds(2));
    broken = true;
    CHECK_THROWS_AS(steady.command({"GET", "k"}), Error);
    CHECK(opened == 1);
  }

  TEST_CASE("the state of 1,000 streams is one round trip, two where scripts that only read are missing") {
    Words streams;
    for (int i = 0; i < 1000; ++i) streams.push_back(fmt::format("s{}", i));
    const auto ask = [&](const std::function<RedisReply(const std::string&)>& answer, bool only_reads = false) {
      FakeRedis redis(answer);
      ReadingRedis reading(redis);
      RedisConnector& connector = only_reads ? static_cast<RedisConnector&>(reading) : redis;
      std::unique_ptr<RedisConnection> connection = connector.connect({"h", 1}, std::chrono::seconds(1));
      if (only_reads) return read_queue_facts(*connection, streams, 0).size() == 1000 ? 1 : 0;
      Counting counting(std::move(connection));
      CHECK(read_queue_facts(counting, streams, 0).size() == 1000);
      return counting.trips;
    };
    const auto is = [](const std::string& line, const char* name) { return line.starts_with(std::string(name) + " "); };
    CHECK(ask([&](const std::string& line) { return is(line, "SCRIPT") ? FakeRedis::text("sha") : some_facts(); }) ==
          1);
    // Redis 6: no EVALSHA_RO
    const auto old = [&](const std::string& line) {
      if (is(line, "EVALSHA_RO") || is(line, "EVAL_RO")) return FakeRedis::error("ERR unknown command 'EVALSHA_RO'");
      return is(line, "SCRIPT") ? FakeRedis::text("sha") : some_facts();
    };
    CHECK(ask(old) == 2);
    // a user that may load no scripts
    CHECK(ask([&](const std::string& line) {
            if (is(line, "SCRIPT"))
              return FakeRedis::error("NOPERM this user has no permissions to run the 'script|load' command");
            if (is(line, "EVALSHA_RO")) return FakeRedis::error("NOSCRIPT No matching script.");
            return some_facts();
          }) == 2);
    // a dry run cannot send EVAL, and says so
    const Error error = test::error_of([&] { ask(old, true); });
    CHECK(error.message().find("EVAL_RO") != std::string::npos);
    CHECK_FALSE(error.hint().empty());
  }

  TEST_CASE("facts come from INFO where CONFIG is forbidden, from ROLE where INFO has no role, and nothing fails") {
    const auto facts_of = [](const std::function<RedisReply(const std::string&)>& answer) {
      FakeRedis redis(answer);
      return read_server_facts(*redis.connect({"h", 1}, std::chrono::seconds(1)));
    };
    const std::string info =
        "redis_version:7.2.4\r\nrole:slave\r\naof_enabled:1\r\nmaxmemory_policy:volatile-lru\r\ncluster_enabled:1\r\n";
    const ServerFacts all = facts_of([&](const std::string& line) {
      return line == "INFO" ? FakeRedis::text(info) : FakeRedis::error("ERR unknown command");
    });
    CHECK(all.text() == "7.2.4 · replica · cluster mode · AOF on · volatile-lru");
    CHECK(all.is_replica());
    const ServerFacts nothing = facts_of([](const std::string&) { return FakeRedis::error("NOPERM no"); });
    CHECK(nothing.text() == "no details available");
    const ServerFacts by_others = facts_of([](const std::string& line) {
      if (line == "ROLE") return FakeRedis::list({FakeRedis::text("master")});
      if (line.starts_with("CONFIG"))
        return FakeRedis::list({FakeRedis::text("maxmemory-policy"), FakeRedis::text("noeviction")});
      return FakeRedis::text("redis_version:8.0.0\r\n");
    });
    CHECK(by_others.text() == "8.0.0 · master · noeviction");
    CHECK(has_hash_tag("{a}"));
    CHECK(has_hash_tag("x{a}y"));
    CHECK_FALSE(has_hash_tag("a"));
    CHECK_FALSE(has_hash_tag("{}a"));
    CHECK_FALSE(has_hash_tag("}a{"));
  }

  TEST_CASE("status shows what may not be asked as unknown, and stays healthy") {
    FakeRedis redis([](const std::string& line) {
      if (line == "PING") return FakeRedis::status("PONG");
      return FakeRedis::error("NOPERM this user has no permissions to run that command");
    });
    HealthReport report;
    Expectation expected;
    expected.foreign = true;
    RedisFacts facts;
    read_redis_facts(*redis.connect({"h", 1}, std::chrono::seconds(1)), expected, facts);
    examine_redis(facts, report);
    CHECK(report.healthy());
    int unknown = 0;
    for (const Check& check : report.checks()) unknown += check.unknown ? 1 : 0;
    CHECK(unknown == 2);  // persistence, memory
    FakeDesk desk;
    desk.context.settings = settings_of({});
    CHECK(render_report(desk.context, "x", report).output.find("  – persistence") != std::string::npos);
    CHECK(report_data(report)["checks"].back()["passed"].is_null());
  }

  TEST_CASE("what a Redis says that lacks a command, or forbids it") {
    for (const char* text :
         {"NOPERM this user has no permissions to run the 'config|get' command",
          "ERR unknown command 'CONFIG', with args",
          "ERR unknown command `config`, with args beginning with:", "ERR Command is not available: 'CONFIG'",
          "ERR unknown subcommand 'x'", "ERR This command is not supported", "ERR command disabled"}) {
      CHECK_MESSAGE(is_refused_command(FakeRedis::error(text)), text);
    }
    for (const char* text : {"LOADING x", "WRONGTYPE x", "NOSCRIPT x", "ERR no such key", "CROSSSLOT x"})
      CHECK_MESSAGE(!is_refused_command(FakeRedis::error(text)), text);
    CHECK_FALSE(is_refused_command(FakeRedis::status("unknown command")));
  }

  TEST_CASE("every command takes --password-file") {
    for (const Component& component : components()) {
      for (const ComponentCommand& command : component.commands) {
        int found = 0;
        for (const OptionSpec& option : command.options) found += option.name == "password-file" ? 1 : 0;
        CHECK_MESSAGE(found == 1, command.verb << " " << command.object);
      }
    }
  }
}

}  // namespace raibid::external_test
