// What setup waits for: the new pod, Redis in it, its exporter. And what a Redis that answers is told.
#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/settled_set.hpp"
#include "components/redis/place/kubernetes/installation.hpp"
#include "components/redis/place/kubernetes/undo.hpp"
#include "components/redis/run/steps.hpp"
#include "components/redis/server/running_acl.hpp"
#include "components/redis/server/running_config.hpp"
#include "components/redis/server/server_facts.hpp"
#include "components/redis/settings/values.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

constexpr Duration look_again = std::chrono::milliseconds(250);  // graces run out without news
constexpr Duration ask_again = std::chrono::milliseconds(900);   // a refusal is told within a second
/// Through a proxy that knows no master a look takes seconds, and a pod that becomes Ready meanwhile is not noticed.
constexpr Duration proxy_patience = std::chrono::milliseconds(300);
/// Redis is ready: for so long an exporter that is on its way (its image is being pulled) is waited for.
constexpr Duration exporter_patience = std::chrono::seconds(10);

}  // namespace

void Installation::tend(Process* other, TimePoint until) {
  std::vector<Process*> processes = m_rollout.processes();
  if (other) processes.push_back(other);
  if (!m_rollout.running_pod().empty() && !m_pod_is_old) m_redis.prepare();
  if (Process* tunnel = m_redis.tunnel().process()) processes.push_back(tunnel);
  m_context.runner.wait(processes, std::min(until, m_context.runner.now() + look_again));
  m_rollout.pump();
  if (m_redis.tunnel().process()) m_redis.tunnel().port();
  const Verdict verdict = m_rollout.verdict();
  if (verdict.state == Verdict::State::doomed) throw Error(ExitCode::failure, verdict.text, verdict.hint);
  if (verdict.state == Verdict::State::waiting) m_context.reporter.step_progress(m_step, verdict.text);
}

/// helm's exit code alone proves nothing: the StatefulSet has to say what was asked for.
void Installation::check_asked_for(const nlohmann::json& workload) const {
  const std::string spec = text_at(workload, {"metadata", "annotations", spec_annotation});
  const bool there = workload.is_object();
  if (there && (spec.empty() || parse_spec(spec) == spec_for_cluster(settings)))
    return;  // some charts drop annotations
  throw Error(ExitCode::failure,
              fmt::format("helm said that it changed release {}, but StatefulSet {} {}", settings.release,
                          m_names.workload, there ? "is not what was asked for" : "is not there"),
              "see what helm made: " + session.helm.for_people({"get", "manifest", settings.release}));
}

void Installation::expect_new_pod() {
  const nlohmann::json workload = settled_set(m_context.runner, session.kubectl, m_names.workload, m_context.deadline);
  check_asked_for(workload);
  m_rollout.expect_revision(text_at(workload, {"status", "updateRevision"}));
}

/// While its container runs and is not ready Redis itself may know why: it loads its data, refuses the password, runs
/// in protected mode or cannot write. Throws what no waiting heals.
void Installation::ask_redis_why() {
  const TimePoint now = m_context.runner.now();
  const bool runs = !m_rollout.running_pod().empty() && !m_pod_is_old && m_rollout.verdict().reason == "not-ready";
  if (!runs || now - m_asked_redis < ask_again) return;
  m_asked_redis = now;
  const bool listens = m_redis.tunnel().port() != 0;
  const Duration limit = settings.ha() ? proxy_patience : reply_limit;
  if (!m_redis.try_connection(m_login, limit) && listens)
    m_context.reporter.step_progress(m_step, m_redis.waiting_for());
}

/// The exporter starts beside Redis and decides nothing; it is waited for while it is on its way, which is no longer
/// than Redis itself takes, or until it shows that it fails.
bool Installation::exporter_may_come() {
  if (!m_rollout.waits_for_aside()) return false;
  const TimePoint now = m_context.runner.now();
  if (!m_ready_without_exporter) m_ready_without_exporter = now;
  return now - *m_ready_without_exporter < exporter_patience && !m_rollout.aside_trouble();
}

void Installation::say_what_ails_exporter() const {
  if (!m_rollout.waits_for_aside()) return;
  const std::optional<Verdict> trouble = m_rollout.aside_trouble();
  m_context.reporter.warning(fmt::format(
      "Redis is ready and its exporter is not: {}\n{}",
      trouble ? trouble->text : fmt::format("container {} is still starting", exporter_container),
      trouble ? trouble->hint : "see how far it is: " + session.kubectl.for_people({"describe", "pod", m_names.pod})));
}

RedisConnection& Installation::ready() {
  m_lock.prepare_release();  // beside this wait, it costs no time
  for (;;) {
    const bool is_ready = m_rollout.ready() && !exporter_may_come();
    if (is_ready) {
      wait_for_address();
      if (RedisConnection* const redis = m_redis.try_connection(m_login)) return *redis;
    }
    tend(nullptr, m_context.deadline);
    if (!is_ready) ask_redis_why();
    if (m_context.runner.now() >= m_context.deadline) {
      if (is_ready) {
        throw Error(
            ExitCode::failure,
            fmt::format("pod {} is Ready, but Redis did not answer in time: {}", m_names.pod, m_redis.waiting_for()),
            "check whether it can be reached: " +
                session.kubectl.for_people({"port-forward", "pod/" + m_names.pod, "6379"}));
      }
      const Verdict verdict = m_rollout.verdict();
      throw Error(ExitCode::failure, fmt::format("not ready in time: {}", verdict.text),
                  verdict.hint.empty() ? "give it longer with --timeout" : verdict.hint);
    }
  }
}

void Installation::mark_proven() {
  if (!converged() || observed.record->proven) return;
  const int revision = observed.record->revision;
  session.kubectl.run_checked(
      session.kubectl.label(fmt::format("secret/sh.helm.release.v1.{}.v{}", settings.release, revision),
                            fmt::format("{}={}", proven_label, revision)),
      m_context.deadline);
}

Step Installation::redis_step() {
  Step step;
  step.name = "redis";
  step.intent = "wait until the pod is Ready and Redis answers PONG, then compare its settings with what was asked";
  step.undo = [this]() -> std::vector<Undo> {
    m_step = "redis";
    ready();  // here: the act comes after the lock was looked at, and a pod can take long to start
    RedisConnection& redis = ready();
    return observed.record ? undo_settling(expected_directives(), redis) : std::vector<Undo>{};
  };
  step.act = [this]() -> StepResult {
    m_step = "redis";
    bool changed = false;
    RedisConnection& redis = ready();
    std::string detail = settle_config(expected_directives(), redis, changed);
    if (has_acl_file()) {
      const std::vector<std::string> users = settle_acl(redis, m_acl.empty() ? observed.secret->acl : m_acl);
      if (!users.empty()) detail += "; put right: " + join(users, ", ");
      changed = changed || !users.empty();
    }
    if (!settings.ha() && !renews_live() && shows_other_certificate(redis)) {
      serve_certificate(redis, m_mounted);
      detail += "; read the certificate again";
      changed = true;
    }
    if (!settings.ha() && !settings.streams.empty()) m_version = read_server_facts(redis).version;
    mark_proven();
    say_what_ails_exporter();
    return {changed || !converged() ? Outcome::changed : Outcome::unchanged, detail};
  };
  return step;
}

}  // namespace raibid
