#include "config/settings.hpp"

#include "config/duration.hpp"
#include "support/errors.hpp"

#include <doctest/doctest.h>

namespace raibid {

using namespace std::chrono_literals;

TEST_CASE("durations") {
  CHECK(parse_duration("90s", "x") == 90s);
  CHECK(parse_duration("5m", "x") == 5min);
  CHECK(parse_duration("1h30m", "x") == 90min);
  CHECK(parse_duration("1h1m1s1ms", "x") == 1h + 1min + 1s + 1ms);
  CHECK(parse_duration("500ms", "x") == 500ms);
  CHECK(parse_duration("90", "x") == 90s);
  CHECK(parse_duration("8760h", "x") == 8760h);
}

TEST_CASE("what is not a duration") {
  for (const char* text : {"", " ", "m", "5", "5 m", "5mm", "5x", "30m1h", "5m5m", "1h30", "-5m", "+5m", "1.5h", "5m ",
                           "5M", "0x5s", "5sm", "1m2ms3s"}) {
    CAPTURE(text);
    const std::string message = tests::message_of([&] { parse_duration(text, "--timeout"); });
    if (std::string_view(text) == "5") {
      CHECK(message == "");
    } else {
      CHECK(message == std::string("--timeout: \"") + text + "\" is not a duration, such as 90s, 5m or 1h30m");
    }
  }
  CHECK(tests::message_of([] { parse_duration("0s", "RAIBID_TIMEOUT"); }) ==
        "RAIBID_TIMEOUT: \"0s\" must be greater than 0");
  for (const char* text : {"8761h", "99999999999999999999s", "9223372036854775807h", "8760h1ms"}) {
    CAPTURE(text);
    CHECK(tests::message_of([&] { parse_duration(text, "x"); }).ends_with("is more than a year"));
  }
}

}  // namespace raibid
