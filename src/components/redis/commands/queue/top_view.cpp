#include "components/redis/commands/queue/top_view.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/commands/queue/asynq_view.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/server/job_lines.hpp"
#include "components/redis/server/queue_stats.hpp"
#include "ui/chart.hpp"
#include "ui/text.hpp"

namespace raibid {

namespace {

constexpr std::size_t least_columns = 60;
constexpr std::size_t least_rows = 10;
constexpr std::size_t label_width = 9;
constexpr std::size_t most_consumers = 5;
constexpr std::size_t most_groups = 3;

class Frame {
 public:
  Frame(const TopModel& model, const TopStyle& style) : m_model(model), m_style(style) {}

  std::vector<std::string> lines() {
    head();
    if (m_model.opened && m_model.selected < m_model.jobs.size())
      opened_job(m_model.jobs[m_model.selected]);
    else
      overview();
    foot();
    return std::move(m_lines);
  }

 private:
  enum class Look { plain, bold, selected, warning, dim };

  std::string fit(const std::string& text) const {
    return m_style.utf8 ? shortened(text, m_style.columns, "…") : shortened(ascii_only(text), m_style.columns, "...");
  }

  void add(const std::string& text, Look look = Look::plain) {
    if (m_lines.size() >= m_style.rows) return;
    std::string line = fit(text);
    if (look == Look::selected) line = "\x1b[7m" + padded(line, m_style.columns);
    if (look == Look::bold) line = "\x1b[1m" + line;
    if (look == Look::warning && m_style.color) line = "\x1b[33m" + line;
    if (look == Look::dim && m_style.color) line = "\x1b[2m" + line;
    m_lines.push_back(std::move(line));
  }

  void row(const std::string& label, const std::string& text, Look look = Look::plain) {
    add(padded(label, label_width) + text, look);
  }

  void head() {
    const std::string left =
        printable(m_model.queue.stream) + (m_model.queue.paused.empty() ? "" : " (paused)") + " · " + m_model.subject;
    const std::size_t room = m_style.columns - std::min(m_style.columns, m_model.clock.size() + 1);
    add(padded(shortened(left, room, m_style.utf8 ? "…" : "."), room) + " " + m_model.clock, Look::bold);
    if (!m_model.failure.empty()) add("not up to date: " + m_model.failure, Look::warning);
  }

  void overview() {
    const QueueFacts& queue = m_model.queue;
    if (queue.kind == "asynq") return tasks_overview(*queue.asynq);
    if (queue.kind == "none" && queue.asynq) return add("this Asynq queue is not there", Look::warning);
    if (queue.kind != "stream") {
      add(queue.kind == "none" ? "this stream is not there (setup makes it, or the first job)"
                               : fmt::format("this key is not a stream but a {}", printable(queue.kind)),
          Look::warning);
      return;
    }
    if (!queue.paused.empty()) add("paused: " + printable(queue.paused), Look::warning);
    length_row();
    rate_row();
    group_rows();
    consumer_rows();
    job_rows();
  }

  void tasks_overview(const AsynqFacts& tasks) {
    if (!m_model.queue.paused.empty()) add("paused " + m_model.queue.paused, Look::warning);
    row("pending", with_separators(tasks.pending) +
                       (tasks.oldest_pending ? ", the oldest for " + age_text(*tasks.oldest_pending) : ""));
    row("active",
        with_separators(tasks.active) +
            (tasks.expired_leases > 0 ? fmt::format(", {} without a worker", tasks.expired_leases) : ""),
        tasks.expired_leases > 0 ? Look::warning : Look::plain);
    row("later", fmt::format("{} scheduled, {} retry", with_separators(tasks.scheduled), with_separators(tasks.retry)));
    row("archived", with_separators(tasks.archived), tasks.archived > 0 ? Look::warning : Look::plain);
    const double now = m_model.added.empty() ? 0 : m_model.added.back();
    row("done", fmt::format("{}  {:.1f}/s; today {}, failed {}", sparkline(m_model.added, chart_width(), m_style.utf8),
                            now, with_separators(tasks.processed_today), with_separators(tasks.failed_today)));
    job_rows();
  }

  std::size_t chart_width() const { return std::min<std::size_t>(40, m_style.columns / 3); }

  void length_row() {
    const QueueFacts& queue = m_model.queue;
    if (queue.limit == 0) {
      row("length", with_separators(queue.length));
      return;
    }
    const double part = static_cast<double>(queue.length) / static_cast<double>(queue.limit);
    row("length",
        fmt::format("{}  {} of {} ({:.0f}%)", bar(part, chart_width(), m_style.utf8), with_separators(queue.length),
                    with_separators(queue.limit), 100 * part),
        part > nearly_full ? Look::warning : Look::plain);
  }

  void rate_row() {
    const double now = m_model.added.empty() ? 0 : m_model.added.back();
    std::string text = fmt::format("{}  {:.1f}/s", sparkline(m_model.added, chart_width(), m_style.utf8), now);
    if (m_model.done) text += fmt::format(", done {:.1f}/s", *m_model.done);
    if (!m_model.added.empty())
      text += fmt::format(", most {:.1f}/s", *std::max_element(m_model.added.begin(), m_model.added.end()));
    row("added", text);
  }

  void group_rows() {
    const QueueFacts& queue = m_model.queue;
    if (queue.groups.empty()) row("group", "none: nobody can take jobs", Look::warning);
    for (std::size_t i = 0; i < std::min(most_groups, queue.groups.size()); ++i) {
      const GroupFacts& group = queue.groups[i];
      const std::string oldest =
          group.oldest ? fmt::format(", oldest {} ({})", age_text(age_of(group.oldest->id, m_model.now_ms)),
                                     printable(group.oldest->consumer))
                       : "";
      row(i == 0 ? "group" : "", fmt::format("{}: {}{} waiting, {} pending{}", printable(group.name),
                                             group.counted_more && !group.lag ? "at least " : "",
                                             with_separators(group.waiting()), with_separators(group.pending), oldest));
    }
    if (queue.groups.size() > most_groups)
      row("", fmt::format("and {} more groups", queue.groups.size() - most_groups));
    row("dead",
        queue.dead == 0 ? "0"
                        : fmt::format("{}, {}{} in the last hour", with_separators(queue.dead),
                                      queue.dead_recent_more ? "at least " : "", with_separators(queue.dead_recent)),
        queue.dead_recent > 0 ? Look::warning : Look::plain);
  }

  void consumer_rows() {
    std::vector<const ConsumerFacts*> all;
    for (const GroupFacts& group : m_model.queue.groups) {
      for (const ConsumerFacts& consumer : group.consumers) all.push_back(&consumer);
    }
    if (all.empty() || m_style.rows < 16) return;
    std::stable_sort(all.begin(), all.end(), [](const auto* a, const auto* b) { return a->pending > b->pending; });
    const std::size_t width = std::clamp<std::size_t>(m_style.columns / 3, 16, 40);
    add("");
    add(padded("CONSUMER", width) + "  " + padded("PENDING", 9) + "IDLE", Look::bold);
    const std::size_t shown = std::min({most_consumers, all.size(), m_style.rows / 5});
    for (std::size_t i = 0; i < shown; ++i) {
      add(padded(shortened(printable(all[i]->name), width, "…"), width) + "  " +
          padded(with_separators(all[i]->pending), 9) + age_text(all[i]->idle));
    }
    if (all.size() > shown) add(fmt::format("and {} more", all.size() - shown), Look::dim);
  }

  std::string job_text(const JobView& view) const {
    if (view.task) {
      const AsynqMessage& message = view.task->message;
      const std::string error = message.error.empty() ? "" : printable(message.error.substr(0, 200)) + "  ";
      return padded(shortened(printable(view.job.id), 18, "…"), 18) + "  " +
             padded(task_time(view, m_model.now_ms), 20) + "  " + printable(message.type) + "  " + error +
             printable(message.payload.substr(0, 200));
    }
    const std::string age = age_text(age_of(view.job.id, m_model.now_ms));
    std::string text = padded(view.job.id, 18) + "  " + padded(age, 8) + "  ";
    if (m_model.list != JobState::waiting) {
      text += padded(shortened(printable(view.consumer), 14, "…"), 14) + "  " +
              padded(fmt::format("{}x", view.deliveries), 5);
    }
    if (view.state == JobState::dead) return text + printable(view.reason);
    if (view.deleted) return text + "its entry is gone";
    for (const auto& [name, value] : view.job.fields)
      text += fmt::format("{}={} ", printable(name), printable(value.substr(0, 200)));
    return text;
  }

  std::string list_title() const {
    if (m_model.queue.asynq) {
      std::string title;
      for (const char c : state_name(m_model.list)) title += static_cast<char>(c - 'a' + 'A');
      return title + " TASKS, THE NEXT FIRST";
    }
    switch (m_model.list) {
      case JobState::dead:
        return "DEAD JOBS";
      case JobState::waiting:
        return "WAITING JOBS, THE NEXT FIRST";
      default:
        return "PENDING JOBS, THE OLDEST FIRST";
    }
  }

  void job_rows() {
    add("");
    add(list_title(), Look::bold);
    if (m_lines.size() + 1 >= m_style.rows) return;
    const std::size_t room = m_style.rows - m_lines.size() - 1;  // the last line is the foot's
    if (m_model.jobs.empty()) add("none", Look::dim);
    const std::size_t first = m_model.selected < room ? 0 : m_model.selected - room + 1;
    for (std::size_t i = first; i < std::min(m_model.jobs.size(), first + room); ++i) {
      const bool selected = i == m_model.selected;
      add((selected ? "> " : "  ") + job_text(m_model.jobs[i]), selected ? Look::selected : Look::plain);
    }
  }

  void opened_job(const JobView& view) {
    std::vector<std::string> text = {fmt::format("job {}, {}, {} old", view.job.id, state_name(view.state),
                                                 age_text(age_of(view.job.id, m_model.now_ms)))};
    if (!view.origin.empty()) text.push_back("was " + view.origin);
    if (!view.consumer.empty())
      text.push_back(fmt::format("consumer {}, delivered {} times", printable(view.consumer), view.deliveries));
    if (view.state == JobState::pending) text.push_back("not touched for " + age_text(view.idle));
    if (!view.reason.empty()) text.push_back("reason: " + printable(view.reason));
    for (const auto& [name, value] : view.job.fields) {
      text.push_back("");
      text.push_back(printable(name) + ":");
      const std::string shown =
          is_utf8(value) ? printable(value) : fmt::format("{} bytes that are not text", value.size());
      for (const std::string& line : folded(shown, m_style.columns - 2)) text.push_back("  " + line);
    }
    if (view.task) {
      text.clear();
      for (const std::string& line : split(task_text(view, m_model.now_ms), '\n')) {
        for (const std::string& part : folded(line, m_style.columns - 2)) text.push_back(part);
      }
    }
    const std::size_t room = m_style.rows - std::min(m_style.rows, m_lines.size() + 1);
    const std::size_t most = text.size() > room ? text.size() - room : 0;
    for (std::size_t i = std::min(m_model.scrolled, most); i < text.size() && m_lines.size() + 1 < m_style.rows; ++i)
      add(text[i]);
  }

  std::string keys() const {
    const std::string arrows = m_style.utf8 ? "↑↓" : "j/k";
    if (m_model.opened) return "q quit · " + arrows + " scroll · Enter back · r retry · d remove";
    std::string text = "q quit · " + arrows + " move · Enter open · r retry · d remove · s list · p ";
    text += m_model.queue.paused.empty() ? "pause" : "resume";
    if (m_model.queues > 1) text += " · Tab queue";
    return text;
  }

  void foot() {
    if (m_lines.size() >= m_style.rows) m_lines.resize(m_style.rows - 1);
    while (m_lines.size() + 1 < m_style.rows) m_lines.emplace_back();
    if (!m_model.question.empty())
      add(m_model.question + " y/n", Look::selected);
    else if (!m_model.message.empty())
      add(m_model.message, Look::bold);
    else
      add(keys(), Look::dim);
  }

  const TopModel& m_model;
  const TopStyle& m_style;
  std::vector<std::string> m_lines;
};

}  // namespace

std::vector<std::string> top_frame(const TopModel& model, const TopStyle& style) {
  if (style.columns < least_columns || style.rows < least_rows) {
    std::vector<std::string> lines =
        folded(fmt::format("queue top needs {} columns and {} rows; here are {} and {}. q quits.", least_columns,
                           least_rows, style.columns, style.rows),
               std::max<std::size_t>(style.columns, 1));
    if (lines.size() > style.rows) lines.resize(style.rows);
    return lines;
  }
  return Frame(model, style).lines();
}

std::string top_line(const TopModel& model) {
  const QueueFacts& queue = model.queue;
  std::string text = fmt::format("{} {}", model.clock, printable(queue.stream));
  if (!model.failure.empty()) return text + ": " + model.failure;
  if (queue.asynq && queue.kind == "asynq") {
    const AsynqFacts& tasks = *queue.asynq;
    text += fmt::format(": {} pending", with_separators(tasks.pending));
    if (tasks.oldest_pending) text += fmt::format(" (oldest {})", age_text(*tasks.oldest_pending));
    text +=
        fmt::format(", {} active, {} scheduled, {} retry, {} archived", with_separators(tasks.active),
                    with_separators(tasks.scheduled), with_separators(tasks.retry), with_separators(tasks.archived));
    if (!model.added.empty()) text += fmt::format(", done {:.1f}/s", model.added.back());
    return text + (queue.paused.empty() ? "" : ", paused");
  }
  if (queue.kind != "stream") return text + (queue.kind == "none" ? ": not there" : ": a " + printable(queue.kind));
  text += fmt::format(": length {}{}", with_separators(queue.length),
                      queue.limit > 0 ? " of " + with_separators(queue.limit) : "");
  if (!model.added.empty()) text += fmt::format(", added {:.1f}/s", model.added.back());
  if (model.done) text += fmt::format(", done {:.1f}/s", *model.done);
  for (const GroupFacts& group : queue.groups) {
    text += fmt::format(", {}: {}{} waiting, {} pending", printable(group.name),
                        group.counted_more && !group.lag ? "at least " : "", with_separators(group.waiting()),
                        with_separators(group.pending));
    if (group.oldest) text += fmt::format(" (oldest {})", age_text(age_of(group.oldest->id, model.now_ms)));
  }
  return text + fmt::format(", {} dead{}", with_separators(queue.dead), queue.paused.empty() ? "" : ", paused");
}

}  // namespace raibid
