#include "components/redis/server/rotation.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "base/json.hpp"
#include "base/strings.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/password.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

constexpr const char* exporter_key = "exporter.json";
constexpr const char* trim_key = "trim-password";

/// The ACL file with these hashes as the only passwords of a user that has some.
Secret with_hashes(const Secret& acl, const std::string& user, const std::vector<std::string>& hashes) {
  std::string text;
  for (const std::string& line : split(acl.reveal(), '\n')) {
    std::vector<std::string> words = split(line, ' ');
    if (words.size() > 2 && words[0] == "user" && words[1] == user) {
      std::erase_if(words, [](const std::string& word) { return word.starts_with('#') || word == "nopass"; });
      for (std::size_t i = 0; i < hashes.size(); ++i)
        words.insert(words.begin() + static_cast<std::ptrdiff_t>(3 + i), "#" + hashes[i]);
    }
    if (!line.empty()) text += join(words, " ") + "\n";
  }
  return Secret(text);
}

void set_acl(SecretContent& content, const std::string& user, const std::vector<std::string>& hashes) {
  content[acl_key] = with_hashes(value_of(content, acl_key), user, hashes);
}

std::optional<WallTime> time_in(const SecretContent& content, const char* key) {
  return parse_rfc3339(value_of(content, key).reveal());
}

/// exporter.json: the password by each address of the server.
Secret exporter_file(const Secret& password) { return secret_content(Secret(), password).at(exporter_key); }

/// The password in exporter.json; "" when it has none that can be read.
Secret exporter_password(const SecretContent& content) {
  const nlohmann::json file = try_parse_json(value_of(content, exporter_key).reveal());
  if (!file.is_object() || file.empty() || !file.begin()->is_string()) return {};
  return Secret(file.begin()->get<std::string>());
}

/// A user beside the application's: its password by its key. The nodes' users have one together.
struct InternalUser {
  const char* name;
  const char* key;
};
constexpr std::array internal_users = {InternalUser{"admin", admin_password_key},
                                       InternalUser{"exporter", exporter_key},
                                       InternalUser{"trim", trim_key},
                                       InternalUser{"tls", reload_password_key},
                                       InternalUser{"backup", backup_password_key},
                                       InternalUser{replica_user, internal_password_key},
                                       InternalUser{sentinel_user, internal_password_key}};

}  // namespace

SecretContent with_second_password(SecretContent present, const Secret& next, WallTime now) {
  std::vector<std::string> hashes = password_hashes(present);
  const std::string hash = sha256_hex(next.reveal());
  std::erase(hashes, hash);  // back to one that still holds
  hashes.insert(hashes.begin(), hash);
  set_acl(present, shown_user(application_login(present)), hashes);
  present[password_key] = next;
  present[rotated_at_key] = Secret(rfc3339(now));
  return with_node_files(std::move(present));
}

SecretContent with_one_password(SecretContent present) {
  const Login login = application_login(present);
  set_acl(present, shown_user(login), {sha256_hex(login.password.reveal())});
  present.erase(rotated_at_key);
  return with_node_files(std::move(present));
}

std::optional<WallTime> rotated_at(const SecretContent& content) {
  if (password_hashes(content).size() < 2) return std::nullopt;
  return time_in(content, rotated_at_key).value_or(WallTime());
}

SecretContent with_second_internal_passwords(SecretContent present, Random& random, WallTime now) {
  SecretContent made;
  for (const InternalUser& user : internal_users) {
    if (!present.contains(user.key)) continue;
    if (!made.contains(user.key)) made.emplace(user.key, generate_password(random));
    const Secret& next = made.at(user.key);
    std::vector<std::string> hashes = hashes_of(value_of(present, acl_key), user.name);
    hashes.insert(hashes.begin(), sha256_hex(next.reveal()));
    set_acl(present, user.name, hashes);
    present[user.key] = std::string_view(user.key) == exporter_key ? exporter_file(next) : next;
  }
  present[internal_rotated_at_key] = Secret(rfc3339(now));
  return with_node_files(std::move(present));
}

SecretContent with_one_internal_password(SecretContent present, bool exporter_has_restarted) {
  bool all = true;
  for (const InternalUser& user : internal_users) {
    if (!present.contains(user.key)) continue;
    const bool is_exporter = std::string_view(user.key) == exporter_key;
    if (is_exporter && !exporter_has_restarted) {
      all = hashes_of(value_of(present, acl_key), user.name).size() < 2;
      continue;
    }
    const Secret password = is_exporter ? exporter_password(present) : value_of(present, user.key);
    if (!password.empty()) set_acl(present, user.name, {sha256_hex(password.reveal())});
  }
  if (all) present.erase(internal_rotated_at_key);
  return with_node_files(std::move(present));
}

std::optional<WallTime> internal_rotated_at(const SecretContent& content) {
  return time_in(content, internal_rotated_at_key);
}

std::vector<UserConnection> connections_before(const std::string& client_list, const std::string& user, WallTime since,
                                               WallTime now) {
  std::vector<UserConnection> found;
  for (const std::string& line : split(client_list, '\n')) {
    std::map<std::string, std::string> fields;
    for (const std::string& word : split(trim(line), ' ')) {
      const std::size_t equals = word.find('=');
      if (equals != std::string::npos) fields[word.substr(0, equals)] = word.substr(equals + 1);
    }
    long long age = 0;
    const std::string& text = fields["age"];
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), age);
    if (error != std::errc() || end != text.data() + text.size() || fields["user"] != user) continue;
    // whole seconds: one that is about as old counts as older
    if (now - std::chrono::seconds(age) > since + std::chrono::seconds(1)) continue;
    const std::string& address = fields["addr"];
    found.push_back({fields["id"], address.substr(0, address.rfind(':')), fields["name"]});
  }
  return found;
}

}  // namespace raibid
