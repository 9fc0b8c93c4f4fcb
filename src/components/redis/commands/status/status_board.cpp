#include "components/redis/commands/status/status_board.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/redis/place/external/external_installer.hpp"
#include "components/redis/place/kubernetes/look_at_release.hpp"
#include "components/redis/place/kubernetes/status_kubernetes.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/server/credentials.hpp"
#include "plan/journal.hpp"
#include "ui/reporter.hpp"

namespace raibid {

namespace {

/// A Redis that is well answers a PING through a port-forward that is open in a few milliseconds.
constexpr Duration quick_look = std::chrono::milliseconds(300);
constexpr Duration least_share = std::chrono::seconds(1);

/// A record of a release that cannot be read is that release's trouble, not everybody's.
Seen broken(const std::string& release, const std::string& place, const std::string& title, const Error& error) {
  StatusFacts facts;
  facts.release = release;
  StatusReport report = report_on(std::move(facts), Scope());
  report.health.add({"record", false, error.message(), error.hint()}, CheckReason::unreadable);
  return {release, place, title, std::move(report)};
}

}  // namespace

StatusBoard::Reach::Reach(Context& context, const Kubectl& there, const std::string& release)
    : kubectl(there), names(release, there.name_space()), redis(context, kubectl, names) {
  redis.prefer_stream();
}

StatusBoard::Reach& StatusBoard::reach(const std::string& name_space, const std::string& release) {
  std::unique_ptr<Reach>& found = m_reaches[name_space + "/" + release];
  if (!found) {
    const Kubectl there(m_context.runner, m_session->kubectl.cluster(), name_space);
    found = std::make_unique<Reach>(m_context, there, release);
  }
  return *found;
}

int StatusBoard::take_unfinished(const std::string& subject_end) {
  const auto matches = [&](const std::string& subject) { return subject.ends_with(subject_end); };
  return static_cast<int>(std::erase_if(m_unfinished, matches));
}

std::vector<Seen> StatusBoard::look() {
  m_unfinished.clear();
  for (const JournalHeader& header : Journal::unfinished(m_context.paths.journal()))
    m_unfinished.push_back(header.subject);
  std::vector<Seen> all;
  if (m_scope.machine) look_at_machine(all);
  if (m_scope.external) look_at_external(all);
  if (m_scope.cluster) {
    try {
      look_at_cluster(all);
    } catch (const Error& error) {
      if (!m_scope.cluster_may_be_absent || m_session || all.empty()) throw;
      m_context.reporter.note("no cluster: " + error.message());
      m_scope.cluster = false;
    }
  }
  m_unattached = static_cast<int>(m_unfinished.size());
  return all;
}

std::vector<std::string> StatusBoard::kept() const {
  std::vector<std::string> all;
  for (const KeptClaim& one : m_kept_claims) {
    if (m_scope.name_space.empty() || one.name_space == m_scope.name_space)
      all.push_back(fmt::format("release {} in namespace {}, its data are kept in claim {}", one.release,
                                one.name_space, one.claim));
  }
  if (!m_scope.machine) return all;
  for (const LocalInstance& instance : kept_instances(m_context)) {
    if (m_scope.only && instance.release() != m_scope.only->release) continue;
    all.push_back(fmt::format("release {} on this machine, its data are kept in {}", instance.release(),
                              m_context.paths.shown(instance.folder())));
  }
  return all;
}

void StatusBoard::look_at_machine(std::vector<Seen>& all) {
  for (const LocalInstance& instance : local_instances(m_context)) {
    if (m_scope.only && instance.release() != m_scope.only->release) continue;
    const int unfinished = take_unfinished(fmt::format("release {} on this machine", instance.release()));
    const std::string title = report_title(m_context, instance);
    try {
      const LocalInstance::State state = *instance.state();
      if (!m_scope.name_space.empty() && state.name_space != m_scope.name_space) continue;
      all.push_back(
          {instance.release(), "this machine", title, examine_instance(m_context, instance, state, unfinished)});
    } catch (const Error& error) {
      all.push_back(broken(instance.release(), "this machine", title, error));
    }
  }
}

/// Those that setup saved; with one that is meant, that one.
void StatusBoard::look_at_external(std::vector<Seen>& all) {
  std::vector<ExternalTarget> targets;
  if (m_scope.only) {
    targets.push_back(find_external(m_context, *m_scope.only));
  } else {
    for (Credentials& one : all_credentials(m_context.paths)) {
      if (one.target == "external") targets.push_back(saved_external(std::move(one)));
    }
  }
  for (const ExternalTarget& target : targets) {
    const int unfinished = take_unfinished(target.subject());
    ExternalServer server(m_context, target);
    try {
      all.push_back({target.release, target.address.text(), external_title(target),
                     examine_external(m_context, server, redis_settings(m_context), unfinished)});
    } catch (const Error& error) {
      all.push_back(broken(target.release, target.address.text(), external_title(target), error));
    }
  }
}

void StatusBoard::look_at_cluster(std::vector<Seen>& all) {
  const bool first = !m_session;
  if (first) m_session.emplace(choose_cluster(m_context, m_scope.only ? m_scope.only->name_space : "", NeedsHelm::no));
  const Kubectl& kubectl = m_session->kubectl;
  std::vector<Credentials> credentials;
  if (!m_scope.only) credentials = all_credentials(m_context.paths);
  std::erase_if(credentials, [&](const Credentials& one) {
    return one.target != "kubernetes" || one.context != kubectl.cluster().context;
  });
  if (first) {  // the port-forwards come up beside the questions
    for (const Credentials& one : credentials) reach(one.name_space, one.release).redis.prepare();
    if (m_scope.only) reach(m_scope.only->name_space, m_scope.only->release).redis.prepare();
  }
  std::vector<Release> found;
  if (m_scope.only) {
    Release one = look_at_release(m_context, kubectl, m_scope.only->release, m_scope.only->services);
    if (one.installed()) found.push_back(std::move(one));
  } else {
    found = look_at_all_releases(m_context, kubectl, credentials, m_kept_claims);
  }
  std::erase_if(found, [this](const Release& one) {
    return !m_scope.name_space.empty() && one.id.name_space != m_scope.name_space;
  });
  for (const Release& one : found) {
    if (one.pod()) reach(one.id.name_space, one.id.name).redis.prepare();
  }
  examine(found, all);
}

/// Whose Redis answers at once is examined at once. Those that are silent come last and share the time that is left, so
/// that none waits on another's account.
void StatusBoard::examine(const std::vector<Release>& found, std::vector<Seen>& all) {
  const TimePoint until = question_deadline(m_context);
  m_alone = found.size() == 1;
  std::vector<std::optional<Seen>> rows(found.size());
  std::vector<std::size_t> silent;
  for (std::size_t at = 0; at < found.size(); ++at) {
    const Release& one = found[at];
    const bool may_answer = found.size() > 1 && one.pod() != nullptr;
    const TimePoint soon = m_context.runner.now() + quick_look;
    if (may_answer && !answers(one, reach(one.id.name_space, one.id.name).redis, soon)) {
      silent.push_back(at);
    } else {
      rows[at].emplace(row_of(one, until));
    }
  }
  for (std::size_t left = silent.size(); left > 0; --left) {
    const TimePoint now = m_context.runner.now();
    const auto share = std::chrono::duration_cast<Duration>((until - now) / left);
    const std::size_t at = silent[silent.size() - left];
    rows[at].emplace(row_of(found[at], now + std::max(share, least_share)));
  }
  for (std::optional<Seen>& row : rows) all.push_back(std::move(*row));
}

Seen StatusBoard::row_of(const Release& one, TimePoint until) {
  Reach& there = reach(one.id.name_space, one.id.name);
  const int unfinished = take_unfinished(fmt::format("namespace {}, release {}", one.id.name_space, one.id.name));
  const std::string place = "namespace " + one.id.name_space;
  try {
    const Spec expected = m_scope.only ? expected_spec(one, *m_scope.only) : one.spec();
    return {one.id.name, place, report_title(there.kubectl, one),
            examine_release(m_context, there.kubectl, one, expected, there.redis, unfinished, until, m_context.scope(),
                            m_alone ? &m_claims : nullptr)};
  } catch (const Error& error) {
    return broken(one.id.name, place, report_title(there.kubectl, one), error);
  }
}

}  // namespace raibid
