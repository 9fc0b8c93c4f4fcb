#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/secret.hpp"
#include "config/preset.hpp"

namespace raibid {

/// What a Redis' Secret holds, by key; on this machine each key is a file. Beside users.acl:
///   redis-password  of the application's user
///   redis-username  its name, when it is not `default`
///   admin-password  of the user `admin`, with which raibid-cli itself logs in when `default` is off
///   rotated-at      since when two passwords of the application's user hold; internal-rotated-at of the others
///   previous-users  what a change of the users replaced, until the run that changes them has ended
using SecretContent = std::map<std::string, Secret>;

inline constexpr std::string_view default_user = "default";
inline constexpr std::string_view admin_user = "admin";

inline constexpr const char* acl_key = "users.acl";
inline constexpr const char* password_key = "redis-password";
inline constexpr const char* username_key = "redis-username";
inline constexpr const char* admin_password_key = "admin-password";
inline constexpr const char* previous_users_key = "previous-users";
inline constexpr const char* rotated_at_key = "rotated-at";
inline constexpr const char* internal_rotated_at_key = "internal-rotated-at";

/// Who logs in. An empty name is `default`, by the form of AUTH that every version knows; an empty password: nobody
/// logs in.
struct Login {
  Login() = default;
  Login(Secret own_password) : password(std::move(own_password)) {}  // NOLINT(google-explicit-constructor)
  Login(std::string name, Secret own_password) : username(std::move(name)), password(std::move(own_password)) {}

  std::string username;
  Secret password;

  bool operator==(const Login&) const = default;
};

/// The value of a key, empty when it is not there.
Secret value_of(const SecretContent& content, const std::string& key);

/// What applications log in with.
Login application_login(const SecretContent& content);
/// What raibid-cli logs in with for its own work: `admin`, or the application's user while that is `default`.
Login admin_login(const SecretContent& content);
/// The SHA-256 of each password that the ACL file gives this user, in its order.
std::vector<std::string> hashes_of(const Secret& acl, const std::string& user);
/// The same of the application's user.
std::vector<std::string> password_hashes(const SecretContent& content);
/// The name to show: never empty with a password, always empty without one.
std::string shown_user(const Login& login);

/// The rules of an application's user: "resetchannels -@all +get … ~job:*". Patterns and commands stand as they are.
std::string user_rules(const UserSpec& user);

/// The lines of users.acl for the application's user and whoever comes with it. `credentials` are the words that let it
/// in: "#<sha256>", several with a space between, or "nopass". With a user of its own, `default` is off (it keeps its
/// rights, so that a connection from before goes on until it ends) and `admin` may do everything.
std::string application_lines(const UserSpec& user, const std::string& credentials, const Secret& admin_password);
/// The same with the words that let `admin` in.
std::string lines_of_users(const UserSpec& user, const std::string& credentials, const std::string& admin_credentials);

/// `present` with this application's user instead of the one that it has; the passwords, and the other users, stay.
/// `admin_password` is used when the user has a name.
SecretContent with_application_user(SecretContent present, const UserSpec& user, const Secret& admin_password);

/// The names of the users that the ACL file `before` has and `after` has not.
std::vector<std::string> dropped_users(const Secret& before, const Secret& after);

}  // namespace raibid
