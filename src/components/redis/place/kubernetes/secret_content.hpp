#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "components/context.hpp"
#include "components/redis/run/users.hpp"
#include "tools/kubectl.hpp"

namespace raibid {

/// The keys of a Secret as the API gives it; empty for none, and without what is not base64 text.
SecretContent content_of(const nlohmann::json* secret);

/// The users of a release: its Secret. Read and changed (a merge patch, from standard input) until `deadline`.
class SecretStore final : public UserStore {
 public:
  SecretStore(Context& context, const Kubectl& kubectl, std::string secret, std::function<TimePoint()> deadline)
      : m_context(context), m_kubectl(kubectl), m_secret(std::move(secret)), m_deadline(std::move(deadline)) {}

  /// Pods that mount it: their kubelets are told to bring a change into them at once. Else that takes a minute or two,
  /// and a server that crashes meanwhile starts with what was there before.
  void tell_pods(std::vector<std::string> pods) { m_pods = std::move(pods); }

  SecretContent read() override;
  void write(const SecretContent& changes) override;

 private:
  Context& m_context;
  const Kubectl& m_kubectl;
  std::string m_secret;
  std::vector<std::string> m_pods;
  std::function<TimePoint()> m_deadline;
};

}  // namespace raibid
