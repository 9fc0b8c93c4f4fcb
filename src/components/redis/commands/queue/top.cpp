// `queue top`: the live screen of a queue, or lines in a pipe.
#include "components/redis/commands/queue/top.hpp"

#include <nlohmann/json.hpp>

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/queue/queue.hpp"
#include "components/redis/commands/queue/queue_session.hpp"
#include "components/redis/commands/queue/top_view.hpp"
#include "components/redis/server/asynq_queue.hpp"
#include "components/redis/server/stream_queue.hpp"
#include "config/yaml.hpp"
#include "sys/full_screen.hpp"
#include "sys/signals.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr std::size_t most_jobs = 100;
constexpr std::size_t most_rates = 240;
constexpr Duration top_patience = std::chrono::seconds(1);

/// "14:02:11", in the machine's time zone: what the clock on the wall says.
std::string wall_clock(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  localtime_r(&seconds, &parts);
  return fmt::format("{:02}:{:02}:{:02}", parts.tm_hour, parts.tm_min, parts.tm_sec);
}

/// Facts over time, and the acts on the selected job.
class Top {
 public:
  explicit Top(QueueSession& session)
      : m_session(session), m_streams(session.asynq() ? session.asynq_queues() : session.streams()) {
    if (m_streams.empty()) throw Error(ExitCode::failure, "this Redis has no Asynq queue: nothing was enqueued yet");
    m_model.subject = session.place().subject();
    m_model.queues = m_streams.size();
  }

  TopModel& model() { return m_model; }

  /// Looks once. A connection that broke is told on the screen, and made again by the next look.
  void look() {
    try {
      if (!m_model.failure.empty()) m_session.reconnect(top_patience);
      take_facts();
      m_model.failure.clear();
    } catch (const Error& error) {
      if (!m_seen) throw;
      m_model.failure = error.message();
    }
    m_model.now_ms = m_session.now_ms();
    m_model.clock = wall_clock(m_session.context().clock.wall());
  }

  void next_queue() {
    m_at = (m_at + 1) % m_streams.size();
    forget();
    look();
  }

  void next_list() {
    using State = JobState;
    static const std::vector<State> of_stream = {State::pending, State::dead, State::waiting};
    static const std::vector<State> of_asynq = {State::pending, State::active, State::retry, State::scheduled,
                                                State::archived};
    const std::vector<State>& all = m_session.asynq() ? of_asynq : of_stream;
    const auto at = std::find(all.begin(), all.end(), m_model.list);
    m_model.list = at == all.end() || at + 1 == all.end() ? all.front() : *(at + 1);
    m_model.selected = 0;
    m_model.opened = false;
    look();
  }

  const JobView* selected() const {
    return m_model.selected < m_model.jobs.size() ? &m_model.jobs[m_model.selected] : nullptr;
  }

  void retry(const std::string& id) {
    act([&](JobQueue& queue) { return m_model.list == JobState::dead ? queue.requeue({id}) : queue.retry({id}); },
        "put back");
  }

  void remove(const std::string& id) {
    act([&](JobQueue& queue) { return m_model.list == JobState::dead ? queue.drop_dead({id}) : queue.remove({id}); },
        "removed");
  }

  void toggle_pause() {
    try {
      const bool pause = m_model.queue.paused.empty();
      const std::unique_ptr<JobQueue> queue = queue_now();
      if (pause)
        queue->pause("queue top");
      else
        queue->resume();
      m_model.message = !pause              ? "resumed"
                        : m_session.asynq() ? "paused: the library's servers take no more tasks"
                                            : "paused: queue work takes no more jobs";
      look();
    } catch (const Error& error) {
      m_model.message = error.message();
    }
  }

 private:
  const std::string& stream() const { return m_streams[m_at]; }

  /// The group whose jobs are listed: that of --group or of the preset, else the first.
  std::string group() {
    if (m_at == 0 && !m_session.group().empty()) return m_session.group();
    return m_model.queue.groups.empty() ? "" : m_model.queue.groups.front().name;
  }

  std::unique_ptr<JobQueue> queue_now() {
    if (m_session.asynq()) return std::make_unique<AsynqJobQueue>(m_session.redis(), stream(), m_session.now_ms());
    return std::make_unique<StreamQueue>(m_session.redis(), stream(), group(), m_session.now_ms());
  }

  void forget() {
    m_model.added.clear();
    m_model.done.reset();
    m_model.jobs.clear();
    m_model.selected = 0;
    m_model.opened = false;
    m_before.reset();
  }

  void take_facts() {
    const TimePoint now = m_session.context().runner.now();
    if (m_session.asynq()) {
      m_model.queue = read_asynq_facts(m_session.redis(), {stream()}, m_session.now_ms()).at(0);
      take_rates(now);
      take_jobs();
      m_seen = true;
      return;
    }
    m_model.queue = read_queue_facts(m_session.redis(), {stream()}, m_session.now_ms()).at(0);
    if (stream() == m_session.stream()) m_model.queue.limit = m_session.limit();
    for (const StreamSpec& known : m_session.context().preset.streams) {
      if (known.name == stream() && stream() != m_session.stream()) m_model.queue.limit = known.max_length;
    }
    take_rates(now);
    take_jobs();
    m_seen = true;
  }

  void take_rates(TimePoint now) {
    const QueueFacts& facts = m_model.queue;
    std::int64_t open = 0;
    for (const GroupFacts& group : facts.groups) open = std::max(open, group.waiting() + group.pending);
    // of Asynq's tasks only those that were processed are counted
    const std::optional<std::int64_t> count = facts.asynq ? facts.asynq->processed : facts.added;
    if (m_before && count && m_before->added) {
      const double seconds = std::chrono::duration<double>(now - m_before->time).count();
      const auto added = static_cast<double>(*count - *m_before->added);
      if (seconds > 0 && added >= 0) {
        m_model.added.push_back(added / seconds);
        if (m_model.added.size() > most_rates) m_model.added.erase(m_model.added.begin());
        if (!facts.asynq) m_model.done = std::max(0.0, (added - static_cast<double>(open - m_before->open)) / seconds);
      }
    }
    m_before = Before{now, count, open};
  }

  void take_jobs() {
    const std::string marked = selected() == nullptr ? "" : selected()->job.id;
    m_model.jobs.clear();
    m_model.more_jobs = false;
    if (m_model.queue.kind != "stream" && m_model.queue.kind != "asynq") return;
    JobFilter filter;
    filter.state = m_model.list;
    queue_now()->scan(filter, [&](const JobView& view) {
      m_model.more_jobs = m_model.jobs.size() == most_jobs;
      if (!m_model.more_jobs) m_model.jobs.push_back(view);
      return !m_model.more_jobs;
    });
    // the mark stays with its job
    const auto same = std::find_if(m_model.jobs.begin(), m_model.jobs.end(),
                                   [&](const JobView& view) { return view.job.id == marked; });
    if (same != m_model.jobs.end()) m_model.selected = static_cast<std::size_t>(same - m_model.jobs.begin());
    if (same == m_model.jobs.end()) m_model.opened = false;
    m_model.selected = std::min(m_model.selected, m_model.jobs.empty() ? 0 : m_model.jobs.size() - 1);
  }

  void act(const std::function<std::vector<JobOutcome>(JobQueue&)>& what, const std::string& done) {
    try {
      const JobOutcome outcome = what(*queue_now()).at(0);
      m_model.message = outcome.ok ? fmt::format("job {} was {}", outcome.id, done)
                                   : fmt::format("job {}: {}", outcome.id, outcome.result);
      m_model.opened = false;
      look();
    } catch (const Error& error) {
      m_model.message = error.message();
    }
  }

  struct Before {
    TimePoint time;
    std::optional<std::int64_t> added;
    std::int64_t open = 0;
  };

  QueueSession& m_session;
  std::vector<std::string> m_streams;
  std::size_t m_at = 0;
  TopModel m_model;
  std::optional<Before> m_before;
  bool m_seen = false;
};

/// Keys and frames.
class LiveScreen {
 public:
  LiveScreen(Context& context, Top& top) : m_context(context), m_top(top), m_screen(context.signals) {}

  void run(Duration interval, std::int64_t looks) {
    for (std::int64_t look = 1;; ++look) {
      if (look > 1) m_top.look();
      if (!keys_until(m_context.runner.now() + interval) || look == looks) return;
    }
  }

 private:
  /// False when the user has had enough.
  bool keys_until(TimePoint until) {
    for (;;) {
      draw();
      const Duration left = std::chrono::ceil<Duration>(until - m_context.runner.now());
      const KeyPress key = m_screen.wait(std::max(left, Duration(0)));
      m_context.signals.check();
      if (key.key == Key::none) return true;
      if (!handle(key)) return false;
    }
  }

  void draw() {
    const FullScreen::Size size = m_screen.size();
    m_screen.draw(
        top_frame(m_top.model(), {size.columns, size.rows, m_context.terminal.utf8, m_context.terminal.color}));
  }

  bool handle(const KeyPress& key) {
    TopModel& model = m_top.model();
    if (key.key == Key::resized) return true;
    if (!model.question.empty()) {
      answer(key);
      return true;
    }
    model.message.clear();
    if (key.key == Key::character) return handle_character(key.character);
    if (key.key == Key::escape && !model.opened) return false;
    if (key.key == Key::escape || key.key == Key::enter) {
      model.opened = key.key == Key::enter && !model.opened && m_top.selected() != nullptr;
      model.scrolled = 0;
    } else if (key.key == Key::tab) {
      if (model.queues > 1) m_top.next_queue();
    } else {
      move(key.key);
    }
    return true;
  }

  bool handle_character(char character) {
    TopModel& model = m_top.model();
    const JobView* const job = m_top.selected();
    switch (character) {
      case 'q':
        return false;
      case 'j':
        move(Key::down);
        break;
      case 'k':
        move(Key::up);
        break;
      case 's':
        m_top.next_list();
        break;
      case 'p':
        ask(model.queue.paused.empty() ? "Pause this queue?" : "Resume this queue?", [this] { m_top.toggle_pause(); });
        break;
      case 'r':
        if (job != nullptr &&
            (model.list == JobState::waiting || (model.queue.asynq && model.list == JobState::pending)))
          model.message = fmt::format("a {} job needs no retry", state_name(model.list));
        else if (job != nullptr)
          ask(model.queue.asynq ? "Run task " + printable(job->job.id) + " now?"
                                : "Put job " + job->job.id + " back into the queue?",
              [this, id = job->job.id] { m_top.retry(id); });
        break;
      case 'd':
        if (job != nullptr)
          ask(fmt::format("Remove job {} for good?", printable(job->job.id)),
              [this, id = job->job.id] { m_top.remove(id); });
        break;
      default:
        break;
    }
    return true;
  }

  void ask(const std::string& question, std::function<void()> act) {
    m_top.model().question = question;
    m_act = std::move(act);
  }

  void answer(const KeyPress& key) {
    m_top.model().question.clear();
    if (key.key == Key::character && (key.character == 'y' || key.character == 'Y'))
      m_act();
    else
      m_top.model().message = "nothing was changed";
  }

  void move(Key key) {
    TopModel& model = m_top.model();
    std::size_t& at = model.opened ? model.scrolled : model.selected;
    const std::size_t last = model.opened ? 10'000 : (model.jobs.empty() ? 0 : model.jobs.size() - 1);
    constexpr std::size_t page = 10;
    if (key == Key::up && at > 0) --at;
    if (key == Key::down) at = std::min(at + 1, last);
    if (key == Key::page_up) at -= std::min(at, page);
    if (key == Key::page_down) at = std::min(at + page, last);
    if (key == Key::home) at = 0;
    if (key == Key::end) at = last;
  }

  Context& m_context;
  Top& m_top;
  FullScreen m_screen;
  std::function<void()> m_act;
};

/// A line, or an object of JSON, for each look.
void print_looks(QueueSession& session, Top& top, Duration interval, std::int64_t looks) {
  Context& context = session.context();
  for (std::int64_t look = 1;; ++look) {
    if (look > 1) top.look();
    TopModel& model = top.model();
    if (!model.added.empty()) {
      model.queue.added_per_second = model.added.back();
      if (model.queue.asynq) model.queue.asynq->processed_per_second = model.added.back();
    }
    switch (context.format()) {
      case OutputFormat::json:
        context.results << queue_json(model.queue, model.now_ms).dump() << '\n';
        break;
      case OutputFormat::yaml:
        context.results << "---\n" << to_yaml(queue_json(model.queue, model.now_ms));
        break;
      case OutputFormat::table:
      case OutputFormat::name:
      case OutputFormat::junit:  // refused before
        context.results << top_line(model) << '\n';
    }
    context.results << std::flush;
    if (!context.results) throw Interrupted(SIGPIPE);  // the reader has gone
    if (look == looks) return;
    context.runner.wait({}, context.runner.now() + interval);
  }
}

}  // namespace

CommandResult queue_top(Context& context, const std::vector<std::string>&) {
  const Settings& settings = context.settings;
  const std::int64_t looks = settings.is_set("looks") ? settings.integer("looks") : 0;
  if (looks < 0) throw Error(ExitCode::usage, "--looks is negative", "leave it out to go on until Ctrl-C");
  const Duration interval = settings.duration("interval");
  QueueSession session(context);
  Top top(session);
  try {
    top.look();
    const bool live =
        context.terminal.results_rewrite && ::isatty(STDIN_FILENO) == 1 && context.format() == OutputFormat::table;
    if (live)
      LiveScreen(context, top).run(interval, looks);
    else
      print_looks(session, top, interval, looks);
  } catch (const Interrupted& stop) {
    if (stop.signal() != SIGINT && stop.signal() != SIGPIPE) throw;  // Ctrl-C is how this ends
  }
  return {};
}

}  // namespace raibid
