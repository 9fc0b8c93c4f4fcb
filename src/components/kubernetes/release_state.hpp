#pragma once

#include <nlohmann/json_fwd.hpp>

#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/kubernetes/drift.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// What a Helm release has made, by its own record, and what the cluster holds of it now.
class ReleaseState {
 public:
  /// Nothing is known yet.
  explicit ReleaseState(ReleaseName name);

  /// The cluster's objects cannot be seen. What Helm's records say of the release still counts.
  static ReleaseState not_known(ReleaseName name, std::string why, const nlohmann::json& records);

  /// What there is of the kinds of a release, by its label.
  static Command list(const Kubectl& kubectl, const std::string& release);
  /// The deployed record and that list: can be asked side by side with others.
  static std::vector<Command> questions(const Kubectl& kubectl, const std::string& release);
  /// Takes in their answers. What the manifest has and they do not name is asked for once more, also a Service without
  /// a ready pod when its pod is Ready: the cluster may be about to take note. A question that fails (a right that is
  /// missing) is no Error: then `unknown` says why.
  static ReleaseState read(Context& context, const Kubectl& kubectl, const std::string& release,
                           std::span<const Command> questions, std::span<const Output> answers);
  /// The same from what was found: records (of several revisions, or of all releases) and objects are arrays, and may
  /// have those of others in them.
  static ReleaseState pick(Context& context, const Kubectl& kubectl, const std::string& release,
                           const nlohmann::json& records, const nlohmann::json& objects);

  /// Why the release cannot be compared; "" when it can.
  const std::string& unknown() const { return m_unknown; }
  int revision() const { return m_revision; }
  const ReleaseName& name() const { return m_name; }
  /// The objects of the manifest; empty when Helm's record is not known.
  const nlohmann::json& manifest() const { return *m_manifest; }

  /// Empty when nothing differs, or when unknown.
  const std::vector<Drift>& drift() const { return m_drift; }

  /// The Services of the manifest that lead to no ready pod, and why.
  const std::map<std::string, std::string>& dead_services() const { return m_dead; }

  /// The objects that differ as Helm applies them, by their namespace.
  std::map<std::string, nlohmann::json> repair() const;

  /// The Services whose ports differ, with those of the manifest.
  struct Ports {
    std::string name_space, service;
    const nlohmann::json* ports;
  };
  std::vector<Ports> changed_ports() const;

  /// The manifest's text as an array of objects. Throws Error as parse_yaml.
  static nlohmann::json objects_of(const std::string& manifest);

 private:
  void take_record(const nlohmann::json& records);
  void compare(Context& context, const Kubectl& kubectl, nlohmann::json live);
  void ask_for_the_rest(Context& context, const Kubectl& kubectl, nlohmann::json& live) const;
  void find_dead_services(const nlohmann::json& live);

  ReleaseName m_name;
  std::string m_unknown = "Helm has no deployed revision of it";
  int m_revision = 0;
  std::shared_ptr<nlohmann::json> m_manifest;
  std::vector<Drift> m_drift;
  std::map<std::string, std::string> m_dead;
};

/// A line for a Service of `dead_services`.
std::string dead_service(const std::string& service, const std::string& why);

/// The kinds that `list` asks for.
inline constexpr const char* release_kinds =
    "statefulsets,services,configmaps,networkpolicies,cronjobs.batch,endpointslices.discovery.k8s.io,pods";

}  // namespace raibid
