#pragma once

#include <nlohmann/json_fwd.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "components/context.hpp"
#include "sys/clock.hpp"
#include "sys/process.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Who holds a Lease, as the Lease says.
struct LeaseHolder {
  std::string operation;  ///< "setup redis"
  std::string host;
  std::string machine;  ///< boot and PID namespace: where `pid` means something
  int pid = 0;
  std::string process;  ///< its start identity, see process_identity
  std::string since;    ///< RFC 3339
  WallTime until{};     ///< when its run's deadline, and the minute for undoing, are over
};

/// A Lease (coordination.k8s.io/v1) of ours in the cluster.
struct Lease {
  LeaseHolder holder;
  std::string uid;
  std::string resource_version;
};

/// This process, as a holder until then.
LeaseHolder this_process(const std::string& operation, WallTime now, WallTime until);
nlohmann::ordered_json lease_manifest(const std::string& name, const std::string& name_space,
                                      const LeaseHolder& holder);
/// What is missing in it is empty: a Lease that says nothing of its holder has expired.
Lease parse_lease(const nlohmann::json& object);

/// Whether someone still works under it. `runs` is asked for a process of this machine: is it there, and the same?
enum class LeaseState { held, dead, expired };
LeaseState lease_state(const LeaseHolder& holder, const std::string& this_machine, WallTime now,
                       const std::function<bool(int pid, const std::string& process)>& runs);

/// The name of the Lease of a release, alone and as `kubectl get -o name` prints it.
std::string lease_name(const std::string& release);
std::string lease_object(const std::string& release);

/// Keeps two runs for one release apart, also of two machines: its Lease in the release's namespace, from `acquire` to
/// the end of the object. The journal does so only for runs that share a RAIBID_HOME.
class ReleaseLock {
 public:
  /// `until` is when the run will have ended, whatever comes.
  ReleaseLock(Context& context, const Kubectl& kubectl, const std::string& release, const std::string& operation,
              TimePoint until);
  /// Gives it up, if that is still to do; says nothing when that fails, for the Lease then runs out by itself.
  ~ReleaseLock();
  ReleaseLock(const ReleaseLock&) = delete;
  ReleaseLock& operator=(const ReleaseLock&) = delete;

  /// What the cluster holds now (std::nullopt for no Lease). Also tells whether ours went with its namespace.
  void seen(std::optional<Lease> lease);

  /// Takes it: by a create, which only one of two can win, or in place of one that died or expired, by a replace that
  /// its version guards. With `name_space` that is created by the same kubectl, and behind both `secret`, a Secret of
  /// that namespace. Nothing happens when it is held already. Returns whether `secret` was made. Throws Error
  /// (preflight, made_nothing) naming the holder when someone else has it; what was made of `secret` is then removed.
  bool acquire(const nlohmann::ordered_json* name_space = nullptr, const nlohmann::ordered_json* secret = nullptr);

  /// Who has it now, when it was held and is not ours any more: this process slept longer than it is valid, or someone
  /// deleted it. std::nullopt while it is ours, and before `acquire`. Asks the cluster, unless it said so less than a
  /// second ago; one that does not answer is asked again until `deadline`. Throws Error when it gives no answer.
  std::optional<Error> taken_over(TimePoint deadline);

  /// Throws as `acquire` would for what was seen, and changes nothing.
  void refuse_if_held() const;
  /// The Lease was a dead or expired run's: nobody works on the release, whatever its state.
  bool took_over() const { return m_took_over; }

  /// Starts the kubectl that will give it up, so that `release` need not wait for one to start.
  void prepare_release();
  /// Gives it up. Nobody is told when that fails: see the destructor.
  void release();

 private:
  bool create(const nlohmann::ordered_json* name_space, const nlohmann::ordered_json* secret);
  void withdraw(const nlohmann::json& secret) const;
  void replace(const Lease& present);
  std::optional<Lease> look() const;
  std::optional<Lease> look_until_given_up() const;
  Error made_by_others() const;
  std::optional<Lease> look_patiently(TimePoint deadline) const;
  void confirmed();
  bool confirmed_just_now() const;
  Error held_by(const LeaseHolder& holder) const;
  [[noreturn]] void refuse(const LeaseHolder& holder) const;
  bool is_ours(const Lease& lease) const;
  Command lease_removal() const;
  Command removal(const std::string& path, const std::string& uid, const std::string& resource_version) const;
  bool finish(Process& kubectl) const;

  Context& m_context;
  const Kubectl& m_kubectl;
  std::string m_name;
  std::string m_release;
  LeaseHolder m_self;
  std::optional<Lease> m_seen;
  std::optional<Lease> m_held;
  std::optional<Error> m_lost;  ///< what taken_over has found
  bool m_unsure = false;        ///< a create or replace may have worked: look before the end
  bool m_took_over = false;
  std::unique_ptr<Process> m_releasing;
  TimePoint m_confirmed{};  ///< when the cluster last said that it is ours, by both clocks: only the wall clock goes on
  WallTime m_confirmed_wall{};  ///< while the machine sleeps
};

}  // namespace raibid
