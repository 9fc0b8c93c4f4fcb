#include "ui/table.hpp"

#include <doctest/doctest.h>

namespace raibid {

TEST_CASE("tables") {
  Table table({"CHECK", "RESULT", "DETAIL"});
  table.add({"pod", "✓", "raibid-redis-master-0"});
  table.add({"größe", "日本", "x"});
  table.add({"claim", "", ""});
  table.add({"short"});
  table.add({"evil\x1b[2J\n", "a\tb", "c"});
  CHECK(table.text() ==
        "CHECK  RESULT  DETAIL\n"
        "pod    ✓       raibid-redis-master-0\n"
        "größe  日本    x\n"
        "claim\n"
        "short\n"
        "evil   a b     c\n");
  CHECK(Table({"A", "B"}).text() == "A  B\n");
}

TEST_CASE("keys and values") {
  using Rows = std::vector<std::pair<std::string, std::string>>;
  const Rows rows = {{"size", "8Gi"}, {"memory-limit", "512Mi"}, {"allow-from", "team-a\nteam-b"}, {"empty", ""}};
  CHECK(key_values(rows) ==
        "size          8Gi\n"
        "memory-limit  512Mi\n"
        "allow-from    team-a\n"
        "              team-b\n"
        "empty\n");
  CHECK(key_values(Rows{{"a", "b"}}, 2) == "  a  b\n");
  CHECK(key_values(Rows{}) == "");
}

}  // namespace raibid
