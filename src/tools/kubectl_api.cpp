#include "tools/kubectl_api.hpp"

#include "base/json.hpp"
#include "base/strings.hpp"
#include "tools/api_kinds.hpp"
#include "tools/diagnosis.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <utility>

namespace raibid {

using nlohmann::json;

namespace {

constexpr auto json_type = "application/json";
constexpr auto merge_type = "application/merge-patch+json";
/// JSON is YAML.
constexpr auto apply_type = "application/apply-patch+yaml";
constexpr auto metadata_type =
    "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;q=0.9";
/// Kubernetes 1.30, 1.26, and before that only the names of the groups.
constexpr auto discovery_type =
    "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json;q=0.9";

/// "/k8s/clusters/c-1" of "https://host/k8s/clusters/c-1/".
std::string path_of(const std::string& server) {
  const std::size_t host = server.find("://");
  const std::size_t slash = server.find('/', host == std::string::npos ? 0 : host + 3);
  std::string path = slash == std::string::npos ? "" : server.substr(slash);
  while (path.ends_with('/')) path.pop_back();
  return path;
}

/// The kind and the name of "kind/name".
std::pair<const ApiKind*, std::string> named_object(const std::string& object) {
  const std::size_t slash = object.find('/');
  if (slash == std::string::npos) return {nullptr, {}};
  return {find_kind(std::string_view(object).substr(0, slash)), object.substr(slash + 1)};
}

/// The objects of a manifest: of a List, of an array, or the one that it is.
std::vector<const json*> objects_of(const json& manifest) {
  std::vector<const json*> objects;
  const bool list = manifest.is_object() && manifest.contains("items");
  const json& items = list ? manifest["items"] : manifest;
  if (!items.is_array()) return {&manifest};
  for (const json& item : items) objects.push_back(&item);
  return objects;
}

const ApiKind* kind_of(const json& object) {
  return find_kind(object.value("apiVersion", ""), object.value("kind", ""));
}

std::string query_of(const std::string& name, const std::string& value) { return name + "=" + url_escape(value); }

}  // namespace

std::string KubectlApi::with_query(const std::string& path, std::vector<std::string> query) const {
  std::erase(query, std::string());
  // the server gives up when we do
  if (m_timeout != Duration::zero())
    query.push_back(fmt::format("timeout={}s", std::chrono::ceil<std::chrono::seconds>(m_timeout).count()));
  return query.empty() ? path : path + "?" + join(query, "&");
}

bool KubectlApi::lacks_namespace(const ApiKind& kind) const { return kind.namespaced && m_namespace.empty(); }

KubectlApi::Requests KubectlApi::get(const std::vector<std::string>& names) const {
  std::vector<ApiRequest> requests;
  for (const std::string& object : names) {
    const auto& [kind, name] = named_object(object);
    if (kind == nullptr || lacks_namespace(*kind)) return std::nullopt;
    ApiRequest request{"GET", with_query(object_path(*kind, m_namespace, name), {})};
    request.absent_is_fine = true;
    requests.push_back(std::move(request));
  }
  return requests;
}

KubectlApi::Requests KubectlApi::get_objects(const json& manifest) const {
  std::vector<ApiRequest> requests;
  for (const json* object : objects_of(manifest)) {
    const ApiKind* const kind = kind_of(*object);
    const json& metadata = object->at("metadata");
    if (kind == nullptr || (lacks_namespace(*kind) && !metadata.contains("namespace"))) return std::nullopt;
    ApiRequest request{
        "GET",
        with_query(object_path(*kind, metadata.value("namespace", m_namespace), metadata.value("name", "")), {})};
    request.absent_is_fine = true;
    requests.push_back(std::move(request));
  }
  return requests;
}

KubectlApi::Requests KubectlApi::list(const std::string& kinds, const Filter& filter) const {
  std::vector<ApiRequest> requests;
  for (const std::string& name : split(kinds, ',')) {
    const ApiKind* const kind = find_kind(name);
    if (kind == nullptr || (lacks_namespace(*kind) && !filter.everywhere)) return std::nullopt;
    const std::vector<std::string> query = {filter.labels.empty() ? "" : query_of("labelSelector", filter.labels),
                                            filter.fields.empty() ? "" : query_of("fieldSelector", filter.fields)};
    ApiRequest request{"GET", with_query(collection_path(*kind, filter.everywhere ? "" : m_namespace), query)};
    request.item_members = fmt::format(R"("apiVersion":"{}","kind":"{}",)", kind->api_version(), kind->kind);
    if (filter.metadata_only) request.accept = metadata_type;
    requests.push_back(std::move(request));
  }
  return requests;
}

KubectlApi::Requests KubectlApi::watch(const std::string& kind, const std::string& labels) const {
  return list(kind, {.labels = labels});
}

KubectlApi::Requests KubectlApi::log(const std::string& pod, const std::string& container, int lines, std::size_t bytes,
                                     bool previous) const {
  if (m_namespace.empty()) return std::nullopt;
  ApiRequest request{"GET", with_query(object_path(*find_kind("pods"), m_namespace, pod) + "/log",
                                       {query_of("container", container), fmt::format("tailLines={}", lines),
                                        fmt::format("limitBytes={}", bytes), previous ? "previous=true" : ""})};
  request.accept = "*/*";
  return std::vector<ApiRequest>{std::move(request)};
}

KubectlApi::Requests KubectlApi::write(const json& manifest, const std::string& method, const std::string& content_type,
                                       const std::string& query) const {
  std::vector<ApiRequest> requests;
  for (const json* object : objects_of(manifest)) {
    const ApiKind* const kind = kind_of(*object);
    const json metadata = object->value("metadata", json::object());
    if (kind == nullptr || (lacks_namespace(*kind) && !metadata.contains("namespace"))) return std::nullopt;
    const std::string space = metadata.value("namespace", m_namespace);
    const std::string path =
        method == "POST" ? collection_path(*kind, space) : object_path(*kind, space, metadata.value("name", ""));
    requests.push_back({method, with_query(path, {query}), content_type, json_text(*object)});
  }
  return requests;
}

KubectlApi::Requests KubectlApi::create(const json& manifest, const std::string& query) const {
  return write(manifest, "POST", json_type, query);
}

KubectlApi::Requests KubectlApi::replace(const json& manifest, const std::string& query) const {
  return write(manifest, "PUT", json_type, query);
}

KubectlApi::Requests KubectlApi::apply(const json& manifest, const std::string& manager) const {
  return write(manifest, "PATCH", apply_type, "fieldManager=" + manager + "&force=true&fieldValidation=Ignore");
}

KubectlApi::Requests KubectlApi::merge(const std::string& object, const json& patch, const std::string& manager) const {
  const auto& [kind, name] = named_object(object);
  if (kind == nullptr || lacks_namespace(*kind)) return std::nullopt;
  return std::vector<ApiRequest>{{"PATCH",
                                  with_query(object_path(*kind, m_namespace, name), {"fieldManager=" + manager}),
                                  merge_type, json_text(patch)}};
}

KubectlApi::Requests KubectlApi::remove(const std::string& object, const json& options, bool absent_is_fine) const {
  const auto& [kind, name] = named_object(object);
  if (kind == nullptr || lacks_namespace(*kind)) return std::nullopt;
  ApiRequest request = remove_path(with_query(object_path(*kind, m_namespace, name), {}), json_text(options));
  request.absent_is_fine = absent_is_fine;
  return std::vector<ApiRequest>{std::move(request)};
}

KubectlApi::Requests KubectlApi::remove(const std::vector<std::string>& objects) const {
  std::vector<ApiRequest> requests;
  for (const std::string& object : objects) {
    Requests one = remove(object, {{"propagationPolicy", "Background"}}, true);
    if (!one) return std::nullopt;
    requests.push_back(std::move(one->front()));
  }
  return requests;
}

ApiRequest KubectlApi::remove_path(const std::string& path, const std::string& options) {
  return {"DELETE", path, json_type, options};
}

ApiRequest KubectlApi::raw(const std::string& path) { return {"GET", path}; }

ApiRequest KubectlApi::served_kinds(const std::string& path) {
  ApiRequest request = raw(path);
  request.accept = discovery_type;
  return request;
}

KubectlApi::Requests KubectlApi::list_items(const std::vector<ServedKind>& kinds) const {
  if (m_namespace.empty()) return std::nullopt;
  std::vector<ApiRequest> requests;
  for (const ServedKind& kind : kinds) {
    const std::string root = kind.group.empty() ? "/api/" : fmt::format("/apis/{}/", url_escape(kind.group));
    ApiRequest request{"GET", with_query(fmt::format("{}{}/namespaces/{}/{}", root, url_escape(kind.version),
                                                     url_escape(m_namespace), url_escape(kind.plural)),
                                         {})};
    request.accept = metadata_type;
    request.absent_is_fine = true;
    const json served = {{"servedKind", kind.kind}, {"servedVersion", kind.api_version()}};
    const std::string members = json_text(served);
    request.item_members = members.substr(1, members.size() - 2) + ",";
    requests.push_back(std::move(request));
  }
  return requests;
}

std::shared_ptr<ApiRequests> KubectlApi::made(const Command& command, std::vector<ApiRequest> requests,
                                              ApiAnswer answer) const {
  auto api = std::make_shared<ApiRequests>();
  api->kubectl = {"kubectl"};
  for (const char* flag : {"--kubeconfig", "--context"}) {
    if (const std::string value = flag_value(command, flag); !value.empty())
      api->kubectl.insert(api->kubectl.end(), {flag, value});
  }
  api->environment = long_child_environment();  // it lives as long as the run
  for (const auto& variable : command.environment) {
    if (!variable.first.starts_with("GO")) api->environment.push_back(variable);
  }
  api->prefix = path_of(m_cluster.server);
  api->requests = std::move(requests);
  api->answer = answer;
  api->timeout = m_timeout;
  return api;
}

Command KubectlApi::with(Command command, Requests requests, ApiAnswer answer, bool in_order) const {
  if (!requests) return command;
  const std::shared_ptr<ApiRequests> api = made(command, std::move(*requests), answer);
  api->in_order = in_order;
  api->body_is_input = command.input_follows;
  command.api = api;
  return command;
}

Command KubectlApi::with_end(Command command, Requests requests, Duration gone_within) const {
  if (!requests) return command;
  const std::shared_ptr<ApiRequests> api = made(command, std::move(*requests), ApiAnswer::nothing);
  api->gone_within = gone_within;
  command.api = api;
  return command;
}

// kubernetes.io: API reference, connect GET PortforwardPod
Command KubectlApi::with_stream(Command command, const std::string& pod, int port) const {
  if (m_namespace.empty()) return command;
  ApiRequest request;
  request.path =
      fmt::format("/api/v1/namespaces/{}/pods/{}/portforward?ports={}", url_escape(m_namespace), url_escape(pod), port);
  const std::shared_ptr<ApiRequests> api = made(command, {request}, ApiAnswer::nothing);
  api->stream = true;
  command.api = api;
  return command;
}

}  // namespace raibid
