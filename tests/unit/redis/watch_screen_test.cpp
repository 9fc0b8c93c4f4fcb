#include <doctest/doctest.h>

#include <algorithm>

#include "base/strings.hpp"
#include "components/redis/commands/status/watch_screen.hpp"
#include "ui/text.hpp"

namespace raibid::watch_screen_test {

using Lines = std::vector<std::string>;

const std::vector<WatchRow>& rows() {
  static const std::vector<WatchRow> two = {
      {{"raibid-redis", "namespace jobs", "raibid", "healthy", "8.10.2", "3 % of 307 MiB"}, true, "raibid:jobs: 7"},
      {{"mirai-redis", "this machine", "mirai", "not healthy", "-", "-"},
       false,
       "pod: redis-0 Pending, not Ready, 0 restarts: 0/1 nodes are available: 1 Insufficient memory"}};
  return two;
}

std::size_t widest(const Lines& lines) {
  std::size_t width = 0;
  for (const std::string& line : lines) width = std::max(width, display_width(line));
  return width;
}

TEST_CASE("watch: with room every column and note stands on the row") {
  const Lines lines = table_screen(rows(), 200, false);
  REQUIRE(lines.size() == 3);
  CHECK(lines[0].starts_with("RELEASE       WHERE           PRESET  STATE        REDIS   MEMORY          NOTE"));
  CHECK(lines[1].ends_with("3 % of 307 MiB  raibid:jobs: 7"));
}

TEST_CASE("watch: columns go by priority, and the cause is wrapped, not cut") {
  for (const std::size_t width : {90U, 70U, 50U, 40U, 30U}) {
    CAPTURE(width);
    const Lines lines = table_screen(rows(), width, false);
    CHECK(widest(lines) <= width + 2);
    const std::string all = join(lines, "\n");
    CHECK(all.find("not healthy") != std::string::npos);
    std::string words;
    for (const std::string& line : lines) words += std::string(trim(line)) + " ";
    CHECK(words.find("0/1 nodes are available: 1 Insufficient memory") != std::string::npos);
    CHECK((all.find("PRESET") != std::string::npos) <= (all.find("REDIS ") != std::string::npos));
    CHECK((all.find("WHERE") != std::string::npos) == (width >= 50));
  }
}

TEST_CASE("watch: colours only when wanted, and they take no column") {
  const Lines plain = table_screen(rows(), 200, false);
  const Lines colored = table_screen(rows(), 200, true);
  CHECK(join(plain, "").find('\x1b') == std::string::npos);
  CHECK(colored[1].find("\x1b[32mhealthy") != std::string::npos);
  CHECK(colored[2].find("\x1b[31mnot healthy") != std::string::npos);
}

TEST_CASE("watch: one Redis with every check and hint, wrapped under its text") {
  HealthReport health;
  health.add({"pod", true, "redis-0 Ready"});
  health.add({"memory", false, "the first words and then many more of them until the line ends", "free some of it"},
             CheckReason::full);
  health.add({"eviction", true, "unknown", "", true});
  const Lines lines = report_screen("raibid-redis (k3s)", health, 50, 24, false);
  CHECK(lines.front() == "raibid-redis (k3s): not healthy");
  CHECK(lines[1] == "  ✓ pod          redis-0 Ready");
  CHECK(lines[2].starts_with("  ✗ memory       the first words"));
  CHECK(lines[3].starts_with("                 "));
  CHECK(lines.back() == "  – eviction     unknown");
  CHECK(widest(lines) <= 50);
  const std::string all = join(lines, "\n");
  CHECK(all.find("→ free some of it") != std::string::npos);
  CHECK(report_screen("r", health, 50, 24, true)[1].find("\x1b[32m✓\x1b[0m") != std::string::npos);
}

TEST_CASE("watch: on a low terminal what passed goes first, and the last line counts it") {
  HealthReport health;
  for (const char* name : {"release", "workload", "pod", "claim", "secret"}) health.add({name, true, "fine"});
  health.add({"memory", false, "full", "free some of it"}, CheckReason::full);
  health.add({.name = "storage", .passed = true, .text = "soon full", .hint = "more", .warning = true},
             CheckReason::filling);
  const Lines all = report_screen("r", health, 50, 10, false);
  CHECK(all.size() == 10);
  CHECK(all[8] == "  ! storage      soon full");
  CHECK(all[9] == "                 → more");
  const Lines some = report_screen("r", health, 50, 8, false);
  CHECK(some.size() == 8);
  CHECK(some[1] == "  ✓ release      fine");
  CHECK(some[3] == "  ✗ memory       full");
  CHECK(some.back() == "  and 3 checks that passed");
  const Lines few = report_screen("r", health, 50, 3, false);
  CHECK(few.size() == 3);
  CHECK(few.back() == "… 4 more lines");
  CHECK(cut_to({"a", "b", "c"}, 2) == Lines{"a", "… 2 more lines"});
  CHECK(cut_to({"a", "b"}, 2) == Lines{"a", "b"});
}

}  // namespace raibid::watch_screen_test
