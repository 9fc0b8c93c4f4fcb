// What Redis answers to SYNC, in pieces of every size.
#include <doctest/doctest.h>

#include <string>

#include "base/error.hpp"
#include "support/thrown.hpp"
#include "tools/redis_dump.hpp"

namespace raibid::redis_dump_test {

namespace {

class Kept final : public DumpSink {
 public:
  void waiting() override { ++waits; }
  void take(std::string_view bytes) override { text += bytes; }
  std::string text;
  int waits = 0;
};

const std::string mark = "0123456789abcdef0123456789abcdef01234567";

/// Each answer, cut into pieces of every length.
void read_in_all_pieces(const std::string& answer, const std::string& copy, int waits) {
  for (std::size_t piece = 1; piece <= answer.size(); ++piece) {
    CAPTURE(piece);
    Kept kept;
    DumpReader reader;
    for (std::size_t at = 0; at < answer.size() && !reader.ended(); at += piece)
      reader.add(std::string_view(answer).substr(at, piece), kept);
    CHECK(reader.ended());
    CHECK(kept.text == copy);
    CHECK(kept.waits == waits);
    CHECK(reader.reply().integer == static_cast<std::int64_t>(copy.size()));
  }
}

}  // namespace

TEST_CASE("dump: with a length, with a mark, and with signs of life before it") {
  const std::string copy = "REDIS0010 some bytes\r\nwith lines\n\n and \0 more";
  read_in_all_pieces("$" + std::to_string(copy.size()) + "\r\n" + copy, copy, 0);
  read_in_all_pieces("\n\n\n$" + std::to_string(copy.size()) + "\r\n" + copy, copy, 3);
  read_in_all_pieces("$EOF:" + mark + "\r\n" + copy + mark, copy, 0);
  read_in_all_pieces("\n$EOF:" + mark + "\r\n" + copy + mark, copy, 1);
  read_in_all_pieces("$EOF:" + mark + "\r\n" + mark, "", 0);
  read_in_all_pieces("$0\r\n", "", 0);
  // shorter than the mark, and with its beginning in it
  read_in_all_pieces("$EOF:" + mark + "\r\nabc012" + mark, "abc012", 0);
}

TEST_CASE("dump: what comes after a counted copy is not part of it") {
  Kept kept;
  DumpReader reader;
  reader.add("$3\r\nabc*1\r\n$4\r\nPING\r\n", kept);
  CHECK(reader.ended());
  CHECK(kept.text == "abc");
}

TEST_CASE("dump: it has not ended before its mark, or its last byte, is there") {
  for (const std::string& answer : {"$EOF:" + mark + "\r\nabc" + mark.substr(1), std::string("$4\r\nabc")}) {
    Kept kept;
    DumpReader reader;
    reader.add(answer, kept);
    CHECK_FALSE(reader.ended());
  }
}

TEST_CASE("dump: Redis refuses, or answers with something else") {
  Kept kept;
  DumpReader reader;
  reader.add("-NOPERM this user has no permissions to run the 'sync' command\r\n", kept);
  CHECK(reader.ended());
  CHECK(reader.reply().error_code() == "NOPERM");
  CHECK(kept.text.empty());
  for (const std::string answer :
       {"+OK\r\n", "$-1\r\n", "$12a\r\n", "$EOF:short\r\n", "HTTP/1.1 400 Bad Request\r\n"}) {
    DumpReader other;
    CHECK(test::error_of([&] { other.add(answer, kept); }).code() == ExitCode::failure);
  }
  DumpReader endless;
  CHECK(test::error_of([&] { endless.add(std::string(5000, 'x'), kept); }).code() == ExitCode::failure);
}

}  // namespace raibid::redis_dump_test
