#include "components/redis/server/asynq_message.hpp"

#include <doctest/doctest.h>

#include "components/redis/commands/smoke/asynq.hpp"
#include "components/redis/server/queue_stats.hpp"

namespace raibid::asynq_message_test {

namespace {

using namespace std::string_literals;

AsynqTask failed_task() {
  AsynqTask task;
  task.type = "ai:generation";
  task.payload = "\0\xff{}"s;
  task.id = "id-1";
  task.queue = "default";
  task.retry = 300;
  task.retried = 2;
  task.error = "no disk left";
  task.last_failed_at = 1'700'000'000;
  return task;
}

}  // namespace

TEST_CASE("asynq message: what is encoded is read again") {
  const std::optional<AsynqMessage> message = decode_asynq_message(encode(failed_task()));
  REQUIRE(message);
  CHECK(message->type == "ai:generation");
  CHECK(message->payload == "\0\xff{}"s);
  CHECK(message->id == "id-1");
  CHECK(message->queue == "default");
  CHECK(message->retry == 300);
  CHECK(message->retried == 2);
  CHECK(message->error == "no disk left");
  CHECK(message->last_failed_at == 1'700'000'000);
  CHECK(message->timeout == 1800);
  CHECK(message->headers.empty());
}

TEST_CASE("asynq message: every field comes back") {
  AsynqMessage message;
  message.type = "t";
  message.queue = "q";
  message.headers = {{"tenant", "one"}, {"", "v"}, {"k", ""}, {"", ""}};
  message.deadline = 1'700'000'000;
  message.unique_key = "unique";
  message.group = "books";
  message.retention = 3600;
  message.completed_at = 7;
  const std::optional<AsynqMessage> back = decode_asynq_message(encode_asynq_message(message));
  REQUIRE(back);
  CHECK(back->headers == message.headers);
  CHECK(back->deadline == message.deadline);
  CHECK(back->unique_key == "unique");
  CHECK(back->group == "books");
  CHECK(back->retention == 3600);
  CHECK(back->completed_at == 7);
}

TEST_CASE("asynq message: headers, negative numbers, and fields of a later version") {
  // fields 15 (a map), 5 (-1 as an int32 is ten bytes), 16 (varint), 17 (fixed 64), 18 (fixed 32), 19 (text)
  const std::string bytes = "\x7a\x0a\x0a\x01"s + "k" + "\x12\x05"s + "value" +
                            "\x28\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"s + "\x80\x01\x05"s +
                            "\x89\x01\x01\x02\x03\x04\x05\x06\x07\x08"s + "\x95\x01\x01\x02\x03\x04"s +
                            "\x9a\x01\x02"s + "xy" + "\x0a\x01t"s;
  const std::optional<AsynqMessage> message = decode_asynq_message(bytes);
  REQUIRE(message);
  REQUIRE(message->headers.size() == 1);
  CHECK(message->headers[0].first == "k");
  CHECK(message->headers[0].second == "value");
  CHECK(message->retry == -1);
  CHECK(message->type == "t");
}

TEST_CASE("asynq message: bytes that end early or are of something else are refused, wherever they end") {
  const std::string whole = encode(failed_task());
  std::size_t readable = 0;
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::optional<AsynqMessage> part = decode_asynq_message(whole.substr(0, size));
    if (part) ++readable;  // it ends between two fields
    if (part) CHECK(part->last_failed_at == 0);
  }
  CHECK(readable == 9);
  CHECK(!decode_asynq_message("plain text"));
  CHECK(!decode_asynq_message("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"s));  // longer than memory
  CHECK(!decode_asynq_message("\x08\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"s));
  CHECK(!decode_asynq_message("\x02\x00"s));          // field 0
  CHECK(!decode_asynq_message("\x0b"s));              // a group
  CHECK(!decode_asynq_message("\x7a\x02\x0a\x05"s));  // a broken header
}

TEST_CASE("asynq queue: the limits of queue stats count pending and archived tasks, and the age of the oldest") {
  QueueFacts facts;
  facts.stream = "low";
  facts.kind = "asynq";
  AsynqFacts tasks;
  tasks.pending = 5;
  tasks.archived = 1;
  tasks.oldest_pending = std::chrono::minutes(3);
  facts.asynq = tasks;
  CHECK(passed_limits(facts, {5, std::chrono::minutes(3), 1}, 0).empty());
  CHECK(passed_limits(facts, {4, {}, {}}, 0) == std::vector<std::string>{"low: 5 tasks are pending, more than 4"});
  CHECK(passed_limits(facts, {{}, std::chrono::minutes(2), {}}, 0).size() == 1);
  CHECK(passed_limits(facts, {{}, {}, 0}, 0).size() == 1);
}

}  // namespace raibid::asynq_message_test
