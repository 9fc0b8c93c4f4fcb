#include "ui/text.hpp"

#include "base/strings.hpp"
#include "base/utf8.hpp"

#include <doctest/doctest.h>

namespace raibid {

using namespace std::chrono_literals;

TEST_CASE("UTF-8 is decoded strictly") {
  const auto decoded = [](std::string_view text) {
    const CodePoint point = decode_utf8(text, 0);
    return point.valid ? static_cast<long>(point.value) : -static_cast<long>(point.length);
  };
  CHECK(decoded("a") == 'a');
  CHECK(decoded("ä") == 0xE4);
  CHECK(decoded("€") == 0x20AC);
  CHECK(decoded("😀") == 0x1F600);
  CHECK(decoded("\xf4\x8f\xbf\xbf") == 0x10FFFF);
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\xaf", "\xe2\x82",
                          "\xed\xa0\x80", "\xf0\x80\x80\xaf", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\xff"}) {
    CHECK(decoded(bad) == -1);
  }
  for (const char32_t point : {U'a', U'ä', U'€', U'😀', char32_t{0x7F}, char32_t{0x80}, char32_t{0x7FF},
                               char32_t{0x800}, char32_t{0xFFFF}, char32_t{0x10000}}) {
    std::string text;
    append_utf8(text, point);
    CHECK(decode_utf8(text, 0).value == point);
    CHECK(decode_utf8(text, 0).length == text.size());
  }
}

TEST_CASE("the width of what we print") {
  CHECK(display_width("") == 0);
  CHECK(display_width("redis") == 5);
  CHECK(display_width("✓ größe · …") == 11);
  CHECK(display_width("日本語") == 6);
  CHECK(display_width("e\xcc\x81") == 1);
  CHECK(display_width("😀") == 2);
  CHECK(display_width("\xff") == 1);
  CHECK(padded("日本", 6) == "日本  ");
  CHECK(padded("long", 2) == "long");
}

TEST_CASE("texts are shortened to a width") {
  CHECK(shortened("redis", 5, "…") == "redis");
  CHECK(shortened("redis", 4, "…") == "red…");
  CHECK(shortened("redis", 4, "...") == "r...");
  CHECK(shortened("redis", 2, "...") == "re");
  CHECK(shortened("redis", 0, "…") == "");
  CHECK(shortened("日本語", 4, "…") == "日…");
}

TEST_CASE("texts are folded at blanks") {
  using Lines = std::vector<std::string>;
  CHECK(folded("", 10) == Lines{""});
  CHECK(folded("one two three", 13) == Lines{"one two three"});
  CHECK(folded("one two three", 12) == Lines{"one two", "three"});
  CHECK(folded("one two three", 7) == Lines{"one two", "three"});
  CHECK(folded("one   two", 4) == Lines{"one ", "two"});
  CHECK(folded("abcdefgh ij", 3) == Lines{"abc", "def", "gh", "ij"});
  CHECK(folded("日本語", 1) == Lines{"日", "本", "語"});
  CHECK(folded("ab ", 2) == Lines{"ab"});
}

TEST_CASE("elapsed times") {
  CHECK(format_elapsed(99ms) == "");
  CHECK(format_elapsed(100ms) == "0.1 s");
  CHECK(format_elapsed(1249ms) == "1.2 s");
  CHECK(format_elapsed(59'949ms) == "59.9 s");
  CHECK(format_elapsed(59'950ms) == "1 min 00 s");
  CHECK(format_elapsed(125s) == "2 min 05 s");
}

TEST_CASE("ASCII for terminals that have nothing else") {
  CHECK(ascii_only("a … b · c → d – e “f”") == "a ... b - c -> d - e \"f\"");
  CHECK(ascii_only("größe 日 e\xcc\x81") == "gr??e ? e");
}

TEST_CASE("values in messages are printable and short") {
  CHECK(in_quotes("8G i") == "\"8G i\"");
  CHECK(in_quotes("a\nb\x1b[2J") == "\"a b\"");
  CHECK(in_quotes(std::string(60, 'x')) == "\"" + std::string(60, 'x') + "\"");
  CHECK(in_quotes(std::string(61, 'x')) == "\"" + std::string(60, 'x') + "…\"");
  CHECK(in_quotes(std::string(59, 'x') + "ää") == "\"" + std::string(59, 'x') + "ä…\"");
}

}  // namespace raibid
