#pragma once

#include <optional>
#include <string>

namespace raibid {

struct Spec;

/// --existing-secret none: the password is the release's own again. A Secret of that name is none/redis-password.
inline constexpr const char* no_existing_secret = "none";

/// A key of a Secret in the release's namespace, which something else keeps: --existing-secret NAME[/KEY].
struct SecretReference {
  std::string name;
  std::string key;

  /// "NAME", with "/KEY" for another key than redis-password.
  std::string text() const;
  bool operator==(const SecretReference&) const = default;
};

/// `what` is how the option was given. Throws Error (usage) for a name or key that no Secret can have.
SecretReference parse_secret_reference(const std::string& text, const std::string& what);

/// The one that a Redis was set up with, if any.
std::optional<SecretReference> existing_secret_of(const Spec& record);

}  // namespace raibid
