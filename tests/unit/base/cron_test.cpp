#include "base/cron.hpp"

#include <doctest/doctest.h>

namespace raibid::cron_test {

namespace {

using Lines = std::vector<std::string>;

int hours_between(const char* text) {
  const auto schedule = CronSchedule::parse(text);
  REQUIRE(schedule.has_value());
  return static_cast<int>(schedule->longest_gap() / std::chrono::hours(1));
}

Lines calendars(const char* text) {
  const auto schedule = CronSchedule::parse(text);
  REQUIRE(schedule.has_value());
  return schedule->systemd_calendars();
}

}  // namespace

TEST_CASE("cron: the longest time between two runs") {
  CHECK(CronSchedule::parse("*/10 * * * *")->longest_gap() == std::chrono::minutes(10));
  CHECK(CronSchedule::parse("* * * * *")->longest_gap() == std::chrono::minutes(1));
  CHECK(CronSchedule::parse("0,50 * * * *")->longest_gap() == std::chrono::minutes(50));
  CHECK(hours_between("0 3 * * *") == 24);
  CHECK(hours_between("@daily") == 24);
  CHECK(hours_between("@weekly") == 7 * 24);
  CHECK(hours_between("30 2,14 * * *") == 12);
  CHECK(hours_between("0 8-18/2 * * *") == 14);
  CHECK(hours_between("0 3 * * mon-fri") == 3 * 24);
  CHECK(hours_between("0 3 * * 1,4") == 4 * 24);
  CHECK(hours_between("0 0 1 * *") == 31 * 24);
  CHECK(hours_between("0 0 1 JAN *") == 366 * 24);
  CHECK(hours_between("0 0 29 2 *") == (4 * 365 + 1) * 24);
  CHECK(hours_between("0 0 1 * 1") == 7 * 24);  // either
}

TEST_CASE("cron: what is no schedule") {
  for (const char* const bad : {"", "daily", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *",
                                "* * * 13 *", "* * * * 7", "*/0 * * * *", "5-1 * * * *", "a * * * *", "1, * * * *",
                                "@reboot", "@x y", "0 0 30 2 *", "-1 * * * *", "1-2-3 * * * *"}) {
    CAPTURE(bad);
    CHECK_FALSE(CronSchedule::parse(bad).has_value());
  }
}

TEST_CASE("cron: the same for a timer of systemd") {
  CHECK(calendars("0 3 * * *") == Lines{"*-*-* 03:00:00"});
  CHECK(calendars("*/20 * * * *") == Lines{"*-*-* *:00,20,40:00"});
  CHECK(calendars("30 4 * * mon-wed") == Lines{"Mon,Tue,Wed *-*-* 04:30:00"});
  CHECK(calendars("0 0 1,15 * *") == Lines{"*-*-01,15 00:00:00"});
  CHECK(calendars("0 0 1 1 *") == Lines{"*-01-01 00:00:00"});
  CHECK(calendars("0 0 1 * sun") == Lines{"*-*-01 00:00:00", "Sun *-*-* 00:00:00"});
}

}  // namespace raibid::cron_test
