#include "components/redis/server/users.hpp"

#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "components/redis/settings/spec.hpp"
#include "support/redis_settings.hpp"
#include "support/thrown.hpp"
#include "sys/random.hpp"

namespace raibid::users_test {

namespace {

using namespace raibid::test;

const UserSpec worker{"worker", {"job:*"}, {"news"}, {"get", "xinfo|groups"}};

std::string hash(const std::string& password) { return "#" + sha256_hex(password); }

SecretContent plain() { return secret_content(Secret("a-password"), Secret("of-the-exporter")); }

Preset with_user() {
  Preset preset = job_queue_preset();
  preset.user = worker;
  return preset;
}

}  // namespace

TEST_CASE("users: without a name the application is default, and nobody else is there") {
  CHECK(plain().contains(acl_key));
  CHECK_FALSE(plain().contains(username_key));
  CHECK_FALSE(plain().contains(admin_password_key));
  CHECK(application_login(plain()) == Login(Secret("a-password")));
  CHECK(admin_login(plain()) == application_login(plain()));
  CHECK(shown_user(application_login(plain())) == "default");
  CHECK(shown_user(Login()).empty());
  CHECK(password_hashes(plain()) == std::vector{sha256_hex("a-password")});
}

TEST_CASE("users: with one of its own, default is off and raibid-cli has a password of its own") {
  const SecretContent content =
      secret_content(Secret("a-password"), Secret("of-the-exporter"), {}, {worker, Secret("of-the-admin")});
  CHECK(application_login(content) == Login("worker", Secret("a-password")));
  CHECK(admin_login(content) == Login("admin", Secret("of-the-admin")));
  const std::string acl = value_of(content, acl_key).reveal();
  CHECK(has(acl, "user default off ~* &* +@all\n"));
  CHECK(has(acl, "user admin on " + hash("of-the-admin") + " ~* &* +@all\n"));
  CHECK(has(acl, "user worker on " + hash("a-password") + " resetchannels -@all +get +xinfo|groups ~job:* &news\n"));
  CHECK(has(acl, "user health on nopass resetchannels -@all +ping\n"));
  CHECK_FALSE(has(acl, "a-password"));
  CHECK(password_hashes(content) == std::vector{sha256_hex("a-password")});
}

TEST_CASE("users: a change keeps the passwords and the other users, and going back is the same as before") {
  SecretContent before = plain();
  before["trim-password"] = Secret("of-trim");
  const SecretContent after = with_application_user(before, worker, Secret("of-the-admin"));
  CHECK(value_of(after, password_key) == Secret("a-password"));
  CHECK(value_of(after, "exporter.json") == value_of(before, "exporter.json"));
  CHECK(dropped_users(value_of(before, acl_key), value_of(after, acl_key)).empty());
  CHECK(dropped_users(value_of(after, acl_key), value_of(before, acl_key)) ==
        std::vector<std::string>{"admin", "worker"});
  CHECK(with_application_user(after, {}, {}) == before);
  CHECK(with_application_user(after, worker, Secret("of-the-admin")) == after);
  UserSpec renamed = worker;
  renamed.name = "other";
  const SecretContent other = with_application_user(after, renamed, Secret("of-the-admin"));
  CHECK(dropped_users(value_of(after, acl_key), value_of(other, acl_key)) == std::vector<std::string>{"worker"});
  CHECK(password_hashes(other) == std::vector{sha256_hex("a-password")});
}

TEST_CASE("users: two passwords that hold go over to another user") {
  SecretContent both = plain();
  std::string acl = value_of(both, acl_key).reveal();
  acl.insert(acl.find(" ~*"), " " + hash("another"));
  both[acl_key] = Secret(acl);
  const SecretContent after = with_application_user(both, worker, Secret("of-the-admin"));
  CHECK(password_hashes(after) == std::vector{sha256_hex("a-password"), sha256_hex("another")});
}

TEST_CASE("--user: the preset says what it may, the streams' keys come by themselves") {
  const RedisSettings settings = redis_settings_of({{"user", "bob"}}, with_user());
  CHECK(settings.user.name == "bob");
  CHECK(settings.user.commands == worker.commands);
  for (const char* key : {"job:*", "raibid:jobs", "raibid:jobs:dead", "raibid:jobs:paused", "raibid:jobs:upload:*"}) {
    CAPTURE(key);
    CHECK(std::find(settings.user.keys.begin(), settings.user.keys.end(), key) != settings.user.keys.end());
  }
  const RedisSettings strange = redis_settings_of({{"user", "bob"}, {"stream", "a*b"}}, with_user());
  CHECK(std::find(strange.user.keys.begin(), strange.user.keys.end(), "a\\*b") != strange.user.keys.end());
  Preset everything = with_user();
  everything.user.keys = {"*"};
  CHECK(redis_settings_of({{"user", "bob"}}, everything).user.keys == std::vector<std::string>{"*"});
  CHECK(redis_settings_of({{"user", "default"}}, with_user()).user.name.empty());
  CHECK(redis_settings_of({}, with_user()).user.name.empty());
  CHECK(spec_of(settings).user == "bob");
  CHECK(parse_spec(to_json(spec_of(settings))).user == "bob");
  CHECK_FALSE(has(to_json(spec_of(redis_settings_of({}, with_user()))), "\"user\""));
}

TEST_CASE("--user: what cannot be is refused before anything is done") {
  const auto refusal = [](const std::vector<Given>& given, const Preset& preset) {
    const Error error = error_of([&] { redis_settings_of(given, preset); });
    CHECK(error.code() == ExitCode::usage);
    return error.message();
  };
  CHECK(has(refusal({{"user", "bob"}}, job_queue_preset()), "does not say what a user of its application needs"));
  CHECK(has(refusal({{"user", "bob"}, {"no-auth", "true"}}, with_user()), "without a password"));
  CHECK(has(refusal({{"user", "bob"}, {"chart", "bitnami"}}, with_user()), "only the embedded chart"));
  for (const char* name : {"admin", "health", "exporter", "trim", "with space", "a\nb", "#x"}) {
    CAPTURE(name);
    CHECK(has(refusal({{"user", name}}, with_user()), "is not a name for a user"));
  }
  // a preset's own holds where it can
  const Given preset{"user", "bob", "preset mine:4", Source::preset};
  CHECK(redis_settings_of({preset, {"no-auth", "true"}}, with_user()).user.name.empty());
  CHECK(redis_settings_of({preset, {"chart", "bitnami"}}, with_user()).user.name.empty());
  CHECK(redis_settings_of({preset}, with_user()).user.name == "bob");
}

}  // namespace raibid::users_test
