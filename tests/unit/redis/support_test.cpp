#include <doctest/doctest.h>

#include <stdio.h>

#include <array>
#include <filesystem>
#include <string>

#include "components/redis/commands/support/archive.hpp"
#include "components/redis/commands/support/redactor.hpp"
#include "sys/files.hpp"

namespace raibid::support_test {

/// What a line of shell writes.
std::string written_by(const std::string& line) {
  FILE* const pipe = ::popen(line.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  std::string text;
  for (std::size_t size = 0; (size = ::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    text.append(buffer.data(), size);
  CHECK(::pclose(pipe) == 0);
  return text;
}

TEST_CASE("support: a value becomes the same word everywhere, and the account has no value") {
  Redactor redactor;
  redactor.add("secret", "hunter2");
  redactor.add("namespace", "jobs");
  redactor.add("namespace", "jobs-test");
  redactor.add("name", "");
  CHECK(redactor.redact("AUTH hunter2; xhunter2x in jobs, jobs-test and jobsite") ==
        "AUTH <secret-1>; x<secret-1>x in <namespace-1>, <namespace-2> and jobsite");
  CHECK(redactor.redact("again jobs") == "again <namespace-1>");
  CHECK(redactor.account() == "namespace: 2 values, 3 places\nsecret: 1 value, 2 places\n");
  redactor.add("host", "vm");  // a short name, too
  CHECK(redactor.redact("root@vm used_memory_vm_eval") == "root@<host-1> used_memory_vm_eval");
}

TEST_CASE("support: addresses, hashes and registries are found by their form; what is public stays") {
  Redactor redactor;
  CHECK(redactor.redact("10.0.0.5:6443 and 10.0.0.6, again 10.0.0.5\n127.0.0.1 0.0.0.0") ==
        "<ip-1>:6443 and <ip-2>, again <ip-1>\n127.0.0.1 0.0.0.0");
  CHECK(redactor.redact("fe80::1 2001:db8:0:0:0:0:0:1") == "<ip-4> <ip-3>");
  CHECK(redactor.redact("registry.corp.example:5000/team/redis:7 docker.io/library/redis:8.10.2") ==
        "<registry-1>/team/redis:7 docker.io/library/redis:8.10.2");
  CHECK(redactor.redact("app.kubernetes.io/name: redis") == "app.kubernetes.io/name: redis");
  CHECK(redactor.redact("#" + std::string(64, 'a')) == "#<hash-1>");
  CHECK(redactor.redact("redis 7.0.15, 12:34:56, 2026-01-31T12:00:00Z, 999.1.1.1") ==
        "redis 7.0.15, 12:34:56, 2026-01-31T12:00:00Z, 999.1.1.1");
  CHECK(redactor.redact("").empty());
  CHECK(redactor.redact("a\n\nb\n") == "a\n\nb\n");
}

TEST_CASE("support: the archive is one that tar reads") {
  const TemporaryDirectory folder(std::filesystem::temp_directory_path());
  const std::string large(1500, 'x');
  write_atomic(folder.path() / "a.tar.gz",
               tar_gz({{"one.txt", "first\n"}, {"folder/two.txt", large}, {"empty", ""}}, {}));
  const std::string file = (folder.path() / "a.tar.gz").string();
  CHECK(written_by("tar -tzf " + file) == "one.txt\nfolder/two.txt\nempty\n");
  CHECK(written_by("tar -xzOf " + file + " folder/two.txt") == large);
  CHECK(written_by("tar -xzOf " + file + " one.txt") == "first\n");
  CHECK_THROWS(tar_gz({{std::string(200, 'n'), ""}}, {}));
}

}  // namespace raibid::support_test
