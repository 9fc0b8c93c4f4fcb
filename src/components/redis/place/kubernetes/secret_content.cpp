#include "components/redis/place/kubernetes/secret_content.hpp"

#include <nlohmann/json.hpp>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

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
  m_kubectl.run_checked(m_kubectl.merge("secret/" + m_secret, {{"data", data}}), m_deadline());
}

}  // namespace raibid
