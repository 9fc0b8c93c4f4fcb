#include "components/redis/place/kubernetes/secret_content.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {
constexpr const char* changed_users_annotation = "raibid-cli/users";
}  // namespace

SecretContent content_of(const nlohmann::json* secret) {
  SecretContent content;
  if (secret == nullptr || !secret->is_object() || !secret->contains("data") || !(*secret)["data"].is_object())
    return content;
  for (const auto& [key, value] : (*secret)["data"].items()) {
    if (value.is_string()) content.emplace(key, base64_decode(value.get_ref<const std::string&>()));
  }
  return content;
}

SecretContent SecretStore::read() {
  const Command question = m_kubectl.get({"secret/" + m_secret});
  const nlohmann::json found = Kubectl::parse_items(question, m_kubectl.ask(question, m_deadline()));
  if (found.empty()) {
    throw Error(ExitCode::failure, fmt::format("Secret {} is gone", m_secret),
                "setup makes it again: " + m_context.scope().command("setup redis"));
  }
  return content_of(&found.front());
}

void SecretStore::write(const SecretContent& changes) {
  if (changes.empty()) return;
  nlohmann::ordered_json data = nlohmann::ordered_json::object();
  for (const auto& [key, value] : changes) {
    data[key] = value.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(base64_encode(value.reveal()));
  }
  const Command command = m_kubectl.merge("secret/" + m_secret, {{"data", data}});
  m_kubectl.run_checked(command, m_deadline());
  const bool is_mounted =
      std::any_of(changes.begin(), changes.end(), [](const auto& entry) { return entry.first != previous_users_key; });
  if (!is_mounted || m_pods.empty()) return;
  // any change of a pod makes its kubelet look at what it mounts; a login that may not change pods waits
  std::vector<Command> hints;
  const std::string time = rfc3339(m_context.clock.wall());
  for (const std::string& pod : m_pods)
    hints.push_back(
        m_kubectl.merge("pod/" + pod, {{"metadata", {{"annotations", {{changed_users_annotation, time}}}}}}));
  m_kubectl.run(hints, m_deadline());
}

}  // namespace raibid
