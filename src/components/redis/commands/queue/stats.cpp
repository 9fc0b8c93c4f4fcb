// `queue stats`: facts first, then the table or the object made of them.
#include "components/redis/commands/queue/stats.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/asynq_view.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/asynq_queue.hpp"
#include "components/redis/server/script.hpp"
#include "ui/reporter.hpp"
#include "ui/table.hpp"

namespace raibid {

namespace {

using nlohmann::ordered_json;

constexpr const char* scan_count = "5000";
constexpr std::size_t most_streams = 100'000;

struct View {
  std::vector<QueueFacts> queues;
  std::vector<std::string> passed;  ///< limits
  std::int64_t now_ms = 0;
};

bool beside_a_stream(const std::string& key) { return key.ends_with(":dead"); }

/// Every stream of the server but those of dead letters.
std::vector<std::string> all_streams(RedisConnection& redis) {
  std::vector<std::string> streams;
  std::string cursor = "0";
  do {
    const RedisReply reply = redis.command({"SCAN", cursor, "COUNT", scan_count, "TYPE", "stream"});
    expect_no_error(reply, "looking for streams");
    cursor = reply.items.at(0).text;
    for (const RedisReply& key : reply.items.at(1).items) {
      if (!beside_a_stream(key.text)) streams.push_back(key.text);
    }
    if (streams.size() > most_streams)
      throw Error(ExitCode::failure, fmt::format("more than {} streams", most_streams));
  } while (cursor != "0");
  std::sort(streams.begin(), streams.end());
  streams.erase(std::unique(streams.begin(), streams.end()), streams.end());  // SCAN may give one twice
  return streams;
}

QueueLimits limits_of(const Settings& settings) {
  QueueLimits limits;
  if (settings.is_set("max-lag")) limits.lag = settings.integer("max-lag");
  if (settings.is_set("max-pending-age")) limits.pending_age = settings.duration("max-pending-age");
  if (settings.is_set("max-dead")) limits.dead = settings.integer("max-dead");
  return limits;
}

void add_rates(std::vector<QueueFacts>& later, const std::vector<QueueFacts>& earlier, Duration between) {
  const double seconds = std::chrono::duration<double>(between).count();
  for (std::size_t i = 0; i < later.size() && i < earlier.size(); ++i) {
    if (later[i].added && earlier[i].added)
      later[i].added_per_second = static_cast<double>(*later[i].added - *earlier[i].added) / seconds;
    if (later[i].asynq && earlier[i].asynq) {
      const std::int64_t done = later[i].asynq->processed - earlier[i].asynq->processed;
      later[i].asynq->processed_per_second = static_cast<double>(done) / seconds;
    }
  }
}

struct Chosen {
  std::vector<std::string> streams, asynq_queues;
};

/// What an option or the preset names; --all: every stream and every Asynq queue.
Chosen chosen_queues(QueueSession& session) {
  const Settings& settings = session.context().settings;
  const bool named = option_chosen(session.context(), "stream") || settings.is_set("queue");
  if (settings.flag("all") && !named) return {all_streams(session.redis()), asynq_queue_names(session.redis())};
  if (session.asynq()) return {{}, session.asynq_queues()};
  return {session.streams(), {}};
}

std::vector<QueueFacts> read_facts(QueueSession& session, const Chosen& chosen) {
  const std::int64_t now = session.now_ms();
  std::vector<QueueFacts> all;
  if (!chosen.streams.empty()) all = read_queue_facts(session.redis(), chosen.streams, now);
  if (chosen.asynq_queues.empty()) return all;
  for (QueueFacts& facts : read_asynq_facts(session.redis(), chosen.asynq_queues, now)) all.push_back(std::move(facts));
  return all;
}

View look(QueueSession& session) {
  Context& context = session.context();
  const Settings& settings = context.settings;
  const Chosen chosen = chosen_queues(session);
  View view;
  view.now_ms = session.now_ms();
  view.queues = read_facts(session, chosen);
  if (settings.is_set("rate")) {
    const TimePoint first = context.runner.now();
    context.runner.wait({}, first + settings.duration("rate"));
    std::vector<QueueFacts> later = read_facts(session, chosen);
    add_rates(later, view.queues, std::chrono::duration_cast<Duration>(context.runner.now() - first));
    view.queues = std::move(later);
  }
  for (QueueFacts& facts : view.queues) {
    for (const StreamSpec& known : context.preset.streams) {
      if (known.name == facts.stream) facts.limit = known.max_length;
    }
    if (facts.stream == session.stream()) facts.limit = session.limit();
    if (facts.asynq) facts.limit = 0;
    for (std::string& line : passed_limits(facts, limits_of(settings), view.now_ms))
      view.passed.push_back(std::move(line));
  }
  return view;
}

// --- the object ---

ordered_json consumer_json(const ConsumerFacts& consumer) {
  return {{"name", printable(consumer.name)},
          {"pending", consumer.pending},
          {"idle_seconds", static_cast<double>(consumer.idle.count()) / 1000}};
}

ordered_json group_json(const GroupFacts& group, std::int64_t now_ms) {
  ordered_json object = {{"name", printable(group.name)}, {"pending", group.pending}};
  object["lag"] = group.lag ? ordered_json(*group.lag) : ordered_json(nullptr);
  object["waiting"] = group.waiting();
  object["waiting_at_least"] = !group.lag && group.counted_more;
  object["oldest_pending"] = nullptr;
  if (group.oldest) {
    object["oldest_pending"] = {{"id", group.oldest->id},
                                {"consumer", printable(group.oldest->consumer)},
                                {"age_seconds", static_cast<double>(age_of(group.oldest->id, now_ms).count()) / 1000},
                                {"idle_seconds", static_cast<double>(group.oldest->idle.count()) / 1000},
                                {"deliveries", group.oldest->deliveries}};
  }
  object["consumers"] = ordered_json::array();
  for (const ConsumerFacts& consumer : group.consumers) object["consumers"].push_back(consumer_json(consumer));
  return object;
}

ordered_json view_json(const View& view) {
  ordered_json object = {{"queues", ordered_json::array()}, {"passed_limits", view.passed}};
  for (const QueueFacts& facts : view.queues) object["queues"].push_back(queue_json(facts, view.now_ms));
  return object;
}

// --- the table ---

std::string length_text(const QueueFacts& facts) {
  if (facts.limit == 0) return with_separators(facts.length);
  return fmt::format("{} of {}", with_separators(facts.length), with_separators(facts.limit));
}

std::string waiting_text(const GroupFacts& group) {
  if (group.lag) return with_separators(*group.lag);
  return fmt::format("{}{} (lag unknown)", group.counted_more ? "at least " : "", with_separators(group.counted));
}

std::string oldest_text(const GroupFacts& group, std::int64_t now_ms) {
  if (!group.oldest) return "-";
  return fmt::format("{} ({})", age_text(age_of(group.oldest->id, now_ms)), group.oldest->consumer);
}

std::string dead_text(const QueueFacts& facts) {
  if (facts.dead == 0) return "0";
  return fmt::format("{} ({}{} in the last hour)", with_separators(facts.dead),
                     facts.dead_recent_more ? "at least " : "", with_separators(facts.dead_recent));
}

std::string rate_text(const QueueFacts& facts) {
  return facts.added_per_second ? fmt::format("{:.1f}/s", *facts.added_per_second) : "-";
}

void add_rows(Table& table, const QueueFacts& facts, std::int64_t now_ms) {
  const std::string name = facts.stream + (facts.paused.empty() ? "" : " (paused)");
  if (facts.kind != "stream") {
    table.add(
        {name, facts.kind == "none" ? "not there" : "a " + facts.kind, "-", "-", "-", "-", "-", dead_text(facts)});
    return;
  }
  if (facts.groups.empty())
    table.add({name, length_text(facts), rate_text(facts), "no group", "-", "-", "-", dead_text(facts)});
  bool first = true;
  for (const GroupFacts& group : facts.groups) {
    table.add({first ? name : "", first ? length_text(facts) : "", first ? rate_text(facts) : "", group.name,
               waiting_text(group), with_separators(group.pending), oldest_text(group, now_ms),
               first ? dead_text(facts) : ""});
    first = false;
  }
}

std::string consumers_text(const View& view) {
  constexpr std::size_t most = 20;
  std::vector<std::pair<std::string, const ConsumerFacts*>> all;
  for (const QueueFacts& facts : view.queues) {
    for (const GroupFacts& group : facts.groups) {
      for (const ConsumerFacts& consumer : group.consumers) all.emplace_back(group.name, &consumer);
    }
  }
  if (all.empty()) return "";
  // whoever holds most stands first
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second->pending > b.second->pending; });
  Table table({"CONSUMER", "GROUP", "PENDING", "IDLE"});
  for (std::size_t i = 0; i < std::min(most, all.size()); ++i) {
    const ConsumerFacts& consumer = *all[i].second;
    table.add({consumer.name, all[i].first, with_separators(consumer.pending), age_text(consumer.idle)});
  }
  std::string text = "\n" + table.text();
  if (all.size() > most) text += fmt::format("and {} more: -o json lists all\n", all.size() - most);
  return text;
}

std::string view_text(const View& view) {
  const bool asynq = std::any_of(view.queues.begin(), view.queues.end(), [](const auto& q) { return q.asynq; });
  const bool streams = std::any_of(view.queues.begin(), view.queues.end(), [](const auto& q) { return !q.asynq; });
  if (!asynq && !streams) return "No queues.\n";
  Table table({"STREAM", "LENGTH", "ADDED", "GROUP", "WAITING", "PENDING", "OLDEST PENDING", "DEAD"});
  for (const QueueFacts& facts : view.queues) {
    if (!facts.asynq) add_rows(table, facts, view.now_ms);
  }
  std::string text = streams ? table.text() + consumers_text(view) : "";
  if (asynq) text += (streams ? "\n" : "") + asynq_table(view.queues);
  for (const QueueFacts& facts : view.queues) {
    if (!facts.paused.empty())
      text += fmt::format("\n{} is paused: {}\n", printable(facts.stream), printable(facts.paused));
  }
  return text;
}

}  // namespace

ordered_json queue_json(const QueueFacts& facts, std::int64_t now_ms) {
  if (facts.asynq) return asynq_json(facts);
  ordered_json object = {{"stream", printable(facts.stream)}, {"kind", facts.kind}, {"length", facts.length}};
  object["limit"] = facts.limit > 0 ? ordered_json(facts.limit) : ordered_json(nullptr);
  object["added"] = facts.added ? ordered_json(*facts.added) : ordered_json(nullptr);
  object["added_per_second"] = facts.added_per_second ? ordered_json(*facts.added_per_second) : ordered_json(nullptr);
  object["paused"] = facts.paused.empty() ? ordered_json(nullptr) : ordered_json(printable(facts.paused));
  object["dead"] = facts.dead;
  object["failed_last_hour"] = facts.dead_recent;
  object["groups"] = ordered_json::array();
  for (const GroupFacts& group : facts.groups) object["groups"].push_back(group_json(group, now_ms));
  return object;
}

CommandResult queue_stats(Context& context, const std::vector<std::string>&) {
  QueueSession session(context);
  const View view = look(session);
  for (const std::string& line : view.passed) context.reporter.warning(line);
  CommandResult result = queue_result(
      context, [&] { return view_text(view); }, view_json(view));
  if (!view.passed.empty()) result.exit_code = static_cast<int>(ExitCode::failure);
  return result;
}

}  // namespace raibid
