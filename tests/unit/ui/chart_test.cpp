#include "ui/chart.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "ui/text.hpp"

namespace raibid::chart_test {

TEST_SUITE("chart") {
  TEST_CASE("a bar is as wide as asked, whatever the fraction") {
    CHECK(bar(0, 4, true) == "░░░░");
    CHECK(bar(0.5, 4, true) == "██░░");
    CHECK(bar(1, 4, true) == "████");
    CHECK(bar(7, 4, true) == "████");
    CHECK(bar(-1, 4, true) == "░░░░");
    CHECK(bar(std::nan(""), 4, true) == "░░░░");
    CHECK(bar(0.5, 4, false) == "##..");
    CHECK(bar(0.5, 0, true).empty());
  }

  TEST_CASE("a bar of a little shows a little") { CHECK(bar(0.001, 10, false) == "#........."); }

  TEST_CASE("a sparkline shows the last values, scaled to the largest of them") {
    CHECK(sparkline(std::vector<double>{9, 0, 7, 3.5}, 3, true) == "▁█▅");
    CHECK(sparkline(std::vector<double>{0, 1}, 4, false) == "  _#");
    CHECK(sparkline({}, 3, true) == "   ");
    CHECK(sparkline(std::vector<double>{0, 0}, 2, true) == "▁▁");
    CHECK(display_width(sparkline(std::vector<double>{1, 2, 3}, 20, true)) == 20);
  }
}

}  // namespace raibid::chart_test
