#include "config/yaml_edit.hpp"

#include "base/error.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

namespace raibid::yaml_edit_test {

const std::string file = R"(# where our jobs live
namespace: jobs   # not prod

allow-from:
  - shop
  # and soon:
  - billing

# memory
memory-limit: 1Gi
)";

TEST_SUITE("config: editing a file") {
  TEST_CASE("a value is replaced where it stands, and all other lines stay") {
    CHECK(with_key(file, "f", "memory-limit", "2Gi").ends_with("# memory\nmemory-limit: 2Gi\n"));
    const std::string list = with_key(file, "f", "allow-from", {"a", "b"});
    CHECK(list.find("\n\nallow-from:\n") != std::string::npos);
    CHECK(list.find("billing") == std::string::npos);
    CHECK(list.ends_with("\n\n# memory\nmemory-limit: 1Gi\n"));
    CHECK(with_key(file, "f", "namespace", "prod").starts_with("# where our jobs live\nnamespace: prod\n\n"));
  }

  TEST_CASE("a new key comes last, also in a file that is empty or has no line end") {
    CHECK(with_key("", "f", "size", "8Gi") == "size: 8Gi\n");
    CHECK(with_key("# only this", "f", "size", "8Gi") == "# only this\nsize: 8Gi\n");
    CHECK(with_key(file, "f", "tls", true) == file + "tls: true\n");
    CHECK(with_key("", "f", "release", "8") == "release: \"8\"\n");
  }

  TEST_CASE("a key is removed with its lines") {
    CHECK(without_key(file, "f", "namespace").starts_with("# where our jobs live\n\nallow-from:"));
    CHECK(without_key(file, "f", "allow-from").find("shop") == std::string::npos);
    CHECK(without_key(file, "f", "size") == file);
  }

  TEST_CASE("a file of another shape is refused") {
    CHECK_THROWS_AS(with_key("{a: 1, b: 2}\n", "f", "a", 2), Error);
    CHECK_THROWS_AS(with_key("- a\n", "f", "a", 2), Error);
    CHECK_THROWS_AS(without_key("a: [\n", "f", "a"), Error);
  }
}

}  // namespace raibid::yaml_edit_test
