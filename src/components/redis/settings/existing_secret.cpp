#include "components/redis/settings/existing_secret.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/settings/spec.hpp"

namespace raibid {

namespace {

constexpr const char* usual_key = "redis-password";
constexpr std::size_t longest_secret_key = 253;

/// What a Secret's key may be (kubernetes.io/docs/concepts/configuration/secret).
bool is_secret_key(const std::string& key) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; };
  return !key.empty() && key.size() <= longest_secret_key && std::all_of(key.begin(), key.end(), fits);
}

}  // namespace

std::string SecretReference::text() const { return key == usual_key ? name : name + "/" + key; }

SecretReference parse_secret_reference(const std::string& text, const std::string& what) {
  const std::size_t slash = text.find('/');
  SecretReference reference{text.substr(0, slash), slash == std::string::npos ? usual_key : text.substr(slash + 1)};
  if (is_dns_subdomain(reference.name) && is_secret_key(reference.key)) return reference;
  throw Error(ExitCode::usage, fmt::format("{}: {} names no key of a Secret", what, in_quotes(text)),
              fmt::format("the form is NAME or NAME/KEY, of a Secret in the release's namespace; without KEY it is {}",
                          usual_key));
}

std::optional<SecretReference> existing_secret_of(const Spec& record) {
  const auto chosen = record.chosen.find("existing-secret");
  if (chosen == record.chosen.end() || chosen->second.values.empty() ||
      chosen->second.values.front() == no_existing_secret)
    return std::nullopt;
  return parse_secret_reference(chosen->second.values.front(), "the recorded --existing-secret");
}

}  // namespace raibid
