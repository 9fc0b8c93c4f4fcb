#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <string>

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

  SecretContent read() override;
  void write(const SecretContent& changes) override;

 private:
  Context& m_context;
  const Kubectl& m_kubectl;
  std::string m_secret;
  std::function<TimePoint()> m_deadline;
};

}  // namespace raibid
