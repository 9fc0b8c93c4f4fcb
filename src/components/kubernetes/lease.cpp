#include "components/kubernetes/lease.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/session.hpp"
#include "sys/process_table.hpp"
#include "sys/signals.hpp"
#include "tools/failures.hpp"
#include "tools/retry.hpp"

namespace raibid {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using std::chrono::seconds;

constexpr const char* operation_key = "raibid-cli/operation";
constexpr const char* host_key = "raibid-cli/host";
constexpr const char* machine_key = "raibid-cli/machine";
constexpr const char* pid_key = "raibid-cli/pid";
constexpr const char* process_key = "raibid-cli/process";
/// How long looking at it or giving it up may take, also after the run's deadline; in the end it runs out by itself.
constexpr Duration release_limit = seconds(5);
/// An answer that says it is ours counts this long. It is far less than a Lease is valid, and the acts of one moment
/// need one question.
constexpr Duration answer_counts = seconds(1);
constexpr Duration ask_again = std::chrono::milliseconds(500);
/// How long a run that gives way to this one may take for it, and how often this one looks.
constexpr Duration giving_way = seconds(3);
constexpr Duration look_again = std::chrono::milliseconds(200);

/// The Lease's own times have microseconds (MicroTime).
std::string micro_time(WallTime time) {
  std::string text = rfc3339(time);
  text.insert(text.size() - 1, ".000000");
  return text;
}

int number_of(const std::string& text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

/// A pid identifies a process only within its PID namespace and until the next boot. (Containers of one machine share
/// the boot; machines that were cloned share their machine-id.)
std::string this_machine() {
  std::error_code ignored;
  const std::string self = process_identity(::getpid());
  return self.substr(self.find('@') + 1) + " " + std::filesystem::read_symlink("/proc/self/ns/pid", ignored).string();
}

std::vector<json> documents(const Output& output) {
  std::string text = output.out;
  try {
    return WatchParser().take(text);
  } catch (const Error&) {
    return {};  // it said something else: look instead
  }
}

}  // namespace

LeaseHolder this_process(const std::string& operation, WallTime now, WallTime until) {
  return {operation, host_name(), this_machine(), ::getpid(), process_identity(::getpid()), rfc3339(now), until};
}

ordered_json lease_manifest(const std::string& name, const std::string& name_space, const LeaseHolder& holder) {
  const WallTime since = parse_rfc3339(holder.since).value_or(holder.until);
  const ordered_json annotations = {{operation_key, holder.operation},
                                    {host_key, holder.host},
                                    {machine_key, holder.machine},
                                    {pid_key, std::to_string(holder.pid)},
                                    {process_key, holder.process}};
  return {{"apiVersion", "coordination.k8s.io/v1"},
          {"kind", "Lease"},
          {"metadata",
           {{"name", name},
            {"namespace", name_space},
            {"labels", {{"app.kubernetes.io/managed-by", "raibid-cli"}}},
            {"annotations", annotations}}},
          {"spec",
           {{"holderIdentity", fmt::format("{} of pid {} on {}", holder.operation, holder.pid, holder.host)},
            {"acquireTime", micro_time(since)},
            {"renewTime", micro_time(since)},
            {"leaseDurationSeconds", std::chrono::ceil<seconds>(holder.until - since).count()}}}};
}

Lease parse_lease(const json& object) {
  const auto note = [&](const char* key) { return text_at(object, {"metadata", "annotations", key}); };
  Lease lease;
  const std::string renewed = text_at(object, {"spec", "renewTime"});
  const std::string since = text_at(object, {"spec", "acquireTime"});
  lease.holder = {
      note(operation_key), note(host_key), note(machine_key), number_of(note(pid_key)), note(process_key), since, {}};
  if (const auto start = parse_rfc3339(since)) lease.holder.since = rfc3339(*start);
  if (const auto start = parse_rfc3339(renewed)) {
    lease.holder.until = *start + seconds(number_at(object, {"spec", "leaseDurationSeconds"}));
  }
  lease.uid = text_at(object, {"metadata", "uid"});
  lease.resource_version = text_at(object, {"metadata", "resourceVersion"});
  return lease;
}

LeaseState lease_state(const LeaseHolder& holder, const std::string& machine, WallTime now,
                       const std::function<bool(int, const std::string&)>& runs) {
  if (now >= holder.until) return LeaseState::expired;
  if (holder.machine == machine && !runs(holder.pid, holder.process)) return LeaseState::dead;
  return LeaseState::held;
}

std::string lease_name(const std::string& release) { return "raibid-cli-" + release; }
std::string lease_object(const std::string& release) { return "lease.coordination.k8s.io/" + lease_name(release); }

ReleaseLock::ReleaseLock(Context& context, const Kubectl& kubectl, const std::string& release,
                         const std::string& operation, TimePoint until)
    : m_context(context), m_kubectl(kubectl), m_name(lease_name(release)), m_release(release) {
  const WallTime now = context.clock.wall();
  const auto left = std::chrono::ceil<seconds>(until - context.clock.now());
  m_self = this_process(operation, now, now + std::max(left, seconds(1)));
}

ReleaseLock::~ReleaseLock() {
  try {
    // the signal that has ended the run has done so: giving the lock up is the last thing
    if (m_held || m_unsure) m_context.signals.acknowledge();
    release();
  } catch (const std::exception&) {
    // a second Ctrl-C: it runs out by itself, and on this machine a dead holder does not count
  }
}

bool ReleaseLock::is_ours(const Lease& lease) const {
  return lease.holder.pid == m_self.pid && lease.holder.process == m_self.process &&
         lease.holder.machine == m_self.machine;
}

void ReleaseLock::seen(std::optional<Lease> lease) {
  m_seen = std::move(lease);
  m_held = m_seen && is_ours(*m_seen) ? m_seen : std::nullopt;
  if (m_held) confirmed();
}

Error ReleaseLock::held_by(const LeaseHolder& holder) const {
  return Error(ExitCode::preflight,
               printable(fmt::format("\"{}\" (process {} on {}, since {}) is at work on release {}", holder.operation,
                                     holder.pid, holder.host, holder.since, m_release)),
               fmt::format("wait until it has ended, at {} at the latest, then try again; if you know that it has: {}",
                           rfc3339(holder.until), m_kubectl.for_people({"delete", "lease", m_name})));
}

void ReleaseLock::refuse(const LeaseHolder& holder) const { throw held_by(holder).made_nothing(); }

void ReleaseLock::confirmed() {
  m_confirmed = m_context.clock.now();
  m_confirmed_wall = m_context.clock.wall();
}

bool ReleaseLock::confirmed_just_now() const {
  const auto passed = m_context.clock.wall() - m_confirmed_wall;
  return m_context.clock.now() - m_confirmed < answer_counts && passed < answer_counts && passed >= Duration::zero();
}

std::optional<Lease> ReleaseLock::look_patiently(TimePoint deadline) const {
  for (bool again = false;; again = true) {
    try {
      return look();
    } catch (const Error& error) {
      // what is no answer may be a child that was ended: once more; a server that is away may come back
      const bool away = error.code() == ExitCode::preflight;
      if ((again && !away) || m_context.runner.now() >= deadline) throw;
    }
    m_context.runner.wait({}, std::min(deadline, m_context.runner.now() + ask_again));
  }
}

std::optional<Error> ReleaseLock::taken_over(TimePoint deadline) {
  if (m_lost) return m_lost;
  if (!m_held || confirmed_just_now()) return std::nullopt;
  std::optional<Lease> present = look_patiently(deadline);
  if (present && is_ours(*present) && present->uid == m_held->uid) {
    m_held = std::move(present);
    confirmed();
    return std::nullopt;
  }
  m_held.reset();  // not ours to give up any more
  m_releasing.reset();
  if (present) {
    m_lost = held_by(present->holder);
    return m_lost;
  }
  m_lost =
      Error(ExitCode::preflight,
            fmt::format("the lock of this run, lease {}, is gone: another run has taken release {} over and ended, or "
                        "someone deleted the lease",
                        m_name, m_release),
            "see how the release is before you go on: raibid-cli status");
  return m_lost;
}

void ReleaseLock::refuse_if_held() const {
  if (!m_seen || is_ours(*m_seen)) return;
  const auto runs = [](int pid, const std::string& process) {
    return !process.empty() && process_identity(pid) == process;
  };
  if (lease_state(m_seen->holder, m_self.machine, m_context.clock.wall(), runs) == LeaseState::held)
    refuse(m_seen->holder);
}

bool ReleaseLock::acquire(const ordered_json* name_space, const ordered_json* secret) {
  if (m_held) return false;
  refuse_if_held();
  m_unsure = true;  // until an answer says otherwise
  bool made_secret = false;
  if (m_seen) {
    replace(*m_seen);
  } else {
    made_secret = create(name_space, secret);
  }
  m_unsure = false;
  confirmed();
  return made_secret;
}

bool ReleaseLock::create(const ordered_json* name_space, const ordered_json* secret) {
  ordered_json items = ordered_json::array();
  if (name_space) items.push_back(*name_space);
  items.push_back(lease_manifest(m_name, m_kubectl.name_space(), m_self));
  if (secret) items.push_back(*secret);
  const Command command = m_kubectl.create_and_show({{"apiVersion", "v1"}, {"kind", "List"}, {"items", items}});
  const Output output = m_kubectl.run(command, m_context.deadline);
  bool made_namespace = name_space == nullptr;
  json made_secret;
  for (const json& object : documents(output)) {
    const std::string kind = text_at(object, {"kind"});
    if (kind == "Lease") m_held = parse_lease(object);
    if (kind == "Namespace") made_namespace = true;
    if (secret && kind == secret->value("kind", "")) made_secret = object;
  }
  if (m_held && made_namespace) return !made_secret.is_null();
  if (!made_secret.is_null()) withdraw(made_secret);  // kubectl goes on after what it could not make
  if (Kubectl::already_exists(output) && !m_held) {
    const bool first_here = name_space != nullptr && made_namespace;
    const std::optional<Lease> winner = first_here ? look_until_given_up() : look();
    if (first_here && !winner) {
      const bool made = create(nullptr, secret);
      if (made || secret == nullptr) return made;
      throw made_by_others();  // it did not give way: it ended, and left its own
    }
    if (winner) {
      m_unsure = false;
      refuse(winner->holder);
    }
  }
  if (m_held && Kubectl::already_exists(output)) {
    throw made_by_others();
  }
  if (output.ok()) {  // it made what it was given, and did not say so
    if (const std::optional<Lease> lease = look(); lease && is_ours(*lease)) {
      m_held = lease;
      return false;
    }
  }
  throw Kubectl::explain(command, output);
}

void ReleaseLock::replace(const Lease& present) {
  ordered_json manifest = lease_manifest(m_name, m_kubectl.name_space(), m_self);
  manifest["metadata"]["resourceVersion"] = present.resource_version;
  const Command command = m_kubectl.replace_and_show(manifest);
  const Output output = m_kubectl.run(command, m_context.deadline);
  for (const json& object : documents(output)) {
    if (text_at(object, {"kind"}) == "Lease") m_held = parse_lease(object);
  }
  if (!m_held || !is_ours(*m_held)) m_held = look();  // someone was faster, or it is gone, or it was not said
  m_took_over = m_held && is_ours(*m_held);
  if (m_took_over) return;
  const std::optional<Lease> winner = std::exchange(m_held, std::nullopt);
  m_unsure = false;
  if (winner && winner->resource_version != present.resource_version) refuse(winner->holder);
  throw Kubectl::explain(command, output);
}

Error ReleaseLock::made_by_others() const {
  return Error(ExitCode::preflight,
               fmt::format("someone else created namespace {} at the same moment", m_kubectl.name_space()),
               "run this again: it will look at what is there")
      .made_nothing();
}

/// A run that got the Lease in a namespace that another one had just made gives way to that one, see `create`.
std::optional<Lease> ReleaseLock::look_until_given_up() const {
  const TimePoint until = m_context.runner.now() + m_kubectl.cluster().pace->patience(giving_way);
  for (;;) {
    std::optional<Lease> present = look();
    if (!present || m_context.runner.now() >= until) return present;
    m_context.runner.wait({}, m_context.runner.now() + look_again);
  }
}

std::optional<Lease> ReleaseLock::look() const {
  const Command question = m_kubectl.get({"lease/" + m_name});
  const json found = Kubectl::parse_items(
      question, m_kubectl.run(question, m_context.runner.now() + m_kubectl.cluster().pace->patience(release_limit)));
  if (found.empty()) return std::nullopt;
  return parse_lease(found.front());
}

/// Only what is as we left it is removed: the options name it.
Command ReleaseLock::removal(const std::string& path, const std::string& uid,
                             const std::string& resource_version) const {
  const ordered_json options = {{"apiVersion", "v1"},
                                {"kind", "DeleteOptions"},
                                {"preconditions", {{"uid", uid}, {"resourceVersion", resource_version}}}};
  Command command = m_kubectl.remove_when_fed(path);
  command.input = json_text(options);
  command.input.pop_back();  // omit the closing brace so that the request stays open
  return command;
}

/// A Secret that went into someone else's new namespace. (They may have put theirs over it: then it stays.)
void ReleaseLock::withdraw(const json& secret) const {
  const std::string path =
      fmt::format("/api/v1/namespaces/{}/secrets/{}", m_kubectl.name_space(), text_at(secret, {"metadata", "name"}));
  finish(*m_context.runner.start(
      removal(path, text_at(secret, {"metadata", "uid"}), text_at(secret, {"metadata", "resourceVersion"}))));
}

Command ReleaseLock::lease_removal() const {
  return removal(fmt::format("/apis/coordination.k8s.io/v1/namespaces/{}/leases/{}", m_kubectl.name_space(), m_name),
                 m_held->uid, m_held->resource_version);
}

bool ReleaseLock::finish(Process& kubectl) const {
  if (kubectl.finished()) return false;  // the server waits a minute for the rest, not longer
  kubectl.feed("}");
  const TimePoint until = m_context.runner.now() + m_kubectl.cluster().pace->patience(release_limit);
  Process* const one = &kubectl;
  bool interrupted = false;
  while (!kubectl.finished() && m_context.runner.now() < until) {
    try {
      m_context.runner.wait({&one, 1}, until);
    } catch (const Interrupted&) {
      // all is done, or undone, and this takes a moment: only the second signal ends it
      if (std::exchange(interrupted, true)) throw;
      m_context.signals.acknowledge();
    }
  }
  const bool gone = failed_with(kubectl, "NotFound");  // with its namespace
  return kubectl.finished() && (kubectl.status() == 0 || gone);
}

void ReleaseLock::prepare_release() {
  if (m_held && !m_releasing) m_releasing = m_context.runner.start(lease_removal());
}

void ReleaseLock::release() {
  if (!m_held && std::exchange(m_unsure, false)) {
    const std::optional<Lease> present = look();
    if (present && is_ours(*present)) m_held = present;
  }
  if (!m_held) return;
  prepare_release();
  const std::unique_ptr<Process> first = std::move(m_releasing);
  const bool given_up = finish(*first);
  const TimePoint until = m_context.runner.now() + m_kubectl.cluster().pace->patience(release_limit);
  for (Duration pause = ask_again; !given_up; pause *= 2) {  // one that failed is tried once more, whatever it says
    const std::unique_ptr<Process> removal = m_context.runner.start(lease_removal());
    if (finish(*removal) || !passing_failure(*removal) || m_context.runner.now() + pause >= until) break;
    m_context.runner.wait({}, m_context.runner.now() + pause);
  }
  m_held.reset();
}

}  // namespace raibid
