#include "unit/cli/fixture.hpp"

#include <doctest/doctest.h>

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
