#include <doctest/doctest.h>

#include "components/redis/settings/settings.hpp"
#include "support/thrown.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

const std::string digest = "sha256:" + std::string(64, 'a');

std::string taken_apart(const std::string& text) {
  const ImageReference image = parse_image(text, "--image");
  return image.registry + "|" + image.repository + "|" + image.tag + "|" + image.digest;
}

}  // namespace

TEST_CASE("image references as Docker reads them") {
  CHECK(taken_apart("redis") == "docker.io|library/redis|latest|");
  CHECK(taken_apart("redis:7-alpine") == "docker.io|library/redis|7-alpine|");
  CHECK(taken_apart("docker.io/redis:7") == "docker.io|library/redis|7|");
  CHECK(taken_apart("index.docker.io/library/redis:7") == "docker.io|library/redis|7|");
  CHECK(taken_apart("valkey/valkey:8.1.1-alpine3.22") == "docker.io|valkey/valkey|8.1.1-alpine3.22|");
  CHECK(taken_apart("ghcr.io/team/sub/redis:1") == "ghcr.io|team/sub/redis|1|");
  CHECK(taken_apart("localhost/redis") == "localhost|redis|latest|");
  CHECK(taken_apart("localhost:5000/redis:7") == "localhost:5000|redis|7|");
  CHECK(taken_apart("registry:5000/team/redis") == "registry:5000|team/redis|latest|");
  CHECK(taken_apart("[::1]:5000/redis:7") == "[::1]:5000|redis|7|");
  CHECK(taken_apart("Registry/redis:7") == "Registry|redis|7|");
  CHECK(taken_apart("redis@" + digest) == "docker.io|library/redis||" + digest);
  CHECK(taken_apart("reg.io:443/a/redis:7@" + digest) == "reg.io:443|a/redis|7|" + digest);
  CHECK(taken_apart("a__b/c--d/e.f:" + std::string(128, 't')) ==
        "docker.io|a__b/c--d/e.f|" + std::string(128, 't') + "|");
}

TEST_CASE("what is not an image reference") {
  for (const std::string& text : {std::string(""),
                                  std::string(":7"),
                                  std::string("redis:"),
                                  std::string("redis:7:8"),
                                  std::string("Redis:7"),
                                  std::string("redis 7"),
                                  std::string(" redis"),
                                  std::string("redis\n"),
                                  std::string("https://docker.io/redis"),
                                  std::string("redis:-7"),
                                  std::string("redis@"),
                                  std::string("redis@sha256:abc"),
                                  "redis@" + digest + "a",
                                  "redis@md5:" + std::string(31, 'a'),
                                  std::string("a//b"),
                                  std::string("/redis"),
                                  std::string("redis/"),
                                  std::string("a/-b"),
                                  std::string("a/b_"),
                                  std::string("a/b___c"),
                                  std::string("a/b..c"),
                                  std::string("my_host:50/a"),
                                  std::string("host.io:port/a"),
                                  std::string("-host.io/a"),
                                  "redis:" + std::string(129, 't'),
                                  std::string(300, 'r'),
                                  std::string("redis:7;rm -rf"),
                                  std::string("redis@@") + digest,
                                  std::string("$(id)/redis")}) {
    CAPTURE(text);
    const Error error = error_of([&] { parse_image(text, "--image (RAIBID_IMAGE)"); });
    CHECK(error.code() == ExitCode::usage);
    CHECK(has(error.message(), "--image (RAIBID_IMAGE): "));
    CHECK(has(error.hint(), "redis:8.2-alpine"));
  }
}

TEST_CASE("a megabyte of a reference is refused like any other") {
  const std::string long_one(1 << 20, 'a');
  CHECK(error_of([&] { parse_image(long_one, "--image"); }).code() == ExitCode::usage);
  CHECK(error_of([&] { parse_image("a" + std::string(1 << 20, '-'), "--image"); }).code() == ExitCode::usage);
}
