#include "components/redis/server/users.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/server/node_users.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

using namespace std::string_view_literals;

/// Those that are neither the application's nor raibid-cli's.
constexpr std::array helpers = {"health"sv, "replica"sv, "sentinel"sv, "exporter"sv, "trim"sv, "tls"sv, "backup"sv};

/// "user NAME …": its name, "" for another line.
std::string name_in(const std::string& line) {
  const std::vector<std::string> words = split(trim(line), ' ');
  return words.size() > 1 && words[0] == "user" ? words[1] : "";
}

bool is_helper(const std::string& name) { return std::find(helpers.begin(), helpers.end(), name) != helpers.end(); }

/// The words of a user's line that let someone in.
std::string credentials_in(const std::string& line) {
  std::vector<std::string> words = split(trim(line), ' ');
  std::erase_if(words, [](const std::string& word) { return word != "nopass" && !word.starts_with('#'); });
  return join(words, " ");
}

}  // namespace

Secret value_of(const SecretContent& content, const std::string& key) {
  const auto found = content.find(key);
  return found == content.end() ? Secret() : found->second;
}

Login application_login(const SecretContent& content) {
  return {value_of(content, username_key).reveal(), value_of(content, password_key)};
}

Login admin_login(const SecretContent& content) {
  const Secret admin = value_of(content, admin_password_key);
  return admin.empty() ? application_login(content) : Login(std::string(admin_user), admin);
}

std::string shown_user(const Login& login) {
  if (login.password.empty()) return "";
  return login.username.empty() ? std::string(default_user) : login.username;
}

std::vector<std::string> hashes_of(const Secret& acl, const std::string& user) {
  std::vector<std::string> hashes;
  for (const std::string& line : split(acl.reveal(), '\n')) {
    if (user.empty() || name_in(line) != user) continue;
    for (const std::string& word : split(credentials_in(line), ' ')) {
      if (word.starts_with('#')) hashes.push_back(word.substr(1));
    }
  }
  return hashes;
}

std::vector<std::string> password_hashes(const SecretContent& content) {
  return hashes_of(value_of(content, acl_key), shown_user(application_login(content)));
}

std::string user_rules(const UserSpec& user) {
  std::string text = "resetchannels -@all";
  for (const std::string& command : user.commands) text += " +" + command;
  for (const std::string& key : user.keys) text += " ~" + key;
  for (const std::string& channel : user.channels) text += " &" + channel;
  return text;
}

std::string application_lines(const UserSpec& user, const std::string& credentials, const Secret& admin_password) {
  return lines_of_users(user, credentials, "#" + sha256_hex(admin_password.reveal()));
}

std::string lines_of_users(const UserSpec& user, const std::string& credentials, const std::string& admin_credentials) {
  if (user.name.empty()) return fmt::format("user default on {} ~* &* +@all\n", credentials);
  return fmt::format(
      "user default off ~* &* +@all\n"
      "user {} on {} ~* &* +@all\n"
      "user {} on {} {}\n",
      admin_user, admin_credentials, user.name, credentials, user_rules(user));
}

SecretContent with_application_user(SecretContent present, const UserSpec& user, const Secret& admin_password) {
  const Login now = application_login(present);
  std::string others;
  std::string credentials;
  std::string admin;
  for (const std::string& line : split(value_of(present, acl_key).reveal(), '\n')) {
    const std::string name = name_in(line);
    if (name == shown_user(now)) credentials = credentials_in(line);
    if (name == admin_user) admin = credentials_in(line);
    if (is_helper(name)) others += line + "\n";
  }
  if (credentials.empty()) credentials = now.password.empty() ? "nopass" : "#" + sha256_hex(now.password.reveal());
  std::string lines = application_lines(user, credentials, admin_password);
  // while its password is rotated `admin` has two
  const std::string own = "#" + sha256_hex(admin_password.reveal());
  const std::size_t at = lines.find(own);
  if (at != std::string::npos && admin.find(own) != std::string::npos) lines.replace(at, own.size(), admin);
  present[acl_key] = Secret(lines + others);
  if (user.name.empty()) {
    present.erase(username_key);
    present.erase(admin_password_key);
  } else {
    present[username_key] = Secret(user.name);
    present[admin_password_key] = admin_password;
  }
  return with_node_files(std::move(present));
}

std::vector<std::string> dropped_users(const Secret& before, const Secret& after) {
  std::vector<std::string> kept;
  for (const std::string& line : split(after.reveal(), '\n')) kept.push_back(name_in(line));
  std::vector<std::string> gone;
  for (const std::string& line : split(before.reveal(), '\n')) {
    const std::string name = name_in(line);
    if (!name.empty() && std::find(kept.begin(), kept.end(), name) == kept.end()) gone.push_back(name);
  }
  return gone;
}

}  // namespace raibid
