#pragma once

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/kubernetes/deletion.hpp"
#include "components/kubernetes/release_state.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/settings/spec.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// What a cluster holds of one release, as status reads it: objects, and Helm's newest record.
class FoundRelease {
 public:
  FoundRelease(std::string name_space, std::string release);
  ~FoundRelease();
  FoundRelease(FoundRelease&& other) noexcept;
  FoundRelease& operator=(FoundRelease&& other) noexcept;

  const std::string& name_space() const { return m_namespace; }
  const std::string& release() const { return m_release; }

  /// Of kind Secret, StatefulSet, Pod, PersistentVolumeClaim, CronJob, or (when the login may see it) Namespace or
  /// PersistentVolume; nullptr when it is not there.
  const nlohmann::json* object(const std::string& kind) const;
  /// "NAME", or "NAMESPACE/NAME" for one of another namespace.
  const nlohmann::json* service(const std::string& name) const;
  /// Helm's labels on its newest record; nullptr when there is none.
  const nlohmann::json* record() const;
  /// Everything found that is being deleted.
  std::vector<Deletion> deletions() const;
  bool installed() const { return record() != nullptr || object("StatefulSet") != nullptr; }
  /// The Secret that the pod mounts for TLS; nullptr when there is none, or Redis is plain.
  const nlohmann::json* certificate() const;
  void take_certificate(const nlohmann::json& secret);
  /// As setup annotated it; empty for a release not set up by raibid-cli. Throws as parse_spec.
  Spec spec() const;

  /// How it differs from Helm's record of it.
  const ReleaseState& state() const { return m_state; }
  void take_state(ReleaseState state) { m_state = std::move(state); }

  /// Takes in what belongs to this release by name; the rest is left alone.
  void take(const nlohmann::json& object);
  void take_record(const nlohmann::json& labels);

 private:
  std::string m_namespace;
  std::string m_release;
  std::unique_ptr<nlohmann::json> m_found;
  ReleaseState m_state;
};

/// Asks for one release, and for the Services that its spec (or `services`) names. Throws Error (preflight) when the
/// cluster does not answer.
FoundRelease look_at_release(Context& context, const Kubectl& kubectl, const std::string& release,
                             const std::vector<std::string>& services);

/// Every release of the cluster that setup made. A login that may not look into all namespaces sees those of
/// `credentials`. Throws as look_at_release.
std::vector<FoundRelease> look_at_all_releases(Context& context, const Kubectl& kubectl,
                                               const std::vector<Credentials>& credentials);

}  // namespace raibid
