#include "components/redis/commands/queue/top_view.hpp"

#include <doctest/doctest.h>

#include <fmt/format.h>

#include <regex>

#include "ui/text.hpp"

namespace raibid::top_view_test {

namespace {

constexpr std::int64_t now = 1'700'000'100'000;

JobView pending(int number) {
  JobView view;
  view.job.id = fmt::format("17000000000{:02}-0", number);
  view.job.fields = {{"job_id", std::to_string(number)}, {"payload", std::string(300, 'x')}};
  view.state = JobState::pending;
  view.consumer = "worker-with-a-long-name-1";
  view.deliveries = 2;
  return view;
}

TopModel model_with(int jobs) {
  TopModel model;
  model.subject = "release raibid-redis in namespace jobs of a-cluster-with-a-long-name";
  model.clock = "14:02:11";
  model.now_ms = now;
  model.queue.stream = "raibid:jobs";
  model.queue.kind = "stream";
  model.queue.length = 9500;
  model.queue.limit = 10'000;
  GroupFacts group;
  group.name = "raibid-workers";
  group.lag = 12;
  group.pending = jobs;
  for (int i = 0; i < 30; ++i) group.consumers.push_back({fmt::format("worker-{}", i), i, Duration(i * 1000)});
  model.queue.groups.push_back(group);
  model.added = {1, 2, 3.5};
  for (int i = 0; i < jobs; ++i) model.jobs.push_back(pending(i));
  return model;
}

std::string without_looks(const std::string& line) {
  return std::regex_replace(line, std::regex("\x1b\\[[0-9;]*m"), "");
}

std::string screen(const TopModel& model, const TopStyle& style) {
  std::string text;
  for (const std::string& line : top_frame(model, style)) text += without_looks(line) + "\n";
  return text;
}

}  // namespace

TEST_SUITE("queue top") {
  TEST_CASE("a frame fits the terminal, whatever its size") {
    for (const int jobs : {0, 3, 100}) {
      for (std::size_t columns : {1, 20, 59, 60, 80, 200}) {
        for (std::size_t rows : {1, 5, 10, 15, 24, 60}) {
          for (const bool opened : {false, true}) {
            for (const bool utf8 : {false, true}) {
              CAPTURE(columns);
              CAPTURE(rows);
              TopModel model = model_with(jobs);
              model.opened = opened;
              const std::vector<std::string> lines = top_frame(model, {columns, rows, utf8, true});
              CHECK(lines.size() <= rows);
              for (const std::string& line : lines) CHECK(display_width(without_looks(line)) <= columns);
            }
          }
        }
      }
    }
  }

  TEST_CASE("shows length, rate, groups, consumers and jobs in 60 columns") {
    const std::string text = screen(model_with(3), {60, 24, true, false});
    for (const char* part : {"raibid:jobs", "14:02:11", "9,500 of 10,000 (95%)", "3.5/s", "raibid-workers: 12 waiting",
                             "3 pending", "worker-29", "and 26 more", "> 1700000000000-0", "q quit"})
      CHECK_MESSAGE(text.find(part) != std::string::npos, part, " is not in\n", text);
  }

  TEST_CASE("the selected job is always in sight") {
    TopModel model = model_with(100);
    for (const std::size_t selected : {0, 5, 50, 99}) {
      model.selected = selected;
      CHECK(screen(model, {80, 24, true, false}).find("> " + model.jobs[selected].job.id) != std::string::npos);
    }
  }

  TEST_CASE("an opened job shows its fields whole, and scrolls to its end and no further") {
    TopModel model = model_with(1);
    model.jobs[0].job.fields[1].second = std::string(2000, 'x') + "END";
    model.opened = true;
    CHECK(screen(model, {80, 12, true, false}).find("END") == std::string::npos);
    model.scrolled = 10'000;
    CHECK(screen(model, {80, 12, true, false}).find("END") != std::string::npos);
  }

  TEST_CASE("control characters of a job do not reach the terminal") {
    TopModel model = model_with(1);
    model.jobs[0].job.fields = {{"a\x1b[2J", "b\x1b]0;title\x07"}};
    model.jobs[0].consumer = "c\x1b[31m";
    for (const bool opened : {false, true}) {
      model.opened = opened;
      for (const std::string& line : top_frame(model, {80, 24, true, false})) {
        CHECK(line.find("\x1b[2J") == std::string::npos);
        CHECK(line.find("\x1b]") == std::string::npos);
        CHECK(line.find("\x1b[31m") == std::string::npos);
      }
    }
  }

  TEST_CASE("a question and a lost connection are in sight") {
    TopModel model = model_with(2);
    model.question = "Remove job 1-0 for good?";
    model.failure = "Redis closed the connection";
    const std::string text = screen(model, {80, 24, true, false});
    CHECK(text.find("Remove job 1-0 for good? y/n") != std::string::npos);
    CHECK(text.find("not up to date: Redis closed the connection") != std::string::npos);
  }

  TEST_CASE("a line for a log has the figures") {
    TopModel model = model_with(3);
    model.queue.dead = 2;
    CHECK(top_line(model) ==
          "14:02:11 raibid:jobs: length 9,500 of 10,000, added 3.5/s, raibid-workers: 12 waiting, 3 pending, 2 dead");
  }
}

}  // namespace raibid::top_view_test
