#include "components/redis/place/kubernetes/node_certificates.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/place/kubernetes/release_reader.hpp"
#include "components/redis/server/certificates.hpp"
#include "tools/certificate.hpp"

namespace raibid {

namespace {

using nlohmann::json;

constexpr Duration look_at_start_again = std::chrono::milliseconds(500);
/// The kubelet starts a container again at once, and after ten seconds when it has done so not long ago.
constexpr Duration start_patience = std::chrono::seconds(60);
constexpr const char* proxies_annotation = "raibid-cli/certificate";

/// A connection by the first of these that the server can be verified with.
std::unique_ptr<RedisConnection> by_any(NodeWays& ways, const std::vector<TlsClient>& known,
                                        const std::function<std::unique_ptr<RedisConnection>()>& connect) {
  std::optional<Error> first;
  for (const TlsClient& one : known) {
    ways.speak_tls(one);
    try {
      return connect();
    } catch (const Error& error) {
      if (!first) first = error;
    }
  }
  throw *first;
}

std::string shown_by(const RedisConnection& redis) {
  return read_der_certificate(redis.peer_certificate(), "what it shows").fingerprint;
}

}  // namespace

void NodeCertificates::serve(const SecretContent& content, const std::vector<TlsClient>& known,
                             bool client_certificates, TimePoint until) const {
  const Command question = kubectl.get(ways.names().pod_objects(ways.nodes()));
  const json present = Kubectl::parse_items(question, kubectl.ask(question, until));
  for (const json& pod : present) {
    if (!container_runs(pod, redis_container)) continue;  // it reads the files at its start
    const std::string name = text_at(pod, {"metadata", "name"});
    const int node = ways.names().node_of(name);
    certificates.serve(name, nullptr, content,
                       [&] { return by_any(ways, known, [&] { return ways.node(node, until); }); });
  }
  const std::string fingerprint =
      read_certificate(value_of(content, tls_certificate_key).reveal(), "the certificate").fingerprint;
  for (const json& pod : present) {
    if (container_runs(pod, sentinel_container))
      start_sentinel_again(ways.names().node_of(text_at(pod, {"metadata", "name"})), known, fingerprint, until);
  }
  if (client_certificates) start_proxies_again(fingerprint, until);
}

void NodeCertificates::start_sentinel_again(int node, const std::vector<TlsClient>& known,
                                            const std::string& fingerprint, TimePoint until) const {
  const auto connect = [&] { return by_any(ways, known, [&] { return ways.sentinel(node, until); }); };
  try {
    connect()->command({"SHUTDOWN"});
  } catch (const Error&) {
    // its end is the answer; one that is starting already is waited for
  }
  const TimePoint patience = std::min(until, context.runner.now() + context.pace->patience(start_patience));
  std::string why;
  for (;;) {
    try {
      const auto sentinel = connect();
      ServerNode::Sentinel now;
      read_sentinel(*sentinel, now);
      why = now.objection;
      if (shown_by(*sentinel) != fingerprint) why = "it still shows another certificate";
      if (why.empty()) return;
    } catch (const Error& error) {
      why = error.message();
    }
    if (context.runner.now() >= patience) break;
    context.runner.wait({}, context.runner.now() + look_at_start_again);
  }
  throw Error(
      ExitCode::failure,
      fmt::format("the sentinel of {} is not back with the new certificate: {}", ways.names().pod_of(node), why),
      "see its log: " + kubectl.for_people({"logs", ways.names().pod_of(node), "-c", sentinel_container}));
}

void NodeCertificates::start_proxies_again(const std::string& fingerprint, TimePoint until) const {
  const std::string proxies = "deployment/" + ways.names().proxy;
  const json annotations = {{proxies_annotation, fingerprint.substr(0, 16)}};
  kubectl.run_checked(
      kubectl.merge(proxies, {{"spec", {{"template", {{"metadata", {{"annotations", annotations}}}}}}}}), until);
  const Command question = kubectl.get({proxies});
  for (;;) {
    const json found = Kubectl::parse_items(question, kubectl.ask(question, until));
    if (found.empty()) return;
    const json& now = found.front();
    const auto wanted = number_at(now, {"spec", "replicas"});
    const bool is_seen = number_at(now, {"status", "observedGeneration"}) >= number_at(now, {"metadata", "generation"});
    if (is_seen && number_at(now, {"status", "updatedReplicas"}) == wanted &&
        number_at(now, {"status", "availableReplicas"}) == wanted && number_at(now, {"status", "replicas"}) == wanted)
      return;
    if (context.runner.now() >= until)
      throw Error(ExitCode::failure, "the proxies have not started again in time",
                  "see why: " + kubectl.for_people({"describe", "deployment", ways.names().proxy}));
    context.runner.wait({}, context.runner.now() + look_at_start_again);
  }
}

}  // namespace raibid
