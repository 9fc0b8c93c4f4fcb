#include "base/quantity.hpp"

#include "base/error.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace raibid;

namespace {

constexpr std::int64_t largest = std::numeric_limits<std::int64_t>::max();

std::string refusal(std::string_view text, bool memory = true) {
  try {
    const std::int64_t value = memory ? parse_bytes(text, "--size") : parse_millicores(text, "--size");
    return "taken as " + std::to_string(value);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::usage);
    return error.message();
  }
}

}  // namespace

TEST_CASE("bytes in every form that Kubernetes takes") {
  const std::vector<std::pair<std::string, std::int64_t>> forms{
      {"0", 0},
      {"1", 1},
      {"+1", 1},
      {"-0", 0},
      {"007", 7},
      {"1.", 1},
      {".5k", 500},
      {"1.5", 2},
      {"512Mi", 512LL << 20},
      {"8Gi", 8LL << 30},
      {"1Ki", 1024},
      {"1Ti", 1LL << 40},
      {"1Pi", 1LL << 50},
      {"7Ei", 7LL << 60},
      {"1.5Gi", 3LL << 29},
      {"0.1Ki", 103},
      {"1k", 1000},
      {"128M", 128'000'000},
      {"8G", 8'000'000'000},
      {"1T", 1'000'000'000'000},
      {"1P", 1'000'000'000'000'000},
      {"1E", 1'000'000'000'000'000'000},
      {"1000m", 1},
      {"100m", 1},
      {"1u", 1},
      {"1n", 1},
      {"0n", 0},
      {"1e3", 1000},
      {"1E3", 1000},
      {"12e+6", 12'000'000},
      {"129e6", 129'000'000},
      {"15e-1", 2},
      {"1e-999999999999999999999", 1},
      {"0e999999999999999999999", 0},
      {"9223372036854775807", largest},
      {"0.000000000000000000000000000000000001E", 1},
      {"1000000000000000000000000000n", 1'000'000'000'000'000'000},
  };
  for (const auto& [text, bytes] : forms) {
    CAPTURE(text);
    CHECK(parse_bytes(text, "--size") == bytes);
  }
}

TEST_CASE("millicores") {
  CHECK(parse_millicores("100m", "--cpu-limit") == 100);
  CHECK(parse_millicores("0.5", "--cpu-limit") == 500);
  CHECK(parse_millicores("2", "--cpu-limit") == 2000);
  CHECK(parse_millicores("1.5", "--cpu-limit") == 1500);
  CHECK(parse_millicores("1u", "--cpu-limit") == 1);
  CHECK(parse_millicores("1k", "--cpu-limit") == 1'000'000);
  CHECK(parse_millicores("9223372036854775", "--cpu-limit") == 9'223'372'036'854'775'000);
}

TEST_CASE("what is not a quantity is refused with what to write instead") {
  CHECK(refusal("8G i") == "--size: \"8G i\" is not a quantity; write for instance 8Gi");
  CHECK(refusal("8GB") == "--size: \"8GB\" is not a quantity; write for instance 8Gi");
  CHECK(refusal("512 mb") == "--size: \"512 mb\" is not a quantity; write for instance 512Mi");
  CHECK(refusal("1,5Gi") == "--size: \"1,5Gi\" is not a quantity; write for instance 1.5Gi");
  CHECK(refusal("big") == "--size: \"big\" is not a quantity; write for instance 8Gi");
  CHECK(refusal("0,5", false) == "--size: \"0,5\" is not a quantity; write for instance 0.5");
  CHECK(refusal("500 m", false) == "--size: \"500 m\" is not a quantity; write for instance 500m");
  CHECK(refusal("half", false) == "--size: \"half\" is not a quantity; write for instance 500m");
  for (const char* text :
       {"",   " ",     ".",   "+",    "-",   "Gi",    "8gi",  "8K",    "8KI", "8ki", "8GiB", "8Gi ",  " 8Gi",
        "1e", "1e3.5", "1e+", "1ee3", "--1", "1.2.3", "0x10", "1_000", "8 ",  "inf", "nan",  "1e3Ki", "½"}) {
    CAPTURE(text);
    CHECK(refusal(text).find("is not a quantity") != std::string::npos);
  }
}

TEST_CASE("negative and too large are told apart from nonsense") {
  CHECK(refusal("-1Mi") == "--size: \"-1Mi\" is negative; write for instance 8Gi");
  CHECK(refusal("-1e-30") == "--size: \"-1e-30\" is negative; write for instance 8Gi");
  CHECK(refusal("8Ei").find("is too large") != std::string::npos);
  CHECK(refusal("9223372036854775808").find("is too large") != std::string::npos);
  CHECK(refusal("9223372036854775807.1").find("is too large") != std::string::npos);
  CHECK(refusal("99999999999999999999").find("is too large") != std::string::npos);
  CHECK(refusal("1e999999999999999999999").find("is too large") != std::string::npos);
  CHECK(refusal("9223372036854775.808", false).find("is too large") != std::string::npos);
  CHECK(refusal(std::string(1 << 20, '9') + "Ei").find("is too large") != std::string::npos);
}

TEST_CASE("a refusal is short and printable whatever it refuses") {
  CHECK(refusal(std::string(100000, 'x')).size() < 150);
  CHECK(refusal("8\x1b[31m\xff").find('\x1b') == std::string::npos);
}

TEST_CASE("any bytes are refused or taken") {
  std::mt19937 generator(11);
  constexpr std::string_view alphabet = "0123456789.+-eEinumkKMGTP \xff";
  int taken = 0;
  for (int i = 0; i < 50000; ++i) {
    std::string text(generator() % 12, ' ');
    for (char& c : text) c = alphabet[generator() % alphabet.size()];
    try {
      const std::int64_t bytes = parse_bytes(text, "x");
      CHECK(bytes >= 0);
      ++taken;
    } catch (const Error& error) {
      CHECK(error.code() == ExitCode::usage);
    }
  }
  CHECK(taken > 100);
}

TEST_CASE("bytes for people") {
  CHECK(format_bytes(0) == "0 B");
  CHECK(format_bytes(1023) == "1023 B");
  CHECK(format_bytes(1024) == "1.0 KiB");
  CHECK(format_bytes(307LL << 20) == "307 MiB");
  CHECK(format_bytes(8LL << 30) == "8.0 GiB");
  CHECK(format_bytes((10LL << 20) - 1) == "10 MiB");
  CHECK(format_bytes((1LL << 30) - 1) == "1.0 GiB");
  CHECK(format_bytes(-1536) == "-1.5 KiB");
  CHECK(format_bytes(largest) == "8.0 EiB");
  CHECK(format_bytes(std::numeric_limits<std::int64_t>::min()) == "-8.0 EiB");
}
