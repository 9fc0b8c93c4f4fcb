#include "components/kubernetes/rollout.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace raibid {

namespace {

using nlohmann::json;
using std::chrono::seconds;

/// A new revision's pod, or the refusal of it, is there long before.
constexpr Duration settling = seconds(2);
/// Trouble that is gone within this needs no closer look.
constexpr Duration closer_look = seconds(2);
constexpr Duration slow_start = seconds(10);
/// Redis is Ready long before, unless it loads a lot or waits for something.
constexpr Duration slow_ready = seconds(4);
constexpr Duration look_again = seconds(5);
constexpr Duration facts_last = seconds(15);
constexpr Duration answer_patience = seconds(3);
constexpr Duration hidden_outage = seconds(1);
constexpr int fetched_words = 3;
constexpr int fetched_log_lines = 8;
constexpr int shown_log_lines = 5;
constexpr std::size_t few_nodes = 20;  ///< up to here the pods of all nodes are few enough to be counted

/// The status of a container of the pod, of either kind.
const json& container_status(const json& pod, const std::string& name) {
  static const json nothing;
  for (const std::string_view kind : {"containerStatuses", "initContainerStatuses"}) {
    for (const json& status : items_at(pod, {"status", kind})) {
      if (text_at(status, {"name"}) == name) return status;
    }
  }
  return nothing;
}

struct EndedContainer {
  std::string id;
  bool previous = true;  ///< another one runs, or will
};

EndedContainer ended_container(const json& pod, const std::string& name) {
  const json& status = container_status(pod, name);
  const std::string now = text_at(status, {"state", "terminated", "containerID"});
  if (!now.empty()) return {now, false};
  return {text_at(status, {"lastState", "terminated", "containerID"}), true};
}

std::string last_lines(const Output& output) {
  if (!output.ok()) return "its log could not be read: " + printable(trim(output.err));
  std::vector<std::string> lines;
  for (const std::string& line : split(output.out, '\n')) {
    if (!trim(line).empty()) lines.push_back("| " + printable(trim(line)));
  }
  if (lines.empty()) return "it has logged nothing";
  if (lines.size() > shown_log_lines) lines.erase(lines.begin(), lines.end() - shown_log_lines);
  return "its last log lines:\n" + join(lines, "\n");
}

json items_or_none(const Question& question, const Output& output) {
  try {
    return Kubectl::parse_items(question.command(), output);
  } catch (const Error&) {
    return nullptr;  // without the right to read them, the message says less
  }
}

}  // namespace

Rollout::Rollout(Runner& runner, const Clock& clock, const Kubectl& kubectl, const std::string& selector,
                 std::string workload)
    : m_clock(clock),
      m_kubectl(kubectl),
      m_workload(std::move(workload)),
      m_pod_watch(runner, clock, kubectl, "pods", selector),
      m_event_watch(runner, clock, kubectl, "events", ""),
      m_pods(m_workload),
      m_events(m_workload),
      m_claim_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)),
      m_node_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)),
      m_requests_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)),
      m_log_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)),
      m_server_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)),
      m_workload_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)),
      m_words_question(runner, clock, kubectl.cluster().pace->patience(answer_patience)) {}

Rollout::~Rollout() = default;

void Rollout::start() {
  if (m_started) return;
  m_pod_watch.start();
  m_pod_generation = m_pod_watch.generation();
  m_event_watch.start();
  m_started = true;
}

std::vector<Process*> Rollout::processes() const {
  std::vector<Process*> all;
  for (Process* process : {m_pod_watch.process(), m_event_watch.process(), m_claim_question.process(),
                           m_node_question.process(), m_requests_question.process(), m_log_question.process(),
                           m_server_question.process(), m_workload_question.process(), m_words_question.process()}) {
    if (process != nullptr) all.push_back(process);
  }
  return all;
}

void Rollout::pump() {
  if (!m_started) return;
  pump_watches();
  take_answers();
  ask_for_server();
  if (!in_outage()) ask_for(judge(observe()));
  check_outage(m_pod_watch);
  check_outage(m_event_watch);
}

void Rollout::pump_watches() {
  const TimePoint now = m_clock.now();
  m_pod_watch.pump([&](const std::string& type, const json& pod, bool listed) {
    const bool is_older = listed && m_pod_watch.generation() == 1 && !m_nothing_older;
    if (m_pods.take(type, pod, is_older, now) == PodTable::News::born) {
      m_events.born(text_at(pod, {"metadata", "creationTimestamp"}));
    }
  });
  if (m_pod_watch.generation() != m_pod_generation) {
    m_pod_generation = m_pod_watch.generation();
    m_pods.mark_stale();
  } else if (m_pod_watch.listing_over()) {
    m_pods.forget_stale();
  }
  m_event_watch.pump([&](const std::string& type, const json& event, bool listed) {
    const bool is_older = listed && m_event_watch.generation() == 1 && !m_nothing_older;
    if (type != "DELETED") m_events.take(event, is_older, now);
  });
}

void Rollout::expect_change() {
  m_change_pending = true;
  m_change_announced = m_clock.now();
}

void Rollout::expect_revision(std::string controller_revision_hash) {
  m_change_pending = false;
  m_revision_known = m_clock.now();
  m_pods.expect_revision(std::move(controller_revision_hash));
}

void Rollout::expect_workload() { m_workload_made = m_clock.now(); }

std::vector<const json*> Rollout::counting() const {
  return m_change_pending ? std::vector<const json*>() : m_pods.counting();
}

std::string Rollout::running_pod() const {
  for (const json* pod : counting()) {
    if (PodTable::is_running(*pod)) return text_at(*pod, {"metadata", "name"});
  }
  return {};
}

bool Rollout::ready() const {
  const std::vector<const json*> pods = counting();
  return pods.size() >= m_wanted_pods && !pods.empty() &&
         std::all_of(pods.begin(), pods.end(),
                     [this](const json* pod) { return is_ready(*pod) || is_ready_without(*pod, m_aside); });
}

bool Rollout::waits_for_aside() const {
  const std::vector<const json*> pods = counting();
  return ready() && !std::all_of(pods.begin(), pods.end(), [](const json* pod) { return is_ready(*pod); });
}

std::optional<Verdict> Rollout::aside_trouble() const {
  const std::optional<Judgement> trouble = judge_aside(observe());
  if (!trouble) return std::nullopt;
  return Verdict{Verdict::State::waiting, std::string(trouble->reason->name), printable(trouble->text),
                 printable(trouble->hint)};
}

std::optional<TimePoint> Rollout::running_since() const {
  for (const json* pod : counting()) {
    if (PodTable::is_running(*pod)) return m_pods.running_since(*pod);
  }
  return std::nullopt;
}

/// What the controller could not do for the previous revision is why that was changed; it counts when it goes on after
/// the change, or when the change alone has not ended it.
TimePoint Rollout::workload_events_from() const {
  if (m_revision_known == TimePoint::min()) return m_change_announced;
  return m_clock.now() - m_revision_known < settling ? m_revision_known : m_change_announced;
}

Observation Rollout::observe() const {
  Observation seen;
  seen.workload = m_workload;
  seen.name_space = m_kubectl.name_space();
  seen.change_pending = m_change_pending;
  for (const json* pod : counting()) {
    if (seen.pod == nullptr || is_ready(*seen.pod)) seen.pod = pod;
  }
  if (seen.pod != nullptr) seen.earlier_restarts = m_pods.earlier_restarts(*seen.pod);
  seen.former = m_pods.former();
  seen.replaced = m_pods.replaced();
  seen.lost_pods = m_pods.lost();
  seen.loss = m_pods.loss();
  seen.events = m_events.seen(workload_events_from());
  seen.aside = m_aside;
  seen.set = m_set.get();
  seen.set_is_gone = m_set_is_gone;
  seen.words = m_words;
  seen.claim = m_claim.get();
  seen.nodes = m_nodes;
  seen.command = [this](const std::vector<std::string>& arguments) { return m_kubectl.for_people(arguments); };
  return seen;
}

bool Rollout::in_outage() const { return m_pod_watch.outage() || m_event_watch.outage(); }

void Rollout::check_outage(const ResourceWatch& watch) const {
  const auto& outage = watch.outage();
  if (!outage || m_clock.now() - outage->since < find_reason("api-server").grace.unchanged) return;
  throw Kubectl::explain(outage->command, outage->last).during("watching " + watch.kind());
}

std::optional<Verdict> Rollout::outage_verdict() const {
  for (const ResourceWatch* watch : {&m_pod_watch, &m_event_watch}) {
    const auto& outage = watch->outage();
    if (!outage || m_clock.now() - outage->since < hidden_outage) continue;  // a watch that was cut off is back at once
    const Error error = Kubectl::explain(outage->command, outage->last);
    return Verdict{Verdict::State::waiting, "api-server",
                   fmt::format("waiting for the API server {}: {}", m_kubectl.cluster().server, error.message()),
                   error.hint()};
  }
  return std::nullopt;
}

Duration Rollout::standing(const Judgement& judgement) {
  const std::string subject = std::string(judgement.reason->name) + " " + judgement.subject;
  if (subject != m_subject) {
    m_subject = subject;
    m_since = m_clock.now();
  }
  return std::chrono::duration_cast<Duration>(m_clock.now() - m_since);
}

Verdict Rollout::verdict() {
  if (auto outage = outage_verdict()) {
    m_subject.clear();  // nobody knows what changed meanwhile
    return *outage;
  }
  const Judgement judgement = judge(observe());
  Verdict verdict = decide(judgement, standing(judgement));
  if (verdict.state == Verdict::State::doomed && !judgement.container.empty()) add_log(judgement, verdict);
  return verdict;
}

void Rollout::add_log(const Judgement& judgement, Verdict& verdict) const {
  const Observation seen = observe();
  const bool asked = seen.pod != nullptr && ended_container(*seen.pod, judgement.container).id == m_log_of;
  if (!asked || !m_log) {
    verdict.state = Verdict::State::waiting;  // the log is a moment away, at most answer_patience
    return;
  }
  verdict.text += "; " + *m_log;
}

void Rollout::take_answers() {
  if (auto answer = m_claim_question.take()) {
    const json items = items_or_none(m_claim_question, *answer);
    m_claim = items.is_array() && !items.empty() ? std::make_unique<json>(items.front()) : nullptr;
  }
  if (auto answer = m_node_question.take()) {
    m_node_list = std::make_unique<json>(items_or_none(m_node_question, *answer));
    m_nodes = read_nodes(*m_node_list, m_pod_list ? *m_pod_list : json());
  }
  if (auto answer = m_requests_question.take(); answer && m_node_list) {
    m_pod_list = std::make_unique<json>(items_or_none(m_requests_question, *answer));
    m_nodes = read_nodes(*m_node_list, *m_pod_list);
  }
  if (auto answer = m_workload_question.take(); answer && answer->ok()) {
    const json items = items_or_none(m_workload_question, *answer);
    m_set_is_gone = items.is_array() && items.empty();
    m_set = items.is_array() && !items.empty() ? std::make_unique<json>(items.front()) : nullptr;
  }
  if (auto answer = m_words_question.take(); answer && answer->ok()) m_words = answer->out;
  if (auto answer = m_log_question.take()) m_log = last_lines(*answer);
  if (auto answer = m_server_question.take(); answer && answer->ok()) {
    m_pod_watch.reached();
    m_event_watch.reached();
  }
}

void Rollout::ask_for(const Judgement& judgement) {
  ask_for_claim(judgement);
  ask_for_nodes(judgement);
  ask_for_log(judgement);
  ask_for_workload(judgement);
  ask_for_words(judgement);
}

void Rollout::ask_for_workload(const Judgement& judgement) {
  const bool matters = is_one_of(judgement.reason->name, {"no-pod", "old-pod", "scaled-to-zero", "workload-gone"});
  if (!matters || m_clock.now() < m_workload_made) {
    m_set.reset();
    m_set_is_gone = false;
    return;
  }
  if (m_workload_question.pending() || m_workload_question.age() < look_again) return;
  if (standing(judgement) < closer_look || m_clock.now() - m_workload_made < closer_look) return;
  m_workload_question.ask(m_kubectl.get({"statefulset/" + m_workload}));
}

/// Of a container that runs and is not ready: it may say itself what it waits for.
void Rollout::ask_for_words(const Judgement& judgement) {
  const std::vector<const json*> pods = counting();
  if (judgement.running.empty() || pods.empty()) {
    m_words.clear();
    return;
  }
  if (m_words_question.pending() || m_words_question.age() < look_again) return;
  if (judgement.reason->name == "not-ready" && standing(judgement) < slow_ready) return;
  const Observation seen = observe();
  const std::string id = text_at(container_status(*seen.pod, judgement.running), {"containerID"});
  if (judgement.reason->name == "not-ready" && id == m_words_of) return;  // it says so before anything else
  m_words_of = id;
  m_words_question.ask(
      m_kubectl.logs(text_at(*seen.pod, {"metadata", "name"}), judgement.running, fetched_words, false));
}

void Rollout::ask_for_claim(const Judgement& judgement) {
  if (!is_one_of(judgement.reason->name, {"provisioner", "provisioning", "provisioning-failed"})) return;
  if (m_claim_question.pending() || standing(judgement) < closer_look || m_claim_question.age() < look_again) return;
  const std::string claim = m_events.claim_news();
  if (!claim.empty()) m_claim_question.ask(m_kubectl.get({"persistentvolumeclaim/" + claim}));
}

void Rollout::ask_for_nodes(const Judgement& judgement) {
  const std::string_view reason = judgement.reason->name;
  const bool nodes_matter = is_one_of(reason, {"unschedulable", "node-not-ready", "node-joins"});
  const bool node_is_slow = (reason == "pod-bound" && standing(judgement) >= closer_look) ||
                            (reason == "container-creating" && standing(judgement) >= slow_start);
  if (!nodes_matter && m_node_question.age() >= facts_last) m_nodes.clear();
  if (!nodes_matter && !node_is_slow) return;
  const Duration pause = nodes_matter ? look_again : facts_last;
  if (!m_node_question.pending() && m_node_question.age() >= pause) m_node_question.ask(m_kubectl.list("nodes", ""));
  const bool requests_matter = reason == "unschedulable" && !m_nodes.empty() && m_nodes.size() <= few_nodes;
  if (requests_matter && !m_requests_question.pending() && m_requests_question.age() >= facts_last) {
    m_requests_question.ask(m_kubectl.list_everywhere("pods"));
  }
}

void Rollout::ask_for_log(const Judgement& judgement) {
  const std::vector<const json*> pods = counting();
  if (judgement.container.empty() || pods.empty() || m_log_question.pending()) return;
  const Observation seen = observe();
  const EndedContainer ended = ended_container(*seen.pod, judgement.container);
  if (ended.id == m_log_of && m_log) return;
  m_log_of = ended.id;
  m_log.reset();
  m_log_question.ask(
      m_kubectl.logs(text_at(*seen.pod, {"metadata", "name"}), judgement.container, fetched_log_lines, ended.previous));
}

/// A watch that has nothing to tell is as silent as one that gets no answer.
void Rollout::ask_for_server() {
  if (m_server_question.pending() || m_server_question.age() < seconds(1)) return;
  const auto silent = [](const ResourceWatch& watch) { return watch.age() >= seconds(1) && !watch.listing_over(); };
  const bool pods_unsure = (m_pod_watch.outage() || m_pods.has_stale()) && silent(m_pod_watch);
  const bool events_unsure = m_event_watch.outage() && silent(m_event_watch);
  if (pods_unsure || events_unsure) m_server_question.ask(m_kubectl.get({"statefulset/" + m_workload}));
}

}  // namespace raibid
