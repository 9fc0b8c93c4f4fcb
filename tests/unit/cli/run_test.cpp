#include "unit/cli/fixture.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include <cerrno>

using namespace raibid;
using raibid::test::CommandLine;

namespace {

/// A stream whose every write fails with `reason`.
class FailingBuffer final : public std::streambuf {
 public:
  explicit FailingBuffer(int reason) : m_reason(reason) {}

 protected:
  int_type overflow(int_type) override {
    errno = m_reason;
    return traits_type::eof();
  }

 private:
  int m_reason;
};

}  // namespace

TEST_SUITE("cli: results and errors") {
  TEST_CASE("every kind of error ends in its exit code, with message and hint on stderr") {
    for (const int code : {1, 2, 3, 4, 5, 6}) {
      CommandLine run;
      CHECK(run({"fail", "redis", std::to_string(code)}) == code);
      CHECK(run.err == "error: it went wrong\nhint: do it otherwise\n");
      CHECK(run.out.empty());
    }
  }

  TEST_CASE("with -o json or yaml, an error is also a document on stdout") {
    const std::vector<std::vector<std::string>> ways = {
        {"-o", "json"}, {"-ojson"}, {"-o=json"}, {"--output", "json"}, {"--output=json"}};
    for (const std::vector<std::string>& way : ways) {
      CommandLine run;
      std::vector<std::string> words = {"fail", "redis", "4"};
      words.insert(words.end(), way.begin(), way.end());
      CHECK(run(words) == 4);
      CHECK(run.err == "error: it went wrong\nhint: do it otherwise\n");
      const nlohmann::json expected = {
          {"ok", false}, {"code", 4}, {"error", "it went wrong"}, {"hint", "do it otherwise"}, {"evidence", nullptr}};
      CHECK(nlohmann::json::parse(run.out) == expected);
    }
    CommandLine run;
    CHECK(run({"fail", "redis", "interrupted", "-o", "yaml"}) == 130);
    CHECK(run.printed("ok: false\ncode: 130\n"));
  }

  TEST_CASE("an error before the settings are read is a document, too") {
    CommandLine run;
    CHECK(run({"fail", "redis", "--nothing", "-o", "json"}) == 2);
    CHECK(nlohmann::json::parse(run.out)["code"] == 2);
    run.environment["RAIBID_OUTPUT"] = "json";
    CHECK(run({"flai"}) == 2);
    CHECK(nlohmann::json::parse(run.out)["error"].get<std::string>().find("flai") != std::string::npos);
    CHECK(run({"fail", "redis", "4", "-o", "table"}) == 4);
    CHECK(run.out.empty());
  }

  TEST_CASE("an error without standard output keeps its code") {
    CommandLine run;
    FailingBuffer full(ENOSPC);
    std::ostream stream(&full);
    CHECK(run.run_to(stream, {"fail", "redis", "4", "-o", "json"}) == 4);
  }

  TEST_CASE("a result may say that something is not well") {
    CommandLine run;
    CHECK(run({"fail", "redis", "unhealthy"}) == 1);
    CHECK(run.out == "not well\n");
    CHECK(run.err.empty());
  }

  TEST_CASE("a signal keeps its code") {
    CommandLine run;
    CHECK(run({"fail", "redis", "interrupted"}) == 130);
    CHECK(run.said("error: interrupted (SIGINT)\n"));
  }

  TEST_CASE("what nobody expected is an error as well") {
    CommandLine run;
    CHECK(run({"fail", "redis", "logic"}) == 1);
    CHECK(run.said("error: unexpected: unknown option x\n"));
    CHECK(run.said("hint: "));
    CHECK(run({"fail", "redis", "memory"}) == 1);
    CHECK(run.err == "error: out of memory\n");
  }

  TEST_CASE("a result that cannot be written is an error, a reader that has gone is none") {
    CommandLine run;
    FailingBuffer full(ENOSPC);
    std::ostream full_stream(&full);
    CHECK(run.run_to(full_stream, {"version"}) == 1);
    CHECK(run.said("error: cannot write to standard output: No space left on device\n"));

    FailingBuffer gone(EPIPE);
    std::ostream gone_stream(&gone);
    CHECK(run.run_to(gone_stream, {"version"}) == 0);
    CHECK(run.err.empty());
    std::ostream gone_again(&gone);
    CHECK(run.run_to(gone_again, {"fail", "redis", "unhealthy"}) == 1);
    CHECK(run.err.empty());
  }

  TEST_CASE("a command without a result needs no standard output") {
    CommandLine run;
    FailingBuffer full(ENOSPC);
    std::ostream stream(&full);
    CHECK(run.run_to(stream, {"fail", "redis", "4"}) == 4);
    CHECK_FALSE(run.said("standard output"));
  }
}

TEST_SUITE("cli: what is said while it runs") {
  TEST_CASE("notes, details with -v, neither with -q") {
    CommandLine run;
    run({"status"});
    CHECK(run.err == "a note\n");
    run({"status", "-v"});
    CHECK(run.err == "a detail\na note\n");
    run({"status", "-q"});
    CHECK(run.err.empty());
    run.environment["RAIBID_QUIET"] = "true";
    run({"status"});
    CHECK(run.err.empty());
  }

  TEST_CASE("colours when asked for") {
    CommandLine run;
    run.environment["RAIBID_X"] = "1";
    run({"status", "--color", "always"});
    CHECK(run.said("\x1b["));
    run({"status"});
    CHECK_FALSE(run.said("\x1b["));
  }

  TEST_CASE("variables that are no settings are warned about") {
    CommandLine run;
    run.environment["RAIBID_SIEZ"] = "1Gi";
    CHECK(run({"status"}) == 0);
    CHECK(run.said("warning: RAIBID_SIEZ"));
    CHECK(run.said("RAIBID_SIZE"));
    const std::size_t first = run.err.find("RAIBID_SIEZ");
    CHECK(run.err.find("RAIBID_SIEZ", first + 1) == std::string::npos);
  }
}
