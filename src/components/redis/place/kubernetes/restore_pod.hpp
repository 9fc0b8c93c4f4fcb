#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// Where a StatefulSet keeps its data.
struct DataVolume {
  std::string claim;   ///< of pod 0
  std::string folder;  ///< where its container has it
  std::string container;
};
/// std::nullopt when it has no claim.
std::optional<DataVolume> data_volume_of(const nlohmann::json& workload, const std::string& pod);

/// The pod that works in the data folder while Redis is away: the image, the user and the place of Redis' own, its
/// claim, and no label by which a Service could find it.
nlohmann::json restore_pod_manifest(const nlohmann::json& workload, const DataVolume& volume, const std::string& name,
                                    const std::string& run);

/// Works in the data folder of a Redis through such a pod. Everything throws Error (failure) with kubectl's words.
class RestorePod {
 public:
  RestorePod(Context& context, const Kubectl& kubectl, std::string manifest);

  /// It is there and runs. Throws also what keeps it from running, and when another run made a pod of that name.
  void ensure(TimePoint until);
  /// It is gone. A pod that another run made stays.
  void remove(TimePoint until);
  /// Runs a program in it; its standard output.
  std::string run(const std::vector<std::string>& argv, TimePoint until);
  /// The same with a script, whose arguments are $1 …
  std::string script(const std::string& text, std::vector<std::string> arguments, TimePoint until);
  /// Hands out a file of it, piece by piece.
  void download(const std::string& file, const std::function<void(std::string_view)>& take);
  /// Brings a file into it.
  void upload(const std::filesystem::path& file, const std::string& to);

  const std::string& name() const { return m_name; }
  const std::string& manifest() const { return m_manifest; }

 private:
  /// That very run made it.
  bool is_ours(const nlohmann::json& pod) const;

  Context& m_context;
  const Kubectl& m_kubectl;
  std::string m_manifest;
  std::string m_name, m_run;
};

/// Hands out a file of a container, piece by piece. Throws Error (failure).
void read_file_of_pod(Context& context, const Kubectl& kubectl, const std::string& pod, const std::string& container,
                      const std::string& file, const std::function<void(std::string_view)>& take);

/// Scales a StatefulSet, and for 0 waits until its pods are gone. Throws Error (failure).
void scale_workload(Context& context, const Kubectl& kubectl, const std::string& workload, int replicas,
                    const std::vector<std::string>& pods, TimePoint until);

}  // namespace raibid
