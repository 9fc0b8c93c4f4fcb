#include "components/redis/run/users.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/server/running_acl.hpp"

namespace raibid {

namespace {

constexpr const char* restore_action = "users.restore";

/// What restore_users needs to know. It holds passwords, so it is kept where they are.
struct Previous {
  std::string run;
  SecretContent content;
  std::vector<std::string> added;  ///< users that the change makes
};

Secret to_text(const Previous& previous) {
  nlohmann::ordered_json content = nlohmann::ordered_json::object();
  for (const auto& [key, value] : previous.content) content[key] = value.reveal();
  const nlohmann::ordered_json object = {{"run", previous.run}, {"added", previous.added}, {"content", content}};
  return Secret(json_text(object));
}

/// Throws Error (failure) for a text of another form: its message never quotes it.
Previous previous_of(const Secret& text) {
  const nlohmann::json object = try_parse_json(text.reveal());
  const auto damaged = [] {
    return Error(ExitCode::failure, std::string("what the change of the users replaced (") + previous_users_key +
                                        ") cannot be read: someone has changed it");
  };
  if (!object.is_object() || !object.contains("content") || !object["content"].is_object()) throw damaged();
  try {
    Previous previous;
    previous.run = object.at("run").get<std::string>();
    previous.added = object.at("added").get<std::vector<std::string>>();
    for (const auto& [key, value] : object["content"].items()) previous.content.emplace(key, value.get<std::string>());
    return previous;
  } catch (const nlohmann::json::exception&) {
    throw damaged();
  }
}

/// What has to be written to come from one content to the other.
SecretContent changes_between(const SecretContent& from, const SecretContent& to) {
  SecretContent changes;
  for (const auto& [key, value] : to) {
    if (key != previous_users_key && value_of(from, key) != value) changes[key] = value;
  }
  for (const auto& [key, value] : from) {
    if (key != previous_users_key && !to.contains(key)) changes[key] = Secret();
  }
  return changes;
}

void drop_users(RedisConnection& redis, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::vector<std::string> command = {"ACL", "DELUSER"};
  command.insert(command.end(), names.begin(), names.end());
  checked(redis, command);
}

bool is_sentinel(const UserServer& server) { return server.kind == UserServer::Kind::sentinel; }

/// The users of a server, as the store has them.
Secret users_of(const UserServer& server, const SecretContent& content) {
  return value_of(content, is_sentinel(server) ? sentinel_conf_key : acl_key);
}

Login own_login(const UserServer& server, const SecretContent& content) {
  return is_sentinel(server) ? sentinel_login(content) : admin_login(content);
}

/// A server that runs, and raibid-cli's connection to it.
struct Opened {
  UserServer server;
  std::unique_ptr<RedisConnection> redis;
};

/// All that run, by the first content whose login they know. Throws the last refusal of one that knows none.
std::vector<Opened> open_all(const UserServers& servers, const std::vector<const SecretContent*>& contents) {
  std::vector<Opened> all;
  for (UserServer& server : servers.running()) {
    std::vector<Login> logins;
    for (const SecretContent* const content : contents) logins.push_back(own_login(server, *content));
    for (const SecretContent* const content : contents) {
      if (contents.size() > 1 && !is_sentinel(server)) logins.push_back(application_login(*content));
    }
    if (auto redis = log_in_as_any(server.log_in, logins)) all.push_back({std::move(server), std::move(redis)});
  }
  return all;
}

/// Everybody of the content gets in everywhere.
void let_in_everywhere(const std::vector<Opened>& all, const SecretContent& content) {
  for (const Opened& one : all) let_in(*one.redis, users_of(one.server, content));
}

/// What the nodes log in to each other with: told to them always, or where the change is of that.
enum class Tell { always, when_changed };

/// The store has `wanted` instead of `before`: the running servers get the same, and lose the users of these names. One
/// that started a moment ago may have read what was there before.
void bring_to(const UserServers& servers, const SecretContent& wanted, const SecretContent& before,
              const std::vector<std::string>& gone, Tell tell) {
  const std::vector<Opened> all = open_all(servers, {&wanted, &before});
  let_in_everywhere(all, wanted);
  if (tell == Tell::always || value_of(wanted, internal_password_key) != value_of(before, internal_password_key)) {
    for (const Opened& one : all) tell_internal_password(*one.redis, one.server.kind, wanted);
  }
  for (const Opened& one : all) {
    // who has come by a login of before loses it with the rest
    const auto redis = one.server.log_in(own_login(one.server, wanted));
    if (!redis) continue;
    settle_acl(*redis, users_of(one.server, wanted));
    if (!is_sentinel(one.server)) drop_users(*redis, gone);
  }
}

}  // namespace

void tell_internal_password(RedisConnection& redis, UserServer::Kind kind, const SecretContent& content) {
  const std::string password = value_of(content, internal_password_key).reveal();
  if (password.empty()) return;
  if (kind == UserServer::Kind::node) {
    checked(redis, {"CONFIG", "SET", "masteruser", replica_user});
    checked(redis, {"CONFIG", "SET", "masterauth", password});
  } else if (kind == UserServer::Kind::sentinel) {
    checked(redis, {"SENTINEL", "SET", master_set, "auth-user", sentinel_user, "auth-pass", password});
    checked(redis, {"SENTINEL", "CONFIG", "SET", "sentinel-user", sentinel_user});
    checked(redis, {"SENTINEL", "CONFIG", "SET", "sentinel-pass", password});
  }
}

std::unique_ptr<RedisConnection> log_in_as_any(const LogIn& log_in, const std::vector<Login>& logins) {
  for (std::size_t at = 0; at < logins.size(); ++at) {
    try {
      return log_in(logins[at]);
    } catch (const Error& error) {
      if (at + 1 == logins.size()) throw;
    }
  }
  return nullptr;
}

void change_users(UserStore& store, const UserServers& servers, const UserChange& change, const std::string& run) {
  SecretContent before = store.read();
  before.erase(previous_users_key);
  const SecretContent wanted = change(before);
  const Secret acl = value_of(wanted, acl_key);
  {
    std::vector<Opened> all;
    try {
      all = open_all(servers, {&before});
    } catch (Error& error) {
      throw error.made_nothing();
    }
    const Previous previous{run, before, dropped_users(acl, value_of(before, acl_key))};
    store.write({{previous_users_key, to_text(previous)}});
    let_in_everywhere(all, wanted);
    for (const Opened& one : all) {
      if (!is_sentinel(one.server)) one.server.log_in(application_login(wanted));
      one.server.log_in(own_login(one.server, wanted));
    }
  }
  store.write(changes_between(before, wanted));
  bring_to(servers, wanted, before, dropped_users(value_of(before, acl_key), acl), Tell::when_changed);
}

void restore_users(UserStore& store, const UserServers& servers, const std::string& run) {
  const SecretContent now = store.read();
  const Secret kept = value_of(now, previous_users_key);
  if (kept.empty()) return;
  const Previous previous = previous_of(kept);
  if (previous.run != run) throw Kept("the users are kept: another run has changed them since");
  const SecretContent& before = previous.content;
  let_in_everywhere(open_all(servers, {&now, &before}), before);
  store.write(changes_between(now, before));
  // an undo that was killed may have brought back the store, and not the servers
  bring_to(servers, before, now, previous.added, Tell::always);
  store.write({{previous_users_key, Secret()}});
}

void forget_previous_users(UserStore& store) {
  try {
    store.write({{previous_users_key, Secret()}});
  } catch (const Error&) {
    // all is done, and what stays is of no use to anybody: the next run removes it
  }
}

Step users_step(UserStore& store, const UserServers& servers, const UserChange& change, const std::string& what,
                const std::string& run, const std::string& by_hand, std::function<void()> after) {
  Step step;
  step.name = "users";
  step.intent = what;
  step.undo = [by_hand] { return std::vector<Undo>{{restore_action, {}, by_hand}}; };
  step.act = [&store, servers, change, what, run, after = std::move(after)]() -> StepResult {
    change_users(store, servers, change, run);
    if (after) after();
    return {Outcome::changed, what};
  };
  return step;
}

void add_users_undo(UndoTable& table, UserStore& store, const UserServers& servers) {
  table[restore_action] = [&store, servers](const std::map<std::string, std::string>& arguments) {
    restore_users(store, servers, arguments.at(run_argument));
  };
}

}  // namespace raibid
