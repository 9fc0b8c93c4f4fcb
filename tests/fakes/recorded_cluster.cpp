#include "fakes/recorded_cluster.hpp"

#include "sys/files.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <stdexcept>

namespace raibid {

namespace {

using nlohmann::json;
using std::chrono::milliseconds;

/// The watches had been there for so long when the StatefulSet was made.
constexpr auto head_start = milliseconds(1500);
constexpr auto answer_time = milliseconds(80);

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& each) { return each.find(word) != std::string::npos; });
}

std::string list_of(const json& items) { return json{{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}}.dump(); }

}  // namespace

/// Says each of its texts when it is due; ends behind the last one, if it is one that ends.
class RecordedCluster::Child final : public Process {
 public:
  std::deque<std::pair<TimePoint, std::string>> texts;
  bool ends = false;
  int code = 0;

  bool finished() const override { return m_finished; }
  int status() const override { return code; }
  std::string& out() override { return m_out; }
  std::string& err() override { return m_err; }
  void feed(std::string) override {}
  void end() override {
    m_finished = true;
    code = 143;
  }

  bool say(TimePoint now) {
    if (m_finished || texts.empty() || texts.front().first > now) return false;
    for (; !texts.empty() && texts.front().first <= now; texts.pop_front())
      (code == 0 ? m_out : m_err) += texts.front().second;
    m_finished = ends && texts.empty();
    return true;
  }

 private:
  bool m_finished = false;
  std::string m_out, m_err;
};

RecordedCluster::RecordedCluster(const std::string& name) : m_origin(m_clock.now() + head_start) {
  const auto text = read_file(fs::path(RAIBID_SOURCE_DIR) / "tests/fixtures/rollout" / (name + ".json"));
  if (!text) throw std::runtime_error("no recording " + name);
  recording = json::parse(*text);
}

long long RecordedCluster::elapsed() const {
  return std::chrono::duration_cast<milliseconds>(m_clock.now() - m_origin).count();
}

int RecordedCluster::asked(const std::string& word) const {
  return static_cast<int>(
      std::count_if(m_commands.begin(), m_commands.end(), [&](const auto& words) { return has(words, word); }));
}

std::unique_ptr<RecordedCluster::Child> RecordedCluster::watch(const std::string& kind) const {
  auto child = std::make_unique<Child>();
  for (const json& document : recording.at("stream")) {
    if (document.at("watch") != kind) continue;
    const json shown = {{"type", document.at("type")}, {"object", document.at("object")}};
    child->texts.emplace_back(m_origin + milliseconds(document.at("ms").get<int>()), shown.dump() + "\n");
  }
  return child;
}

std::unique_ptr<RecordedCluster::Child> RecordedCluster::answer(const std::string& text, int status) const {
  auto child = std::make_unique<Child>();
  child->texts.emplace_back(m_clock.now() + answer_time, text);
  child->ends = true;
  child->code = status;
  return child;
}

std::unique_ptr<Process> RecordedCluster::start(const Command& command) {
  m_commands.push_back(command.argv);
  if (has(command.argv, "--output-watch-events"))
    return watch(has(command.argv, "events") && !has(command.argv, "pods") ? "events" : "pods");
  if (has(command.argv, "logs")) return answer(recording.at("log").get<std::string>());
  if (has(command.argv, "persistentvolumeclaim/")) return answer(list_of(recording.at("claims")));
  if (has(command.argv, "statefulset/")) {
    const json usual = {{"spec", {{"replicas", 1}}}};  // of a recording that did not ask
    const json set = recording.value("workload", usual);
    return answer(list_of(set.is_null() ? json::array() : json::array({set})));
  }
  if (has(command.argv, "nodes")) return answer(list_of(recording.at("nodes")));
  if (has(command.argv, "--all-namespaces")) {
    return recording.contains("pods") ? answer(list_of(recording.at("pods")))
                                      : answer("Error from server (Forbidden): pods is forbidden\n", 1);
  }
  FAIL_CHECK("RecordedCluster: nobody expected: " << command.argv.back());
  throw std::logic_error("unexpected command");
}

bool RecordedCluster::wait(std::span<Process* const> processes, TimePoint until) {
  TimePoint next = until;
  for (Process* process : processes) {
    const Child& child = dynamic_cast<const Child&>(*process);
    if (!child.finished() && !child.texts.empty())
      next = std::min(next, std::max(child.texts.front().first, m_clock.now()));
  }
  m_clock.advance_to(next);
  bool news = false;
  for (Process* process : processes) news |= dynamic_cast<Child&>(*process).say(m_clock.now());
  return news;
}

}  // namespace raibid
