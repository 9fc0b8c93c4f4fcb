#include "components/redis/server/password.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "fakes/fake_random.hpp"
#include "support/thrown.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

/// SplitMix64: good bytes, the same ones in every run.
class DeterministicRandom final : public Random {
 public:
  void fill(std::span<std::uint8_t> bytes) override {
    for (std::uint8_t& byte : bytes) {
      m_state += 0x9e3779b97f4a7c15U;
      std::uint64_t mixed = m_state;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9U;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebU;
      byte = static_cast<std::uint8_t>(mixed >> 56);
    }
  }

 private:
  std::uint64_t m_state = 20260131;
};

class OneByte final : public Random {
 public:
  explicit OneByte(std::uint8_t first) : m_byte(first) {}
  void fill(std::span<std::uint8_t> bytes) override {
    for (std::uint8_t& byte : bytes) {
      byte = m_byte;
      m_byte = 0;
    }
  }

 private:
  std::uint8_t m_byte;
};

struct PasswordFile {
  TemporaryDirectory folder{std::filesystem::temp_directory_path()};
  std::string path = folder.path() / "password";
  explicit PasswordFile(const std::string& content) { write_atomic(path, content); }
};

}  // namespace

TEST_CASE("a password has 32 characters of A-Z a-z 0-9") {
  SystemRandom random;
  std::set<std::string> seen;
  for (int round = 0; round < 200; ++round) {
    const std::string password = generate_password(random).reveal();
    CHECK(password.size() == 32);
    CHECK(password.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
          std::string::npos);
    seen.insert(password);
  }
  CHECK(seen.size() == 200);
}

TEST_CASE("bytes map to characters in the order of the alphabet, and those that would favour some are thrown away") {
  CHECK(generate_password(*std::make_unique<FakeRandom>()).reveal() == "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef");
  for (int byte = 0; byte < 256; ++byte) {
    CAPTURE(byte);
    OneByte random(static_cast<std::uint8_t>(byte));
    const std::string password = generate_password(random).reveal();
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const char expected = byte < 248 ? alphabet[static_cast<std::size_t>(byte) % 62] : 'A';
    CHECK(password.front() == expected);
    CHECK(password.substr(1) == std::string(31, 'A'));
  }
}

TEST_CASE("every character is equally likely: chi-square over 620,000 of them") {
  DeterministicRandom random;
  std::array<int, 128> count{};
  int total = 0;
  while (total < 620000) {
    const Secret password = generate_password(random);
    for (const char c : password.reveal()) {
      ++count[static_cast<std::size_t>(c)];
      ++total;
    }
  }
  const double expected = total / 62.0;
  double chi_square = 0;
  int characters = 0;
  for (const int n : count) {
    if (n == 0) continue;
    ++characters;
    chi_square += (n - expected) * (n - expected) / expected;
  }
  CHECK(characters == 62);
  // 61 degrees of freedom: above 100.9 once in a thousand. Without the rejection the first eight letters alone add
  // thousands.
  CHECK(chi_square < 100.9);
}

TEST_CASE("a generator that only gives unusable bytes at first is asked again") {
  class Stubborn final : public Random {
   public:
    int calls = 0;
    void fill(std::span<std::uint8_t> bytes) override {
      for (std::uint8_t& byte : bytes) byte = calls == 0 ? 255 : 1;
      ++calls;
    }
  } random;
  CHECK(generate_password(random).reveal() == std::string(32, 'B'));
  CHECK(random.calls == 2);
}

TEST_CASE("a password file's first line is the password") {
  CHECK(read_password_file(PasswordFile("correct-horse\n").path).reveal() == "correct-horse");
  CHECK(read_password_file(PasswordFile("correct-horse").path).reveal() == "correct-horse");
  CHECK(read_password_file(PasswordFile("correct-horse\r\nsecond line\n").path).reveal() == "correct-horse");
  CHECK(read_password_file(PasswordFile("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").path).reveal().size() == 32);
  CHECK(read_password_file(PasswordFile(std::string(512, 'p')).path).reveal().size() == 512);
}

TEST_CASE("password files that are refused, without showing what is in them") {
  const auto refusal = [](const std::string& content) {
    const PasswordFile file(content);
    const Error error = error_of([&] { read_password_file(file.path); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(has(error.message(), file.path));
    CHECK_FALSE(has(error.message() + error.hint(), "hunter2"));
    return error.message();
  };
  CHECK(has(refusal(""), "is empty"));
  CHECK(has(refusal("\nhunter2hunter2"), "is empty"));
  CHECK(has(refusal("hunter2"), "fewer than 8"));
  CHECK(has(refusal(std::string(513, 'p')), "more than 512"));
  CHECK(has(refusal("hunter2 hunter2"), "character 8 "));
  CHECK(has(refusal("hunter2\thunter2"), "character 8 "));
  CHECK(has(refusal("hunter2hunter2\xc3\xa4"), "character 15 "));
  CHECK(has(refusal(std::string("hunter2h\0x", 10)), "character 9 "));
}

TEST_CASE("a password file that is not there, or no file") {
  CHECK(has(error_of([] { read_password_file("/nowhere/at/all"); }).message(), "/nowhere/at/all"));
  CHECK(error_of([] { read_password_file("/nowhere/at/all"); }).code() == ExitCode::usage);
  CHECK(error_of([] { read_password_file("/"); }).code() == ExitCode::usage);
  CHECK(has(error_of([] { read_password_file("/"); }).message(), "--password-file"));
}

TEST_CASE("the ACL file: hashes, never the password") {
  const std::string text = acl_file(Secret("swordfish"), Secret("fishsword"));
  CHECK(has(text, "user default on #" + sha256_hex("swordfish") + " ~* &* +@all\n"));
  CHECK(has(text, "user health on nopass resetchannels -@all +ping\n"));
  CHECK(has(text, "user exporter on #" + sha256_hex("fishsword") + " "));
  CHECK_FALSE(has(text, "swordfish"));
  CHECK_FALSE(has(text, "fishsword"));
}

TEST_CASE("the ACL file without authentication, and without an exporter") {
  CHECK(acl_file(Secret(), Secret()) ==
        "user default on nopass ~* &* +@all\nuser health on nopass resetchannels -@all +ping\n");
}

TEST_CASE("what the Secret holds") {
  const auto content = secret_content(Secret("swordfish"), Secret("fishsword"));
  CHECK(content.size() == 3);
  CHECK(content.at("redis-password").reveal() == "swordfish");
  CHECK(content.at("users.acl").reveal() == acl_file(Secret("swordfish"), Secret("fishsword")));
  const auto exporter = nlohmann::json::parse(content.at("exporter.json").reveal());
  CHECK(exporter == nlohmann::json{{"redis://127.0.0.1:6379", "fishsword"},
                                   {"redis://exporter@127.0.0.1:6379", "fishsword"},
                                   {"unix:///run/redis/redis.sock", "fishsword"},
                                   {"unix://exporter@/run/redis/redis.sock", "fishsword"}});
}

TEST_CASE("an exporter's file of an older version gets the socket, and keeps its password") {
  const Secret old(R"({"redis://127.0.0.1:6379": "fishsword", "redis://exporter@127.0.0.1:6379": "fishsword"})");
  const Secret complete = with_every_address(old);
  CHECK(complete == secret_content(Secret(), Secret("fishsword")).at("exporter.json"));
  CHECK(with_every_address(complete) == complete);
  CHECK(with_every_address(Secret("no JSON")) == Secret("no JSON"));
}

TEST_CASE("the user that lets Redis read its certificate again comes and goes without touching the others") {
  const auto before = secret_content(Secret("swordfish"), Secret("fishsword"));
  const auto with = with_reload_user(before, Secret("reload"));
  CHECK(with.at(reload_password_key).reveal() == "reload");
  CHECK(with.at("users.acl").reveal().ends_with(" resetchannels -@all +config|set\n"));
  CHECK(with_reload_user(with, Secret("reload")) == with);
  CHECK(without_reload_user(with) == before);
  // neither user moves the other: setup compares texts
  const TrimUser trim{Secret("trim"), {"raibid:jobs"}};
  const auto both = with_reload_user(secret_content(Secret("swordfish"), Secret("fishsword"), trim), Secret("reload"));
  CHECK(with_trim_user(both.at("users.acl"), trim) == both.at("users.acl"));
}

TEST_CASE("the user that backups are taken by comes beside the others, which stay") {
  SecretContent before = secret_content(Secret("application"), Secret("exporter"), {Secret("trims"), {"jobs"}});
  CHECK(lacks_backup_user(before));
  SecretContent content = with_backup_user(before, Secret("copies"));
  CHECK_FALSE(lacks_backup_user(content));
  CHECK(value_of(content, "backup-password").reveal() == "copies");
  const std::string line =
      "user backup on #" + sha256_hex("copies") + " resetchannels -@all +psync +sync +replconf +ping +info\n";
  const std::string acl = value_of(content, acl_key).reveal();
  const std::size_t at = acl.find(line);
  REQUIRE(at != std::string::npos);
  CHECK(acl.substr(0, at) + acl.substr(at + line.size()) == value_of(before, acl_key).reveal());
  // the password that there is stays; other rights are put right
  std::string changed = acl;
  changed.replace(changed.find("-@all +psync"), 12, "+@all +psync");
  content[acl_key] = Secret(changed);
  CHECK(lacks_backup_user(content));
  content = with_backup_user(content, Secret("another"));
  CHECK(value_of(content, acl_key).reveal() == acl);
  CHECK(value_of(content, "backup-password").reveal() == "copies");
}

TEST_CASE("what the Secret holds without passwords") {
  const auto content = secret_content(Secret(), Secret());
  CHECK(content.size() == 1);
  CHECK(content.count("users.acl") == 1);
}

TEST_CASE("the trim user: these streams, what the script calls, and nothing else") {
  const TrimUser trim{Secret("catfish"), {"raibid:jobs", "a*b?[c]\\d"}};
  const std::string rules =
      "resetchannels -@all +eval +evalsha +type +xlen +xinfo|groups +xpending +xrange +xtrim +time ~raibid:jobs "
      R"(~a\*b\?\[c\]\\d)";
  const std::string text = acl_file(Secret("swordfish"), Secret("fishsword"), trim);
  CHECK(has(text, "user trim on #" + sha256_hex("catfish") + " " + rules + "\n"));
  CHECK_FALSE(has(text, "catfish"));
  const auto content = secret_content(Secret("swordfish"), Secret("fishsword"), trim);
  CHECK(content.size() == 4);
  CHECK(content.at("trim-password").reveal() == "catfish");
  CHECK(content.at("users.acl").reveal() == text);
}

TEST_CASE("the trim user is added to an ACL file, and replaced in one, beside users that stay") {
  const Secret before(acl_file(Secret("swordfish"), Secret("fishsword")));
  const TrimUser trim{Secret("catfish"), {"raibid:jobs"}};
  const Secret added = with_trim_user(before, trim);
  CHECK(added.reveal() == acl_file(Secret("swordfish"), Secret("fishsword"), trim));
  CHECK(with_trim_user(added, trim).reveal() == added.reveal());
  const TrimUser other{Secret("catfish"), {"other:jobs"}};
  CHECK(with_trim_user(added, other).reveal() == acl_file(Secret("swordfish"), Secret("fishsword"), other));
}
