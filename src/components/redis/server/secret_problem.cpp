#include "components/redis/server/secret_problem.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "sys/random.hpp"

namespace raibid {

std::string secret_problem(const SecretContent& content) {
  const Login application = application_login(content);
  if (application.password.empty() || value_of(content, acl_key).empty()) return "";
  const std::vector<std::string> hashes = password_hashes(content);
  const auto knows = [](const std::vector<std::string>& all, const Secret& password) {
    return std::find(all.begin(), all.end(), sha256_hex(password.reveal())) != all.end();
  };
  const std::string user = shown_user(application);
  if (hashes.empty()) return fmt::format("users.acl has no user {} with a password", printable(user));
  if (!knows(hashes, application.password)) return "redis-password is no password of users.acl";
  const Secret admin = value_of(content, admin_password_key);
  if (admin.empty()) return "";
  SecretContent of_admin = content;
  of_admin[username_key] = Secret(std::string(admin_user));
  of_admin[password_key] = admin;
  return knows(password_hashes(of_admin), admin) ? "" : "admin-password is no password of users.acl";
}

}  // namespace raibid
