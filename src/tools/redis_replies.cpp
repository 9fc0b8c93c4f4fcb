#include "tools/redis_replies.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>
#include <hiredis/read.h>

#include <array>
#include <charconv>
#include <new>
#include <utility>

namespace raibid {

namespace {

constexpr std::size_t largest_answer = 64u << 20;
constexpr std::size_t most_items = 1'000'000;

// --- hiredis' reader builds RedisReply directly ---

RedisReply* place(const redisReadTask* task, RedisReply reply) noexcept try {
  auto* limits = static_cast<RedisReplies::Limits*>(task->privdata);
  if (++limits->items > most_items) {
    limits->exceeded = true;
    return nullptr;
  }
  if (task->parent == nullptr) return new RedisReply(std::move(reply));
  auto* parent = static_cast<RedisReply*>(task->parent->obj);
  parent->items.push_back(std::move(reply));  // the reader comes back only to the last one
  return &parent->items.back();
} catch (...) {
  return nullptr;
}

void* create_string(const redisReadTask* task, char* text, std::size_t length) {
  RedisReply reply;
  reply.type = task->type == REDIS_REPLY_ERROR    ? RedisReply::Type::error
               : task->type == REDIS_REPLY_STATUS ? RedisReply::Type::status
                                                  : RedisReply::Type::string;
  reply.text.assign(text, length);
  return place(task, std::move(reply));
}

/// The number's type is int in hiredis 0.14 and size_t in 1.x.
template <typename Count>
void* create_array(const redisReadTask* task, Count) {
  RedisReply reply;
  reply.type = RedisReply::Type::array;
  return place(task, std::move(reply));
}

void* create_integer(const redisReadTask* task, long long value) {
  RedisReply reply;
  reply.type = RedisReply::Type::integer;
  reply.integer = value;
  return place(task, std::move(reply));
}

void* create_nil(const redisReadTask* task) { return place(task, RedisReply{}); }

void free_reply(void* reply) { delete static_cast<RedisReply*>(reply); }

redisReplyObjectFunctions* reply_functions() {
  static redisReplyObjectFunctions functions = [] {
    redisReplyObjectFunctions made{};
    made.createString = create_string;
    made.createArray = create_array;
    made.createInteger = create_integer;
    made.createNil = create_nil;
    made.freeObject = free_reply;
    return made;
  }();
  return &functions;
}

}  // namespace

RedisReplies::RedisReplies(std::string where)
    : m_where(std::move(where)), m_reader(redisReaderCreateWithFunctions(reply_functions()), &redisReaderFree) {
  if (!m_reader) throw std::bad_alloc();
  m_reader->privdata = &m_limits;
}

RedisReplies::~RedisReplies() = default;

void RedisReplies::add(std::string_view bytes) {
  if (m_answer_size == 0) m_beginning = bytes.substr(0, 60);
  m_answer_size += bytes.size();
  if (m_answer_size > largest_answer) fail_large();
  if (redisReaderFeed(m_reader.get(), bytes.data(), bytes.size()) != REDIS_OK) fail_protocol();
}

std::optional<RedisReply> RedisReplies::next() {
  void* reply = nullptr;
  if (redisReaderGetReply(m_reader.get(), &reply) != REDIS_OK) fail_protocol();
  if (reply == nullptr) return std::nullopt;
  const std::unique_ptr<RedisReply> owner(static_cast<RedisReply*>(reply));
  m_limits = {};
  m_answer_size = m_reader->len - m_reader->pos;
  return std::move(*owner);
}

void RedisReplies::fail_protocol() {
  if (m_limits.exceeded) fail_large();
  throw Error(ExitCode::failure,
              fmt::format("what answers at {} is not Redis: it says \"{}\"", m_where, printable(trim(m_beginning))),
              "see the address");
}

void RedisReplies::fail_large() {
  throw Error(ExitCode::failure, fmt::format("Redis at {} sends an answer larger than {} MiB or {} items", m_where,
                                             largest_answer >> 20, most_items));
}

void append_command(std::string& out, std::span<const std::string_view> words) {
  std::array<char, 24> number;
  const auto add = [&](char sign, std::size_t value) {
    const auto [end, error] = std::to_chars(number.data(), number.data() + number.size(), value);
    out += sign;
    out.append(number.data(), end).append("\r\n");
  };
  add('*', words.size());
  for (const std::string_view word : words) {
    add('$', word.size());
    out.append(word).append("\r\n");
  }
}

}  // namespace raibid
