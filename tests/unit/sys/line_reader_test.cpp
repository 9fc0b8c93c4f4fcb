#include "sys/line_reader.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "sys/unique_fd.hpp"

using namespace raibid;

namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    read = UniqueFd(ends[0]);
    write = UniqueFd(ends[1]);
  }
  void put(const std::string& text) const {
    REQUIRE(::write(write.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  UniqueFd read, write;
};

std::string next(LineReader& reader) {
  std::string_view line;
  switch (reader.next(line)) {
    case LineReader::Next::line:
      return "[" + std::string(line) + "]";
    case LineReader::Next::later:
      return "later";
    default:
      return "end";
  }
}

}  // namespace

TEST_CASE("line reader: lines as they come, and the last one without an end") {
  Pipe pipe;
  LineReader reader(pipe.read.get(), "the pipe");
  CHECK(next(reader) == "later");
  pipe.put("one\n\ntw");
  CHECK(next(reader) == "[one]");
  CHECK(next(reader) == "[]");
  CHECK(next(reader) == "later");
  pipe.put("o\nthree");
  CHECK(next(reader) == "[two]");
  CHECK(next(reader) == "later");
  pipe.write.reset();
  CHECK(next(reader) == "[three]");
  CHECK(next(reader) == "end");
  CHECK(next(reader) == "end");
}

TEST_CASE("line reader: the last line can be read again") {
  Pipe pipe;
  LineReader reader(pipe.read.get(), "the pipe");
  pipe.put("one\ntwo\n");
  CHECK(next(reader) == "[one]");
  reader.again();
  CHECK(next(reader) == "[one]");
  CHECK(next(reader) == "[two]");
}

TEST_CASE("line reader: many lines of every length come whole") {
  Pipe pipe;
  LineReader reader(pipe.read.get(), "the pipe");
  std::vector<std::string> wanted, seen;
  for (int i = 0; i < 2000; ++i) {
    wanted.push_back("[" + std::string(static_cast<std::size_t>(i * 7 % 301), static_cast<char>('a' + i % 26)) + "]");
    pipe.put(wanted.back().substr(1, wanted.back().size() - 2) + "\n");
    if (i % 50 != 49) continue;
    for (std::string line = next(reader); line != "later"; line = next(reader)) seen.push_back(line);
  }
  CHECK(seen == wanted);
}

TEST_CASE("line reader: an input that cannot be read is named") {
  const UniqueFd folder(::open("/", O_RDONLY));
  LineReader reader(folder.get(), "the file");
  std::string_view line;
  try {
    reader.next(line);
    FAIL("nothing was thrown");
  } catch (const Error& error) {
    CHECK(error.message().find("the file") != std::string::npos);
  }
}
