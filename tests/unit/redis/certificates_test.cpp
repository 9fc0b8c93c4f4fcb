#include "components/redis/run/certificates.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "fakes/fake_redis.hpp"
#include "support/thrown.hpp"
#include "sys/clock.hpp"

namespace raibid::certificates_test {

namespace {

using namespace raibid::test;
using std::chrono::hours;

constexpr hours day{24};
const WallTime noon = *parse_rfc3339("2026-03-01T12:00:00Z");

CertificateSpec some_spec() {
  return {"my-redis",
          {"my-redis.ns.svc", "localhost", "127.0.0.1"},
          "Secret my-redis-tls",
          Scope().found("local", "", "my-redis", "")};
}

SecretContent some_content(WallTime when = noon) { return with_own_certificate({}, some_spec(), when); }

std::string text(const SecretContent& content, const char* key) { return value_of(content, key).reveal(); }

CertificateFacts server(const SecretContent& content) {
  return read_certificate(text(content, tls_certificate_key), "x");
}

std::string reason(const SecretContent& content, WallTime when = noon) { return why_renew(content, some_spec(), when); }

/// A certificate of someone else's CA, with this changed.
SecretContent given(const std::function<void(CertificateRequest&)>& change = {}) {
  const KeyPair ca = make_ca("their CA", noon - 100 * day, noon + 1000 * day);
  CertificateRequest request{"theirs", {"my-redis.ns.svc"}, true, true, noon - day, noon + 90 * day};
  if (change) change(request);
  const KeyPair pair = issue_certificate(ca, request, "x");
  return {{tls_certificate_key, Secret(pair.certificate)},
          {tls_private_key_key, pair.key},
          {tls_trusted_key, Secret(ca.certificate)}};
}

Error refused(const SecretContent& content, bool client_certificates = false) {
  Error error =
      error_of([&] { with_given_certificate({}, content, some_spec(), "Secret theirs", client_certificates, noon); });
  CHECK(error.code() == ExitCode::preflight);
  CHECK(has(error.message(), "Secret theirs"));
  CHECK_FALSE(error.hint().empty());
  return error;
}

/// What status says of it.
Check checked_at(const SecretContent& kept, WallTime when, TlsChoice::From from = TlsChoice::From::own,
                 const SecretContent* served = nullptr) {
  TlsFacts facts;
  facts.choice.from = from;
  facts.choice.secret = "theirs";
  facts.kept = kept;
  facts.port = 6379;
  if (!text(served == nullptr ? kept : *served, tls_certificate_key).empty())
    facts.served = server(served == nullptr ? kept : *served);
  facts.no_handshake = "no TLS handshake at 127.0.0.1:6379: it is closed";
  HealthReport report;
  report.set_scope(some_spec().scope);
  examine_tls(facts, some_spec(), when, report);
  REQUIRE(report.checks().size() == 1);
  CHECK(report.checks().front().passed == report.checks().front().hint.empty());
  CHECK_FALSE(has(report.data().dump(), "PRIVATE KEY"));
  return report.checks().front();
}

/// Keeps what is written; dies at the write of this number.
class MemoryStore final : public CertificateStore {
 public:
  SecretContent content;
  int dies_at = 0;
  int writes = 0;

  SecretContent read() override { return content; }
  void write(const SecretContent& changes) override {
    if (++writes == dies_at) throw Interrupted(9);
    for (const auto& [key, value] : changes) {
      if (value.empty()) {
        content.erase(key);
      } else {
        content[key] = value;
      }
    }
  }
};

}  // namespace

TEST_CASE("certificates of Redis: the first ones are good, until the end of their CA") {
  const SecretContent content = some_content();
  CHECK(reason(content).empty());
  CHECK(content.size() == 5);
  CHECK(text(content, tls_trusted_key) == text(content, ca_certificate_key));
  const CertificateFacts facts = server(content);
  CHECK(facts.server);
  CHECK(facts.client);
  CHECK(facts.names == some_spec().names);
  CHECK(rfc3339(facts.not_after) == rfc3339(noon + ca_lifetime));
  CHECK(days_left(facts.not_after, noon) == 3650);
  CHECK_FALSE(trusts_two(content));
  CHECK(some_content() != content);
}

TEST_CASE("certificates of Redis: each reason to renew") {
  const SecretContent content = some_content();
  CHECK(reason(content, noon + 365 * day).empty());
  CHECK(reason(content, noon + 366 * day) == "it is older than a year");
  CHECK(reason(content, noon - day) ==
        "it is not yet valid: it begins at 2026-03-01T11:00:00Z, and this machine's clock says 2026-02-28T12:00:00Z");
  CHECK(has(reason(content, noon + 3651 * day), "it has expired on 2036-02-27"));
  CertificateSpec more = some_spec();
  more.names.emplace_back("new.ns.svc");
  CHECK(why_renew(content, more, noon) == "it does not name new.ns.svc");
  for (const char* key : served_keys) {
    SecretContent broken = content;
    broken.erase(key);
    CHECK(reason(broken) == std::string(key) + " is missing");
    broken[key] = Secret("changed by hand");
    CHECK_FALSE(reason(broken).empty());
  }
  SecretContent foreign = content;
  foreign[tls_private_key_key] = some_content().at(tls_private_key_key);
  CHECK(reason(foreign) == "tls.crt and tls.key do not belong together");
  foreign = content;
  foreign[tls_trusted_key] = some_content().at(tls_trusted_key);
  CHECK(has(reason(foreign), "tls.crt is not signed by ca.crt"));
}

TEST_CASE("certificates of Redis: renewed by the same CA, which clients go on trusting, across jumps of the clock") {
  SecretContent content = some_content();
  const std::string trusted = text(content, tls_trusted_key);
  WallTime now = noon;
  for (int year = 1; year < 10; ++year) {
    now += 366 * day;
    CHECK(reason(content, now) == "it is older than a year");
    content = with_own_certificate(content, some_spec(), now);
    CHECK(reason(content, now).empty());
    CHECK(text(content, tls_trusted_key) == trusted);
    CHECK(why_not_signed_by(text(content, tls_certificate_key), trusted).empty());
    CHECK(rfc3339(server(content).not_after) == rfc3339(noon + ca_lifetime));
  }
  // set back by a year: what was issued in the future begins too late, and another one is issued
  now -= 365 * day;
  CHECK(has(reason(content, now), "it is not yet valid"));
  content = with_own_certificate(content, some_spec(), now);
  CHECK(reason(content, now).empty());
}

TEST_CASE("certificates of Redis: a CA that cannot sign is never replaced silently") {
  const auto why = [](const SecretContent& content, WallTime when = noon) {
    const Error error = error_of([&] { with_own_certificate(content, some_spec(), when); });
    CHECK(error.code() == ExitCode::preflight);
    return error.message() + " → " + error.hint();
  };
  const std::string rotate = "raibid-cli tls rotate redis --target local --release my-redis --ca";
  SecretContent lost = some_content();
  lost.erase(ca_private_key_key);
  CHECK(has(why(lost), "the CA in Secret my-redis-tls is lost: own-ca.key is missing"));
  CHECK(why(lost).ends_with(rotate));
  lost[ca_private_key_key] = some_content().at(ca_private_key_key);
  CHECK(has(why(lost), "is damaged: own-ca.crt and own-ca.key do not belong together"));
  CHECK(has(why(some_content(), noon + 3651 * day), "has expired on 2036-02-27"));
  CHECK(why(some_content(), noon + 3651 * day).ends_with(rotate));
  CHECK(has(why(some_content(), noon - 30 * day), "is not yet valid"));
  CHECK(has(why(some_content(), noon - 30 * day), "clock"));
  // with all of it lost but what clients trust
  const SecretContent trusted_alone = {{tls_trusted_key, some_content().at(tls_trusted_key)}};
  CHECK(has(why(trusted_alone), "is lost"));
}

TEST_CASE("certificates of Redis: a new CA beside the old one, and clients of either go on") {
  const SecretContent before = some_content();
  const SecretContent both = with_second_ca(before, some_spec(), noon + 100 * day);
  CHECK(trusts_two(both));
  CHECK(reason(both, noon + 100 * day).empty());
  const std::string shown = text(both, tls_certificate_key);
  CHECK(why_not_signed_by(shown, text(before, tls_trusted_key)).empty());
  CHECK(why_not_signed_by(shown, text(both, ca_certificate_key)).empty());
  CHECK(has(text(both, tls_trusted_key), text(before, ca_certificate_key)));
  CHECK(text(both, ca_certificate_key) != text(before, ca_certificate_key));
  const Error third = error_of([&] { with_second_ca(both, some_spec(), noon + 100 * day); });
  CHECK(third.code() == ExitCode::preflight);
  CHECK(has(third.hint(), "tls rotate redis --target local --release my-redis --ca --finish"));
  // a renewal meanwhile is still for clients of both
  const SecretContent renewed = with_own_certificate(both, some_spec(), noon + 200 * day);
  CHECK(why_not_signed_by(text(renewed, tls_certificate_key), text(before, tls_trusted_key)).empty());
  // a client certificate by the old CA is trusted until the end
  const KeyPair client = issue_client_certificate(before, "app", 10, some_spec(), noon);
  CHECK(why_not_signed_by(client.certificate, text(renewed, tls_trusted_key)).empty());
  const SecretContent done = with_one_ca(renewed, some_spec());
  CHECK_FALSE(trusts_two(done));
  CHECK(reason(done, noon + 200 * day).empty());
  CHECK(server(done).fingerprint == server(renewed).fingerprint);
  CHECK_FALSE(why_not_signed_by(text(done, tls_certificate_key), text(before, tls_trusted_key)).empty());
  CHECK_FALSE(why_not_signed_by(client.certificate, text(done, tls_trusted_key)).empty());
  CHECK(with_one_ca(done, some_spec()) == done);
}

TEST_CASE("certificates of Redis: a new CA is the way out where the old one is lost") {
  SecretContent lost = some_content();
  lost.erase(ca_private_key_key);
  CHECK_FALSE(old_ca_can_sign(lost, noon));
  CHECK(old_ca_can_sign(some_content(), noon));
  const SecretContent both = with_second_ca(lost, some_spec(), noon);
  CHECK(reason(both).empty());
  CHECK(trusts_two(both));
  CHECK(reason(with_own_certificate(both, some_spec(), noon)).empty());
  CHECK(reason(with_one_ca(both, some_spec())).empty());
  CHECK(reason(with_second_ca({}, some_spec(), noon)).empty());
}

TEST_CASE("certificates of Redis: renewing never replaces a CA that clients trust") {
  for (const SecretContent& lost : {SecretContent{}, SecretContent{{tls_certificate_key, Secret()}}}) {
    const Error error = error_of([&] { with_renewed_certificate(lost, some_spec(), noon); });
    CHECK(error.code() == ExitCode::preflight);
    CHECK(has(error.message(), "is lost"));
    CHECK(has(error.hint(), "tls rotate redis --target local --release my-redis --ca"));
  }
  CHECK(reason(with_renewed_certificate(some_content(), some_spec(), noon)).empty());
  const SecretContent content = some_content();
  CHECK_FALSE(changes_trust(content, with_own_certificate(content, some_spec(), noon)));
  CHECK_FALSE(changes_trust(content, with_second_ca(content, some_spec(), noon)));
  CHECK(changes_trust(content, some_content()));
  CHECK(changes_trust({}, content));
  SecretContent without_trust = content;
  without_trust[tls_trusted_key] = Secret("junk");
  CHECK_FALSE(changes_trust(without_trust, with_own_certificate(without_trust, some_spec(), noon)));
}

TEST_CASE("certificates of Redis: a rotation of the CA does not end with a certificate that nobody can use") {
  const SecretContent both = with_second_ca(some_content(), some_spec(), noon);
  for (const char* key : {tls_certificate_key, tls_private_key_key}) {
    SecretContent damaged = both;
    damaged[key] = Secret();
    const Error error = error_of([&] { with_one_ca(damaged, some_spec()); });
    CHECK(error.code() == ExitCode::preflight);
    CHECK(has(error.message(), std::string(key) + " is missing"));
    CHECK(has(error.hint(), "tls rotate redis --target local --release my-redis"));
  }
  // the newer CA is lost in the middle: a third one is the way out, and --finish leaves it alone
  SecretContent lost = both;
  lost.erase(ca_private_key_key);
  const SecretContent third = with_second_ca(lost, some_spec(), noon);
  CHECK(reason(third).empty());
  CHECK(reason(with_one_ca(third, some_spec())).empty());
  CHECK_FALSE(trusts_two(with_one_ca(third, some_spec())));
  // a CA of a clock that was wrong: the hint leads out, too
  const SecretContent early = some_content(noon + 100 * day);
  CHECK(has(error_of([&] { with_own_certificate(early, some_spec(), noon); }).hint(), "--ca"));
}

TEST_CASE("certificates of Redis: raibid-cli gets in where the pair that it shows was lost or damaged") {
  TlsChoice choice;
  choice.from = TlsChoice::From::own;
  choice.client_certificates = true;
  const SecretContent content = some_content();
  CHECK(tls_client(content, choice, "x").certificate == text(content, tls_certificate_key));
  SecretContent damaged = content;
  damaged[tls_private_key_key] = some_content().at(tls_private_key_key);
  SecretContent lost = content;
  for (const char* key : served_keys) lost.erase(key);
  for (const SecretContent& one : {damaged, lost}) {
    const TlsClient client = tls_client(one, choice, "x");
    CHECK(belong_together(client.certificate, client.key));
    CHECK(why_not_signed_by(client.certificate, text(content, ca_certificate_key)).empty());
    CHECK(why_not_signed_by(text(content, tls_certificate_key), client.ca).empty());
    CHECK_FALSE(read_certificate(client.certificate, "x").server);
  }
}

TEST_CASE("certificates of Redis: one that someone else made is taken when all of it fits") {
  const SecretContent theirs = given();
  const SecretContent content = with_given_certificate(some_content(), theirs, some_spec(), "x", true, noon);
  CHECK(content.size() == 3);
  for (const char* key : served_keys) CHECK(content.at(key) == theirs.at(key));
  CHECK(can_go_on(content, some_spec(), noon));
}

TEST_CASE("certificates of Redis: what does not fit of someone else's is named, with what to do") {
  for (const char* key : served_keys) {
    SecretContent part = given();
    part.erase(key);
    CHECK(has(refused(part).message(), std::string(key) + " is missing"));
  }
  SecretContent mixed = given();
  mixed[tls_private_key_key] = given().at(tls_private_key_key);
  CHECK(has(refused(mixed).message(), "tls.crt and tls.key do not belong together"));
  mixed = given();
  mixed[tls_trusted_key] = given().at(tls_trusted_key);
  CHECK(has(refused(mixed).message(), "tls.crt is not signed by ca.crt"));
  mixed[tls_private_key_key] = Secret("no key");
  CHECK(has(refused(mixed).message(), "no private key"));
  CHECK(has(refused(given([](auto& request) { request.until = noon - hours(1); })).message(), "it has expired on"));
  const Error early = refused(given([](auto& request) { request.from = noon + hours(1); }));
  CHECK(has(early.message(), "it is not yet valid"));
  CHECK(has(early.hint(), "clock"));
  const Error name = refused(given([](auto& request) { request.names = {"other.ns.svc"}; }));
  CHECK(has(name.message(), "it does not name my-redis.ns.svc"));
  CHECK(has(name.message(), "other.ns.svc"));
  CHECK(has(refused(given([](auto& request) { request.server = false; })).message(), "not for servers"));
  const SecretContent no_client = given([](auto& request) { request.client = false; });
  CHECK(has(refused(no_client, true).message(), "not for clients"));
  CHECK_NOTHROW(with_given_certificate({}, no_client, some_spec(), "x", false, noon));
}

TEST_CASE("certificates of Redis: status counts the days, warns, and fails with the command that helps") {
  const SecretContent content = some_content();
  CHECK(checked_at(content, noon).text == "on · 3,650 days left");
  CHECK(checked_at(content, noon + 3619 * day).text == "on · 31 days left");
  const Check soon = checked_at(content, noon + 3625 * day);
  CHECK(soon.passed);
  CHECK(has(soon.text, "on · 25 days left, soon too few"));
  CHECK(has(soon.text, "tls rotate redis --target local --release my-redis --ca"));
  const Check last = checked_at(content, noon + 3640 * day);
  CHECK_FALSE(last.passed);
  CHECK(last.text == "the certificate ends in 10 days");
  CHECK(has(last.hint, "--ca"));
  CHECK(has(checked_at(content, noon + 3651 * day).text, "the certificate has expired on 2036-02-27"));
  const Check early = checked_at(content, noon - day);
  CHECK(has(early.text, "not yet valid"));
  CHECK(has(early.hint, "clock"));
  const SecretContent theirs = given();
  const Check renew = checked_at(theirs, noon + 80 * day, TlsChoice::From::secret);
  CHECK_FALSE(renew.passed);
  CHECK(has(renew.hint, "have it renewed where it was made"));
  CHECK(has(renew.hint, "raibid-cli setup redis --target local --release my-redis"));
}

TEST_CASE("certificates of Redis: status names what was lost or changed by hand, and what Redis serves instead") {
  const SecretContent content = some_content();
  const SecretContent other = some_content();
  CHECK(has(checked_at(content, noon, TlsChoice::From::own, &other).text, "serves another certificate"));
  for (const char* key : served_keys) {
    SecretContent broken = content;
    broken.erase(key);
    CHECK(has(checked_at(broken, noon).text, std::string(key) + " is missing"));
    CHECK(has(checked_at(broken, noon).hint, "raibid-cli setup redis"));
  }
  const SecretContent none;
  CHECK(checked_at(content, noon, TlsChoice::From::own, &none).text ==
        "no TLS handshake at 127.0.0.1:6379: it is closed");
  SecretContent no_ca = content;
  no_ca.erase(ca_private_key_key);
  CHECK(has(checked_at(no_ca, noon).text, "the CA in Secret my-redis-tls is lost"));
  CHECK(has(checked_at(with_second_ca(content, some_spec(), noon), noon).text, "two CAs are trusted"));
}

TEST_CASE("certificates of Redis: one for a client") {
  const SecretContent content = some_content();
  const KeyPair pair = issue_client_certificate(content, "my app", 365, some_spec(), noon);
  const CertificateFacts facts = read_certificate(pair.certificate, "x");
  CHECK(facts.subject == "CN=my app");
  CHECK(facts.client);
  CHECK_FALSE(facts.server);
  CHECK(days_left(facts.not_after, noon) == 365);
  CHECK(belong_together(pair.certificate, pair.key));
  CHECK(why_not_signed_by(pair.certificate, text(content, tls_trusted_key)).empty());
  const KeyPair long_one = issue_client_certificate(content, "a", 100'000, some_spec(), noon);
  CHECK(read_certificate(long_one.certificate, "x").not_after == noon + ca_lifetime);
  for (const std::string& name : {std::string(), std::string(65, 'a'), std::string("a\nb")})
    CHECK(error_of([&] { issue_client_certificate(content, name, 1, some_spec(), noon); }).code() == ExitCode::usage);
  CHECK(error_of([&] { issue_client_certificate(content, "a", 0, some_spec(), noon); }).code() == ExitCode::usage);
  const Error theirs = error_of([&] { issue_client_certificate(given(), "a", 1, some_spec(), noon); });
  CHECK(theirs.code() == ExitCode::preflight);
  CHECK(has(theirs.message(), "is not raibid-cli's"));
}

TEST_CASE("a change of certificates over damaged ones is taken back, although Redis would not take those") {
  SecretContent damaged = some_content();
  damaged.erase(tls_private_key_key);
  MemoryStore store;
  store.content = damaged;
  const CertificateChange change = [](const SecretContent& present) {
    return with_own_certificate(present, some_spec(), noon);
  };
  const ReloadCertificates refused = [](const SecretContent&) { throw Error(ExitCode::failure, "Redis refuses it"); };
  CHECK_THROWS_AS(change_certificates(store, refused, change, "run"), Error);
  CHECK_NOTHROW(restore_certificates(store, refused, "run"));
  CHECK(store.content == damaged);
}

TEST_CASE("a change of certificates that dies anywhere is taken back whole, and only by its own run") {
  const SecretContent before = some_content();
  const CertificateChange change = [](const SecretContent& present) {
    return with_second_ca(present, some_spec(), noon);
  };
  int died = 0;
  for (int at = 1; at < 4; ++at) {
    CAPTURE(at);
    MemoryStore store;
    store.content = before;
    store.dies_at = at;
    std::vector<std::string> loaded;
    const ReloadCertificates reload = [&](const SecretContent& content) {
      loaded.push_back(server(content).fingerprint);
    };
    try {
      change_certificates(store, reload, change, "run-1");
    } catch (const Interrupted&) {
      ++died;
    }
    store.dies_at = 0;
    if (store.content.contains(previous_certificates_key))
      CHECK_THROWS_AS(restore_certificates(store, reload, "another-run"), Kept);
    for (int twice = 0; twice < 2; ++twice) restore_certificates(store, reload, "run-1");
    CHECK(store.content == before);
    if (!loaded.empty()) CHECK(loaded.back() == server(before).fingerprint);
  }
  CHECK(died == 2);
  MemoryStore store;
  store.content = before;
  change_certificates(
      store, [](const auto&) {}, change, "run-1");
  CHECK(store.content.contains(previous_certificates_key));
  forget_previous_certificates(store);
  CHECK(store.content.size() == before.size());
  CHECK(trusts_two(store.content));
  // the first ones that there are go again
  MemoryStore empty;
  change_certificates(
      empty, [](const auto&) {}, [](const auto& present) { return with_own_certificate(present, some_spec(), noon); },
      "run-2");
  restore_certificates(
      empty, [](const auto&) { FAIL("there is nothing to read"); }, "run-2");
  CHECK(empty.content.empty());
}

TEST_CASE("certificates are read again by one CONFIG SET of the paths that Redis has") {
  FakeRedis redis([](const std::string& command) -> RedisReply {
    if (!command.starts_with("CONFIG GET ")) return FakeRedis::status("OK");
    const std::string name = command.substr(11);
    return FakeRedis::list({FakeRedis::text(name), FakeRedis::text("/tls/" + name)});
  });
  reload_certificates(*redis.connect({}, std::chrono::seconds(1)));
  CHECK(redis.commands.back() ==
        "CONFIG SET tls-cert-file /tls/tls-cert-file tls-key-file /tls/tls-key-file tls-ca-cert-file "
        "/tls/tls-ca-cert-file");
  FakeRedis plain([](const std::string&) { return FakeRedis::list({}); });
  CHECK(has(error_of([&] { reload_certificates(*plain.connect({}, std::chrono::seconds(1))); }).message(),
            "does not speak TLS"));
}

}  // namespace raibid::certificates_test
