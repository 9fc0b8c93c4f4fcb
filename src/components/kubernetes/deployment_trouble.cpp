#include "components/kubernetes/deployment_trouble.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/kubernetes/event_log.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judges.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr Duration between_questions = std::chrono::seconds(2);

/// What the controller could not make; "" when it says nothing.
std::string refused_creation(const json& events, const std::string& name) {
  std::string words;
  for (const json& event : events) {
    const bool is_its_own = text_at(event, {"involvedObject", "kind"}) == "ReplicaSet" &&
                            text_at(event, {"involvedObject", "name"}).starts_with(name + "-");
    if (is_its_own && text_at(event, {"reason"}) == "FailedCreate") words = text_at(event, {"message"});
  }
  return words;
}

}  // namespace

DeploymentTrouble::DeploymentTrouble(Runner& runner, const Kubectl& kubectl, std::string selector, std::string name,
                                     std::string image_option)
    : m_runner(runner),
      m_kubectl(kubectl),
      m_selector(std::move(selector)),
      m_name(std::move(name)),
      m_image_option(std::move(image_option)) {}

std::optional<Judgement> DeploymentTrouble::judge_pods(TimePoint until) const {
  const std::vector<Command> questions = {m_kubectl.list("pods", m_selector), m_kubectl.list("events", "")};
  const std::vector<Output> answers = m_kubectl.ask(questions, until);
  if (!answers[0].ok() || !answers[1].ok()) return std::nullopt;
  const json pods = Kubectl::parse_items(questions[0], answers[0]);
  const json events = Kubectl::parse_items(questions[1], answers[1]);
  EventLog log(m_name);
  for (const json& event : events) log.take(event, false, m_runner.now());
  for (const json& pod : pods) {
    if (is_ready(pod) || !at(pod, {"metadata", "deletionTimestamp"}).is_null()) continue;
    Observation seen;
    seen.workload = m_name;
    seen.name_space = m_kubectl.name_space();
    seen.pod = &pod;
    seen.events = log.seen(TimePoint::min());
    seen.command = [this](const std::vector<std::string>& arguments) { return m_kubectl.for_people(arguments); };
    Judgement trouble = judge(seen);
    if (!contains(trouble.text, pod_name(seen))) trouble.text = fmt::format("pod {}: {}", pod_name(seen), trouble.text);
    return trouble;
  }
  if (!pods.empty()) return std::nullopt;
  const std::string words = refused_creation(events, m_name);
  if (words.empty()) return std::nullopt;
  return judgement("pod-creation", printable(fmt::format("no pod of Deployment {} can be made: {}", m_name, words)),
                   "see what keeps it: " + m_kubectl.for_people({"describe", "replicasets", "-l", m_selector}));
}

std::optional<Verdict> DeploymentTrouble::look(TimePoint until) {
  const TimePoint now = m_runner.now();
  if (m_looked && now - *m_looked < between_questions) return m_verdict;
  m_looked = now;
  std::optional<Judgement> trouble = judge_pods(until);
  m_verdict.reset();
  if (!trouble) return m_verdict;
  constexpr std::string_view option = "--image";
  if (const std::size_t found = trouble->hint.find(option); found != std::string::npos)
    trouble->hint.replace(found, option.size(), m_image_option);
  const std::string subject = std::string(trouble->reason->name) + " " + trouble->subject;
  if (subject != m_subject) {
    m_subject = subject;
    m_since = now;
  }
  m_verdict = decide(*trouble, std::chrono::duration_cast<Duration>(now - m_since));
  return m_verdict;
}

}  // namespace raibid
