#include "components/redis/commands/smoke/asynq_queue.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/smoke/asynq.hpp"
#include "components/redis/commands/smoke/operation.hpp"

// mirai: its backend's Asynq queues, in queues of the same layout whose names are this run's own.

namespace raibid {

namespace {

constexpr std::size_t tasks_each = 5;
constexpr int workers = 3;
constexpr std::int64_t lease_seconds = 30;
constexpr int usual_retries = 3;
constexpr const char* usual_queues = "critical=6,default=3,low=1";

/// Unix time as the server has it: clocks of several machines need not agree.
struct ServerTime {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds() const { return seconds * 1'000'000'000; }
  std::string day() const {
    return rfc3339(std::chrono::system_clock::time_point(std::chrono::seconds(seconds))).substr(0, 10);
  }
};

ServerTime server_time(RedisConnection& redis) { return {std::stoll(checked(redis, {"TIME"}).items.at(0).text)}; }

struct WeightedQueue {
  AsynqQueue queue;
  int weight = 1;
};

/// "critical=6,default=3,low=1", the weightiest first.
std::vector<WeightedQueue> queues_of(SmokeBench& bench, const SmokeParameters& parameters) {
  std::vector<WeightedQueue> queues;
  for (const std::string& word : list_parameter(parameters, "queues", usual_queues)) {
    const std::size_t equals = word.find('=');
    int weight = 1;
    const std::string digits = equals == std::string::npos ? "1" : word.substr(equals + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), weight);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      throw Error(ExitCode::usage, fmt::format("smoke: queues: {} has no weight", in_quotes(word)),
                  "the form is: critical=6,default=3,low=1");
    }
    const AsynqQueue queue(bench.own_name(word.substr(0, equals)));
    bench.also_remove(fmt::format("asynq:{{{}}}:*", queue.name()));
    bench.also_run({"SREM", "asynq:queues", queue.name()});
    queues.push_back({queue, weight});
  }
  std::stable_sort(queues.begin(), queues.end(),
                   [](const auto& one, const auto& other) { return one.weight > other.weight; });
  return queues;
}

AsynqTask make_task(const AsynqQueue& queue, int number, int retries) {
  AsynqTask task;
  task.type = "smoke:task";
  task.payload = fmt::format(R"({{"number":{}}})", number);
  task.id = fmt::format("task-{}", number);
  task.queue = queue.name();
  task.retry = retries;
  return task;
}

void fill(SmokeBench& bench, const WeightedQueue& weighted, int retries) {
  const ServerTime now = server_time(bench.redis());
  weighted.queue.announce(bench.redis());
  for (std::size_t number = 0; number < tasks_each; ++number) {
    expect(weighted.queue.enqueue(bench.redis(), make_task(weighted.queue, static_cast<int>(number), retries),
                                  now.nanoseconds()),
           "a new task was refused");
  }
  expect(!weighted.queue.enqueue(bench.redis(), make_task(weighted.queue, 0, retries), now.nanoseconds()),
         "the same task was enqueued twice");
  expect(weighted.queue.count(bench.redis(), "pending") == static_cast<std::int64_t>(tasks_each),
         "not every task is pending");
}

std::vector<std::string> take_at_once(SmokeBench& bench, const SmokeClients& clients, const AsynqQueue& queue) {
  const std::int64_t lease_until = server_time(bench.redis()).seconds + lease_seconds;
  std::vector<std::string> messages;
  for (const RedisReply& message :
       ask_at_once(clients, [&](std::size_t) { return queue.dequeue_command(lease_until); })) {
    if (!message.is_nil()) messages.push_back(message.text);
  }
  return messages;
}

// Workers that ask at once; a queue is looked at when all above it are empty.
int work_off(SmokeBench& bench, const std::vector<WeightedQueue>& queues) {
  const SmokeClients clients = bench.clients(workers);
  int done = 0;
  for (const WeightedQueue& weighted : queues) {
    const AsynqQueue& queue = weighted.queue;
    std::size_t seen = 0;
    for (std::vector<std::string> messages = take_at_once(bench, clients, queue); !messages.empty();
         messages = take_at_once(bench, clients, queue)) {
      const ServerTime now = server_time(bench.redis());
      // the oldest ones, each once; which worker gets which is not said
      for (std::size_t i = 0; i < messages.size(); ++i, ++seen) {
        const AsynqTask task = make_task(queue, static_cast<int>(seen), usual_retries);
        expect(std::count(messages.begin(), messages.end(), encode(task)) == 1, "a task came twice, or out of order");
        expect(queue.state(bench.redis(), task.id) == "active", "a dequeued task is not active");
        expect(queue.done(bench.redis(), task.id, now.day()), "a task that was done was not active");
        expect(!queue.done(bench.redis(), task.id, now.day()), "a task was done twice");
      }
    }
    expect(seen == tasks_each, fmt::format("{} of {} tasks of a queue were delivered", seen, tasks_each));
    done += static_cast<int>(seen);
  }
  return done;
}

void take(SmokeBench& bench, const AsynqQueue& queue, std::int64_t lease_until) {
  expect(!checked(bench.redis(), queue.dequeue_command(lease_until)).is_nil(), "a pending task was not delivered");
}

// A task that always fails is tried again as often as it may be, then archived.
void fail_to_the_end(SmokeBench& bench, const AsynqQueue& queue, int retries) {
  AsynqTask task = make_task(queue, 100, retries);
  ServerTime now = server_time(bench.redis());
  expect(queue.enqueue(bench.redis(), task, now.nanoseconds()), "a new task was refused");
  for (; task.retried < retries; ++task.retried) {
    take(bench, queue, now.seconds + lease_seconds);
    task.error = "it failed";
    task.last_failed_at = now.seconds;
    AsynqTask next = task;
    ++next.retried;
    expect(queue.retry_at(bench.redis(), next, now.seconds + 60, now.day()), "a failed task was not active");
    expect(queue.forward(bench.redis(), now.seconds) == 0, "a task came back before its time");
    expect(queue.forward(bench.redis(), now.seconds + 60) == 1, "a task did not come back at its time");
  }
  take(bench, queue, now.seconds + lease_seconds);
  expect(queue.archive(bench.redis(), task, now.seconds, now.day()), "the last failure was not of an active task");
  expect(queue.state(bench.redis(), task.id) == "archived" && queue.count(bench.redis(), "archived") == 1,
         "a task that failed for the last time is not archived");
}

// A worker that dies leaves its task active; its lease tells.
void recover(SmokeBench& bench, const AsynqQueue& queue) {
  const ServerTime now = server_time(bench.redis());
  const AsynqTask task = make_task(queue, 101, 1);
  expect(queue.enqueue(bench.redis(), task, now.nanoseconds()), "a new task was refused");
  take(bench, queue, now.seconds + lease_seconds);
  expect(queue.expired_leases(bench.redis(), now.seconds).empty(), "a lease ended early");
  const std::vector<std::string> orphans = queue.expired_leases(bench.redis(), now.seconds + lease_seconds);
  expect(orphans == std::vector<std::string>{task.id}, "the task of a dead worker was not found by its lease");
  expect(queue.retry_at(bench.redis(), task, now.seconds, now.day()), "the task of a dead worker was not active");
  expect(queue.forward(bench.redis(), now.seconds) == 1, "the task of a dead worker did not come back");
  take(bench, queue, now.seconds + lease_seconds);
  expect(queue.done(bench.redis(), task.id, now.day()), "the task of a dead worker could not be finished");
}

}  // namespace

std::string smoke_asynq_queue(SmokeBench& bench, const SmokeParameters& parameters) {
  const std::vector<WeightedQueue> queues = queues_of(bench, parameters);
  const std::string text = parameter(parameters, "max-retry", std::to_string(usual_retries));
  int retries = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), retries);
  if (error != std::errc() || end != text.data() + text.size() || retries < 0 || retries > 100) {
    throw Error(ExitCode::usage, fmt::format("smoke: max-retry: {} is not a number from 0 to 100", in_quotes(text)),
                "for instance 3");
  }
  for (const WeightedQueue& weighted : queues) fill(bench, weighted, usual_retries);
  const int done = work_off(bench, queues);
  fail_to_the_end(bench, queues.front().queue, retries);
  recover(bench, queues.front().queue);
  for (const WeightedQueue& weighted : queues) {
    for (const char* part : {"pending", "active", "lease", "retry"}) {
      expect(weighted.queue.count(bench.redis(), part) == 0,
             fmt::format("something stayed {} when all was done", part));
    }
  }
  return fmt::format("{} tasks of {} queues by priority, {} retries, archived, a dead worker's task recovered", done,
                     queues.size(), retries);
}

}  // namespace raibid
