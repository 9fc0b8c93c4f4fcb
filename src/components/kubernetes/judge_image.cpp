#include "components/kubernetes/judge_image.hpp"

#include "components/kubernetes/json_view.hpp"
#include "components/kubernetes/judges.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <vector>

namespace raibid {

namespace {

using nlohmann::json;

/// One way in which a pull fails: any of `signs` in the runtime's words means it.
struct PullFailure {
  std::vector<std::string_view> signs;
  std::string_view reason;
  std::string_view text;  ///< {image} {node} {registry} {cause}
  std::string_view hint;  ///< {image} {registry} {make_secret}
};

/// The first that fits: what keeps the node from the registry at all comes before what the registry says.
const std::vector<PullFailure>& pull_failures() {
  static const std::vector<PullFailure> table = {
      {{"toomanyrequests", "429 Too Many Requests", "rate limit"},
       "image-rate-limit",
       "registry {registry} refuses more pulls from this address for now: {image} ({cause})",
       "log in, which raises the limit ({make_secret}; then --set 'global.imagePullSecrets[0]=registry-login'), or "
       "name a mirror with --image"},
      {{"no match for platform", "no matching manifest for"},
       "image-platform",
       "image {image} has no build for the architecture of node {node} ({cause})",
       "choose an image built for that architecture with --image"},
      {{"dial tcp", "no such host", "i/o timeout", "connection refused", "connection reset", "network is unreachable",
        "no route to host", "TLS handshake", "tls: ", "x509: ", "Client.Timeout", "context deadline exceeded",
        "server gave HTTP response to HTTPS client", "proxyconnect", "unexpected EOF", "502 Bad Gateway",
        "503 Service Unavailable"},
       "registry-unreachable",
       "node {node} cannot reach registry {registry} for image {image}: {cause}",
       "see DNS, proxy and firewall of the node; without a way to the registry, load the image into the node (k3s: k3s "
       "ctr images import FILE) "
       "or name one in a registry it reaches with --image"},
      {{"401 Unauthorized", "403 Forbidden", "unauthorized", "authentication required", "no basic auth credentials",
        "authorization failed", "pull access denied", "requested access to the resource is denied", "denied: "},
       "image-login",
       "registry {registry} requires a login for image {image}, or has no such repository: {cause}",
       "if the name is right, log in: {make_secret}; then --set 'global.imagePullSecrets[0]=registry-login'"},
      {{"not found", "manifest unknown", "name unknown", "does not exist"},
       "image-not-found",
       "image {image} does not exist in registry {registry}: no such repository or tag ({cause})",
       "name one that exists with --image REPOSITORY:TAG"},
  };
  return table;
}

/// When none of them fits.
const PullFailure& unknown_failure() {
  static const PullFailure row = {{},
                                  "image-pull",
                                  "node {node} cannot pull image {image}: {cause}",
                                  "see the node's container runtime and disk, and the image's name"};
  return row;
}

/// Docker's own registry when the first part of the name is no host.
std::string registry_of(const std::string& image) {
  const std::size_t slash = image.find('/');
  const std::string first = image.substr(0, slash);
  const bool host =
      slash != std::string::npos && (contains(first, ".") || contains(first, ":") || first == "localhost");
  return host ? first : "docker.io";
}

/// The runtime's words without the steps that lead to them, each of which repeats the image's name.
std::string pull_failure(std::string_view words) {
  for (const std::string_view step : {"ErrImagePull: ", "rpc error: code = ", "failed to pull and unpack image ",
                                      "failed to resolve reference ", "failed to do request: "}) {
    const std::string_view rest = behind(words, step);
    if (rest.empty()) continue;
    const std::string_view end = step.starts_with("rpc") ? " desc = " : step.starts_with("failed") ? ": " : "";
    if (const std::string_view shorter = end.empty() ? rest : behind(rest, end); !shorter.empty()) words = shorter;
  }
  if (words.starts_with("\"http") || words.starts_with("//")) words = behind(words, "\": ");
  return std::string(words);
}

/// Pull failures so far, and the last one's words.
struct Pulls {
  int failures = 0;
  std::string words;
};

Pulls failed_pulls(const Observation& seen, const std::string& container) {
  Pulls pulls;
  const std::string uid = text_at(*seen.pod, {"metadata", "uid"});
  for (const SeenEvent& event : seen.events) {
    if (event.kind != "Pod" || event.uid != uid || event.container != container || event.reason != "Failed") continue;
    if (!event.message.starts_with("Failed to pull image ")) continue;
    pulls.failures += event.count;
    pulls.words = behind(event.message, "\": ");
  }
  return pulls;
}

Judgement judge_pull(const Observation& seen, const std::string& image, Pulls pulls) {
  const std::vector<PullFailure>& table = pull_failures();
  const auto fits = [&](const PullFailure& row) {
    return std::any_of(row.signs.begin(), row.signs.end(),
                       [&](std::string_view sign) { return contains(pulls.words, sign); });
  };
  const auto found = std::find_if(table.begin(), table.end(), fits);
  const PullFailure& row = found == table.end() ? unknown_failure() : *found;
  const std::string registry = registry_of(image);
  const std::string make_secret = seen.command({"create", "secret", "docker-registry", "registry-login",
                                                "--docker-server=" + registry, "--docker-username=NAME"});
  const auto fill = [&](std::string_view text) {
    return fmt::format(fmt::runtime(text), fmt::arg("image", image), fmt::arg("registry", registry),
                       fmt::arg("make_secret", make_secret), fmt::arg("node", text_at(*seen.pod, {"spec", "nodeName"})),
                       fmt::arg("cause", pull_failure(pulls.words)));
  };
  Judgement result = judgement(row.reason, fill(row.text), fill(row.hint));
  result.failures = std::max(pulls.failures, 1);
  return result;
}

std::string image_of(const Observation& seen, const json& status) {
  const std::string name = text_at(status, {"name"});
  for (const std::string_view kind : {"containers", "initContainers"}) {
    for (const json& container : items_at(*seen.pod, {"spec", kind})) {
      if (text_at(container, {"name"}) == name) return text_at(container, {"image"});
    }
  }
  return text_at(status, {"image"});
}

}  // namespace

std::optional<Judgement> judge_image(const Observation& seen, const json& status) {
  const std::string waiting = waiting_reason(status);
  if (waiting.empty()) return std::nullopt;
  const std::string container = text_at(status, {"name"});
  const std::string message = text_at(status, {"state", "waiting", "message"});
  const std::string image = image_of(seen, status);
  if (waiting == "InvalidImageName") {
    return judgement(
        "invalid-image-name",
        fmt::format("container {} of pod {} has an invalid image name: {} ({})", container, pod_name(seen), image,
                    message.substr(message.rfind(": ") == std::string::npos ? 0 : message.rfind(": ") + 2)),
        "write it as REPOSITORY:TAG, in lower case, with --image");
  }
  if (waiting == "ErrImageNeverPull") {
    return judgement("image-never",
                     fmt::format("image {} is not on node {}, and its pull policy Never forbids to fetch it", image,
                                 text_at(*seen.pod, {"spec", "nodeName"})),
                     "load it into the node (k3s: k3s ctr images import FILE), or allow the pull: --set "
                     "image.pullPolicy=IfNotPresent");
  }
  Pulls pulls = failed_pulls(seen, container);
  const bool pulling_fails = waiting == "ErrImagePull" || waiting == "ImagePullBackOff" ||
                             waiting == "RegistryUnavailable" || waiting == "ImageInspectError" ||
                             waiting == "SignatureValidationFailed";
  // the events come up to a second before the status
  const SeenEvent* last = last_pod_event(seen, {"Pulling", "Pulled", "Failed", "BackOff"}, container);
  const bool said_so = pulls.failures > 0 && last != nullptr && (last->reason == "Failed" || last->reason == "BackOff");
  if (!pulling_fails && !said_so) return std::nullopt;
  if (pulls.words.empty()) pulls.words = message;
  return judge_pull(seen, image, pulls);
}

}  // namespace raibid
