#include "components/redis/server/stream_queue.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/server/queue_keys.hpp"
#include "components/redis/server/script.hpp"

namespace raibid {

namespace {

constexpr std::array<std::string_view, 10> names = {"waiting",   "pending", "dead",     "done",      "active",
                                                    "scheduled", "retry",   "archived", "completed", "aggregating"};
constexpr std::size_t dead_fields = 5;
constexpr std::size_t pending_page = 100;  // with their payloads in one round trip
/// IDs that one script works on: it keeps the server meanwhile.
constexpr std::size_t ids_at_once = 200;

bool matches(const JobView& view, const JobFilter& filter) {
  if (filter.state && view.state != *filter.state) return false;
  for (const auto& [name, value] : filter.fields) {
    const std::string* found = view.job.field(name);
    if (found == nullptr || *found != value) return false;
  }
  return filter.text.empty() || std::any_of(view.job.fields.begin(), view.job.fields.end(), [&](const auto& field) {
           return field.second.find(filter.text) != std::string::npos;
         });
}

/// XRANGE's end of a range as an ID that can be compared.
StreamId id_of(const std::string& text) {
  const std::optional<StreamId> id = parse_stream_id(text);
  if (!id) throw Error(ExitCode::failure, fmt::format("{} is not the ID of an entry", in_quotes(text)));
  return *id;
}

}  // namespace

std::string_view state_name(JobState state) { return names[static_cast<std::size_t>(state)]; }

std::optional<JobState> parse_job_state(std::string_view name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<JobState>(found - names.begin());
}

JobView dead_job(StreamEntry&& letter) {
  JobView view;
  view.state = JobState::dead;
  const std::size_t count = letter.fields.size();
  if (count > dead_fields && letter.fields[count - dead_fields].first == "dead:id") {
    const auto known = letter.fields.begin() + static_cast<std::ptrdiff_t>(count - dead_fields);
    view.origin = known[0].second;
    view.consumer = known[2].second;
    std::from_chars(known[3].second.data(), known[3].second.data() + known[3].second.size(), view.deliveries);
    view.reason = known[4].second;
    letter.fields.erase(known, letter.fields.end());
  }
  view.job = std::move(letter);
  return view;
}

QueueFacts StreamQueue::facts() { return read_queue_facts(m_redis, {m_stream}, m_now_ms).front(); }

std::optional<StreamId> StreamQueue::last_delivered() {
  if (m_group.empty()) return std::nullopt;
  const RedisReply reply = m_redis.command({"XINFO", "GROUPS", m_stream});
  if (reply.is_error() && reply.text.find("no such key") != std::string::npos) return std::nullopt;
  expect_no_error(reply, "the groups of " + printable(m_stream));
  for (const RedisReply& item : reply.items) {
    const RedisReply* name = item.field("name");
    const RedisReply* last = item.field("last-delivered-id");
    if (name != nullptr && last != nullptr && name->text == m_group) return parse_stream_id(last->text);
  }
  return std::nullopt;
}

StreamQueue::PendingMap StreamQueue::pending_between(const std::string& from, const std::string& to, std::size_t most) {
  PendingMap found;
  const RedisReply reply = m_redis.command({"XPENDING", m_stream, m_group, from, to, std::to_string(most)});
  expect_no_error(reply, "the pending jobs of " + printable(m_stream));
  for (const RedisReply& item : reply.items) {
    const std::vector<RedisReply>& part = item.items;
    found[id_of(part.at(0).text)] = {part.at(1).text, Duration(part.at(2).integer), part.at(3).integer};
  }
  return found;
}

void StreamQueue::scan(const JobFilter& filter, const std::function<bool(const JobView&)>& take) {
  if (filter.state == JobState::dead) return scan_dead(filter, take);
  if (filter.state == JobState::pending && !filter.newest) return scan_pending(filter, take);
  scan_stream(filter, take);
}

void StreamQueue::scan_dead(const JobFilter& filter, const std::function<bool(const JobView&)>& take) {
  EntryPages pages(m_redis, dead_letters_key(m_stream), filter.from, filter.to, filter.newest);
  for (std::vector<StreamEntry> page = pages.next(); !page.empty(); page = pages.next()) {
    for (StreamEntry& letter : page) {
      const JobView view = dead_job(std::move(letter));
      if (matches(view, filter) && !take(view)) return;
    }
  }
}

/// Only what is pending is read, however long the stream is.
void StreamQueue::scan_pending(const JobFilter& filter, const std::function<bool(const JobView&)>& take) {
  if (!last_delivered()) return;
  for (std::string from = filter.from;;) {
    const PendingMap page = pending_between(from, filter.to, pending_page);
    std::vector<std::vector<std::string>> questions;
    for (const auto& [id, known] : page) questions.push_back({"XRANGE", m_stream, id.text(), id.text()});
    std::vector<RedisReply> replies = m_redis.pipeline(questions);
    std::size_t at = 0;
    for (const auto& [id, known] : page) {
      RedisReply& reply = replies.at(at++);
      expect_no_error(reply, "reading " + printable(m_stream));
      std::vector<StreamEntry> entries = entries_of(std::move(reply));
      JobView view;
      view.deleted = entries.empty();
      view.job = entries.empty() ? StreamEntry{id.text(), {}} : std::move(entries.front());
      view.state = JobState::pending;
      view.consumer = known.consumer;
      view.idle = known.idle;
      view.deliveries = known.deliveries;
      if (matches(view, filter) && !take(view)) return;
    }
    if (page.size() < pending_page) return;
    from = "(" + page.rbegin()->first.text();
  }
}

void StreamQueue::scan_stream(const JobFilter& filter, const std::function<bool(const JobView&)>& take) {
  const std::optional<StreamId> delivered = last_delivered();
  std::string from = filter.from;
  const bool waiting = filter.state == JobState::waiting && delivered;
  if (waiting && (from == "-" || id_of(from) <= *delivered)) from = "(" + delivered->text();
  EntryPages pages(m_redis, m_stream, from, filter.to, filter.newest);
  for (std::vector<StreamEntry> page = pages.next(); !page.empty(); page = pages.next()) {
    std::vector<JobView> views;
    for (StreamEntry& entry : page) {
      JobView view;
      view.job = std::move(entry);
      views.push_back(std::move(view));
    }
    classify(views, delivered);
    for (const JobView& view : views) {
      if (matches(view, filter) && !take(view)) return;
    }
  }
}

/// `views` are neighbours, in either order.
void StreamQueue::classify(std::vector<JobView>& views, const std::optional<StreamId>& delivered) {
  if (!delivered || views.empty()) return;
  StreamId first = id_of(views.front().job.id);
  StreamId last = id_of(views.back().job.id);
  if (last < first) std::swap(first, last);
  PendingMap pending;
  if (first <= *delivered) {
    for (std::string from = first.text();;) {
      PendingMap page = pending_between(from, last.text(), pending_page);
      const bool more = page.size() == pending_page;
      if (more) from = "(" + page.rbegin()->first.text();
      pending.merge(page);
      if (!more) break;
    }
  }
  for (JobView& view : views) {
    const StreamId id = id_of(view.job.id);
    const auto known = pending.find(id);
    if (known != pending.end()) {
      view.state = JobState::pending;
      view.consumer = known->second.consumer;
      view.idle = known->second.idle;
      view.deliveries = known->second.deliveries;
    } else {
      view.state = id <= *delivered ? JobState::done : JobState::waiting;
    }
  }
}

std::vector<JobView> StreamQueue::find(const std::vector<std::string>& ids) {
  const std::optional<StreamId> delivered = last_delivered();
  std::vector<JobView> found;
  for (const std::string& id : ids) {
    RedisReply alive = m_redis.command({"XRANGE", m_stream, id, id});
    expect_no_error(alive, "reading " + printable(m_stream));
    std::vector<StreamEntry> entries = entries_of(std::move(alive));
    if (!entries.empty()) {
      std::vector<JobView> one(1);
      one.front().job = std::move(entries.front());
      classify(one, delivered);
      found.push_back(std::move(one.front()));
    }
    RedisReply dead = m_redis.command({"XRANGE", dead_letters_key(m_stream), id, id});
    expect_no_error(dead, "reading the dead letters of " + printable(m_stream));
    entries = entries_of(std::move(dead));
    if (!entries.empty()) found.push_back(dead_job(std::move(entries.front())));
  }
  return found;
}

std::vector<JobOutcome> StreamQueue::outcomes(const std::string& script, const std::vector<std::string>& keys,
                                              std::vector<std::string> arguments, const std::vector<std::string>& ids) {
  const Script program = queue_script(script);
  const std::size_t before = arguments.size();
  std::vector<JobOutcome> all;
  for (std::size_t at = 0; at < ids.size(); at += ids_at_once) {
    const std::size_t end = std::min(ids.size(), at + ids_at_once);
    arguments.resize(before);
    for (std::size_t i = at; i < end; ++i) arguments.push_back(ids[i]);
    const RedisReply reply = run_script(m_redis, program, keys, arguments);
    for (std::size_t i = at; i < end; ++i) {
      const std::string& result = reply.items.at(i - at).text;
      all.push_back(
          {ids[i], result, parse_stream_id(result).has_value() || result == "removed" || result == "pending"});
    }
  }
  return all;
}

std::vector<JobOutcome> StreamQueue::retry(const std::vector<std::string>& ids) {
  return outcomes("retry", {m_stream}, {m_group}, ids);
}

std::vector<JobOutcome> StreamQueue::claim(const std::vector<std::string>& ids, const std::string& consumer,
                                           Duration idle) {
  std::vector<JobOutcome> all;
  for (const std::string& id : ids) {
    const RedisReply reply =
        m_redis.command({"XCLAIM", m_stream, m_group, consumer, std::to_string(idle.count()), id, "JUSTID"});
    expect_no_error(reply, "claiming jobs of " + printable(m_stream));
    const bool claimed = !reply.items.empty();
    all.push_back({id, claimed ? consumer : "not pending, deleted, or at work until a moment ago", claimed});
  }
  return all;
}

std::vector<JobOutcome> StreamQueue::remove(const std::vector<std::string>& ids) {
  return outcomes("remove", {m_stream}, {}, ids);
}

std::vector<JobOutcome> StreamQueue::requeue(const std::vector<std::string>& dead_ids) {
  return outcomes("requeue", {m_stream, dead_letters_key(m_stream)}, {}, dead_ids);
}

std::vector<JobOutcome> StreamQueue::drop_dead(const std::vector<std::string>& dead_ids) {
  std::vector<JobOutcome> all;
  for (const std::string& id : dead_ids) {
    const RedisReply reply = m_redis.command({"XDEL", dead_letters_key(m_stream), id});
    expect_no_error(reply, "removing a dead letter of " + printable(m_stream));
    all.push_back({id, reply.integer == 1 ? "removed" : "gone", reply.integer == 1});
  }
  return all;
}

void StreamQueue::pause(const std::string& note) {
  expect_no_error(m_redis.command({"SET", pause_key(m_stream), note}), "pausing " + printable(m_stream));
}

bool StreamQueue::resume() {
  const RedisReply reply = m_redis.command({"DEL", pause_key(m_stream)});
  expect_no_error(reply, "resuming " + printable(m_stream));
  return reply.integer == 1;
}

}  // namespace raibid
