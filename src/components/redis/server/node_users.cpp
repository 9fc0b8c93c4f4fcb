#include "components/redis/server/node_users.hpp"

#include <string.h>

#include <fmt/format.h>

#include "base/strings.hpp"
#include "components/redis/server/password.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

/// What a replica sends to its master (redis.io/docs/latest/operate/oss_and_stack/management/security/acl).
constexpr const char* replica_rules = "resetchannels -@all +psync +replconf +ping";

/// What a sentinel sends to the nodes (the same page), and what a handover needs: it pauses the clients.
constexpr const char* sentinel_rules =
    "resetchannels &__sentinel__:hello -@all +multi +exec +slaveof +replicaof +ping +subscribe +publish "
    "+config|rewrite +role "
    "+info +client|setname +client|kill +client|pause +client|unpause +script|kill";

/// Whoever only wants to know where the master is. Subcommands go by name, so that FAILOVER and SET stay closed.
constexpr const char* asking_rules =
    "resetchannels &* -@all +ping +info +role +client|setname +client|id +subscribe +psubscribe +unsubscribe "
    "+punsubscribe "
    "+command "
    "+sentinel|masters +sentinel|master +sentinel|replicas +sentinel|slaves +sentinel|sentinels "
    "+sentinel|get-master-addr-by-name +sentinel|ckquorum";

std::string hash_of(const Secret& password) { return "#" + sha256_hex(password.reveal()); }

Secret with_lines(const Secret& acl, const Secret& password) {
  std::string text;
  for (const std::string& line : split(acl.reveal(), '\n')) {
    if (line.empty() || line.starts_with("user replica ") || line.starts_with("user sentinel ")) continue;
    if (line.starts_with("user health ")) {
      text += "user health on nopass resetchannels -@all +ping +role\n";
      text += fmt::format("user replica on {} {}\n", hash_of(password), replica_rules);
      text += fmt::format("user {} on {} {}\n", sentinel_user, hash_of(password), sentinel_rules);
    } else {
      text += line + "\n";
    }
  }
  Secret all(text);
  explicit_bzero(text.data(), text.size());
  return all;
}

/// Who may log in at a sentinel, and with what it logs in to the nodes and to the other sentinels.
Secret sentinel_conf(const SecretContent& content) {
  const auto words_of = [](const std::vector<std::string>& hashes) {
    std::string words;
    for (const std::string& hash : hashes) words += " #" + hash;
    return words;
  };
  const Secret& password = content.at(internal_password_key);
  std::string text = fmt::format("user default on{} {}\n", words_of(password_hashes(content)), asking_rules);
  text += "user health on nopass resetchannels -@all +ping +sentinel|master +sentinel|get-master-addr-by-name\n";
  text += fmt::format("user {} on{} &* +@all\n", sentinel_user,
                      words_of(hashes_of(value_of(content, acl_key), sentinel_user)));
  text += fmt::format("sentinel auth-user {} {}\nsentinel auth-pass {} {}\n", master_set, sentinel_user, master_set,
                      password.reveal());
  text += fmt::format("sentinel sentinel-user {}\nsentinel sentinel-pass {}\n", sentinel_user, password.reveal());
  Secret all(text);
  explicit_bzero(text.data(), text.size());
  return all;
}

}  // namespace

SecretContent with_node_users(SecretContent present, const Secret& password) {
  present[acl_key] = with_lines(value_of(present, acl_key), password);
  present[internal_password_key] = password;
  return with_node_files(std::move(present));
}

SecretContent with_node_files(SecretContent present) {
  if (value_of(present, internal_password_key).empty()) return present;
  std::string replication =
      fmt::format("masteruser {}\nmasterauth {}\n", replica_user, present[internal_password_key].reveal());
  present[replication_conf_key] = Secret(replication);
  explicit_bzero(replication.data(), replication.size());
  present[sentinel_conf_key] = sentinel_conf(present);
  return present;
}

SecretContent without_node_users(SecretContent present) {
  std::string text;
  for (const std::string& line : split(value_of(present, acl_key).reveal(), '\n')) {
    if (line.empty() || line.starts_with("user replica ") || line.starts_with("user sentinel ")) continue;
    text += line.starts_with("user health ") ? health_user_line : line + "\n";
  }
  present[acl_key] = Secret(text);
  explicit_bzero(text.data(), text.size());
  for (const char* const key : {internal_password_key, replication_conf_key, sentinel_conf_key}) present.erase(key);
  return present;
}

Login sentinel_login(const SecretContent& content) {
  const Secret password = value_of(content, internal_password_key);
  return password.empty() ? Login() : Login(sentinel_user, password);
}

}  // namespace raibid
