#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "sys/process.hpp"
#include "tools/api_kinds.hpp"
#include "tools/api_request.hpp"
#include "tools/cluster.hpp"
#include "tools/served_kinds.hpp"

namespace raibid {

/// What Kubectl's commands are as requests to the API, for one cluster and namespace. A list of requests is nothing
/// when a kind is not in our table (api_kinds.hpp): then only kubectl, which asks the server for its kinds, can do it;
/// and when it is of a namespace and ours is "", which only kubectl fills in from the kubeconfig.
class KubectlApi {
 public:
  using Requests = std::optional<std::vector<ApiRequest>>;

  KubectlApi(const Cluster& cluster, const std::string& name_space, Duration timeout)
      : m_cluster(cluster), m_namespace(name_space), m_timeout(timeout) {}

  struct Filter {
    std::string labels = {}, fields = {};
    bool everywhere = false;     ///< in all namespaces
    bool metadata_only = false;  ///< what the objects hold stays behind
  };
  /// Objects as "kind/name"; what is not there is left out.
  Requests get(const std::vector<std::string>& names) const;
  /// The objects of a manifest (an array), by kind, name and namespace; what is not there is left out.
  Requests get_objects(const nlohmann::json& manifest) const;
  /// All objects of kinds, separated by commas.
  Requests list(const std::string& kinds, const Filter& filter) const;
  /// The list with which a watch begins (ApiAnswer::events).
  Requests watch(const std::string& kind, const std::string& labels) const;
  Requests log(const std::string& pod, const std::string& container, int lines, std::size_t bytes, bool previous) const;
  /// `query`: what is added to each path, "" or "a=b&c=d".
  Requests create(const nlohmann::json& manifest, const std::string& query) const;
  Requests replace(const nlohmann::json& manifest, const std::string& query) const;
  Requests apply(const nlohmann::json& manifest, const std::string& manager) const;
  Requests merge(const std::string& object, const nlohmann::json& patch, const std::string& manager) const;
  /// `options`: DeleteOptions.
  Requests remove(const std::string& object, const nlohmann::json& options, bool absent_is_fine) const;
  /// Several, in the background as kubectl does it; what is not there is fine.
  Requests remove(const std::vector<std::string>& objects) const;
  /// The same by a path of the API; without options they are Command::input.
  static ApiRequest remove_path(const std::string& path, const std::string& options);
  static ApiRequest raw(const std::string& path);
  /// For /api or /apis: all kinds of all groups in one answer.
  static ApiRequest served_kinds(const std::string& path);
  /// The metadata of all objects of these kinds in the namespace.
  Requests list_items(const std::vector<ServedKind>& kinds) const;

  /// The command, with the requests if there are any.
  Command with(Command command, Requests requests, ApiAnswer answer, bool in_order = false) const;
  /// The same for deletions that are over when the objects are gone.
  Command with_end(Command command, Requests requests, Duration gone_within) const;
  /// The same for a connection to a port of a pod.
  Command with_stream(Command command, const std::string& pod, int port) const;

 private:
  bool lacks_namespace(const ApiKind& kind) const;
  std::shared_ptr<ApiRequests> made(const Command& command, std::vector<ApiRequest> requests, ApiAnswer answer) const;
  std::string with_query(const std::string& path, std::vector<std::string> query) const;
  Requests write(const nlohmann::json& manifest, const std::string& method, const std::string& content_type,
                 const std::string& query) const;

  const Cluster& m_cluster;
  const std::string& m_namespace;
  Duration m_timeout;
};

}  // namespace raibid
