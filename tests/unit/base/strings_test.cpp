#include "base/strings.hpp"

#include "base/error.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace raibid;

namespace {

using Strings = std::vector<std::string>;

std::string random_bytes(std::mt19937& generator, std::size_t most) {
  std::string bytes(generator() % (most + 1), '\0');
  for (char& byte : bytes) byte = static_cast<char>(generator());
  return bytes;
}

}  // namespace

TEST_CASE("split keeps empty parts, join puts them together again") {
  CHECK(split("a,b", ',') == Strings{"a", "b"});
  CHECK(split(",a,,", ',') == Strings{"", "a", "", ""});
  CHECK(split("", ',') == Strings{""});
  CHECK(join(Strings{"a", "", "c"}, ", ") == "a, , c");
  CHECK(join(Strings{}, ", ").empty());
}

TEST_CASE("trim") {
  CHECK(trim(" \t a b\r\n") == "a b");
  CHECK(trim(" \n ").empty());
  CHECK(trim("").empty());
}

TEST_CASE("take_lines leaves the unfinished line in the buffer") {
  std::string buffer = "one\r\ntwo\n\nthr";
  CHECK(take_lines(buffer) == Strings{"one", "two", ""});
  CHECK(buffer == "thr");
  CHECK(take_lines(buffer).empty());
  buffer += "ee\n";
  CHECK(take_lines(buffer) == Strings{"three"});
  CHECK(buffer.empty());
  buffer = "\r\n\r";
  CHECK(take_lines(buffer) == Strings{""});
  CHECK(buffer == "\r");
}

TEST_CASE("nearest finds what was meant, and nothing when nothing is near") {
  const Strings options{"size", "storage-class", "memory-limit", "memory-request", "image", "set"};
  CHECK(nearest("sise", options) == "size");
  CHECK(nearest("siez", options) == "size");
  CHECK(nearest("storageclass", options) == "storage-class");
  CHECK(nearest("memory-limt", options) == "memory-limit");
  CHECK(nearest("IMAGE", options) == "image");
  CHECK(nearest("setup-everything", options).empty());
  CHECK(nearest("xy", options).empty());
  CHECK(nearest("", options).empty());
  CHECK(nearest("size", Strings{}).empty());
  CHECK(nearest("a", Strings{"b"}).empty());
  CHECK(nearest(std::string(1 << 20, 'x'), options).empty());
  CHECK(did_you_mean("sise", options) == "; did you mean size?");
  CHECK(did_you_mean("nothing-like-it", options).empty());
}

TEST_CASE("a swap of neighbours is one mistake, not two") { CHECK(nearest("ste", Strings{"set"}) == "set"); }

TEST_CASE("shell_quote leaves plain words alone and protects the rest") {
  CHECK(shell_quote("raibid-redis/a_b.c:6379,x=y@z%+1") == "raibid-redis/a_b.c:6379,x=y@z%+1");
  CHECK(shell_quote("") == "''");
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("$(rm)") == "'$(rm)'");
  CHECK(shell_quote("~") == "'~'");
  CHECK(shell_quote("a\nb") == "'a\nb'");
  CHECK(shell_join(Strings{"kubectl", "get", "a b", ""}) == "kubectl get 'a b' ''");
}

TEST_CASE("printable keeps text and takes out what a terminal would obey") {
  CHECK(printable("Grüße · ✓ 漢字 😀") == "Grüße · ✓ 漢字 😀");
  CHECK(printable("\x1b[31mred\x1b[0m") == "red");
  CHECK(printable("\x1b]0;title\x07x") == "]0;titlex");
  CHECK(printable("a\tb\r\nc") == "a b  c");
  CHECK(printable(std::string("a\0b\x7f", 4)) == "ab");
  CHECK(printable("\xc2\x9b"
                  "31m") == "31m");
  CHECK(printable("user\xe2\x80\xaetxt") == "usertxt");
}

TEST_CASE("printable replaces what is not UTF-8, byte by byte") {
  const std::string bad = "\xef\xbf\xbd";
  CHECK(printable("a\xff"
                  "b") == "a" + bad + "b");
  CHECK(printable("\xc3") == bad);
  CHECK(printable("\xc0\xaf") == bad + bad);
  CHECK(printable("\xe0\x80\x80") == bad + bad + bad);
  CHECK(printable("\xed\xa0\x80") == bad + bad + bad);
  CHECK(printable("\xf4\x90\x80\x80") == bad + bad + bad + bad);
  CHECK(printable("\xe2\x82") == bad + bad);
  CHECK(printable("\x1b[12;") == "");
}

TEST_CASE("base64 as in RFC 4648, section 10") {
  const std::vector<std::pair<std::string, std::string>> vectors{
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [bytes, text] : vectors) {
    CHECK(base64_encode(bytes) == text);
    CHECK(base64_decode(text) == bytes);
  }
}

TEST_CASE("base64_decode refuses what is not base64") {
  for (const char* text : {"Zg=", "Zg", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "Zh==", "Zm9=", "Zm-_", "=Zg="}) {
    CAPTURE(text);
    try {
      base64_decode(text);
      FAIL_CHECK("it was taken");
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::preflight);
    }
  }
}

TEST_CASE("any bytes go through") {
  std::mt19937 generator(7);
  for (int i = 0; i < 5000; ++i) {
    const std::string bytes = random_bytes(generator, 40);
    CHECK(base64_decode(base64_encode(bytes)) == bytes);
    CHECK(join(split(bytes, ','), ",") == bytes);
    const std::string clean = printable(bytes);
    CHECK(printable(clean) == clean);
    CHECK(clean.find('\x1b') == std::string::npos);
    std::string buffer = bytes;
    CHECK(take_lines(buffer).size() + buffer.size() <= bytes.size());
    CHECK(buffer.find('\n') == std::string::npos);
    try {
      base64_decode(bytes);
    } catch (const Error&) {
    }
  }
}
