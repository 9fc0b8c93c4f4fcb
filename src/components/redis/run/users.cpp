#include "components/redis/run/users.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.hpp"
#include "base/json.hpp"
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

}  // namespace

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

void change_users(UserStore& store, const LogIn& log_in, const UserChange& change, const std::string& run) {
  SecretContent before = store.read();
  before.erase(previous_users_key);
  const SecretContent wanted = change(before);
  const Secret acl = value_of(wanted, acl_key);
  const Previous previous{run, before, dropped_users(acl, value_of(before, acl_key))};
  store.write({{previous_users_key, to_text(previous)}});
  if (const auto redis = log_in(admin_login(before))) {
    let_in(*redis, acl);
    log_in(application_login(wanted));
    log_in(admin_login(wanted));
  }
  store.write(changes_between(before, wanted));
  if (const auto redis = log_in(admin_login(wanted))) {
    settle_acl(*redis, acl);
    drop_users(*redis, dropped_users(value_of(before, acl_key), acl));
  }
}

void restore_users(UserStore& store, const LogIn& log_in, const std::string& run) {
  const SecretContent now = store.read();
  const Secret kept = value_of(now, previous_users_key);
  if (kept.empty()) return;
  const Previous previous = previous_of(kept);
  if (previous.run != run) throw Kept("the users are kept: another run has changed them since");
  const SecretContent& before = previous.content;
  const Secret acl = value_of(before, acl_key);
  const std::vector<Login> known = {admin_login(now), admin_login(before), application_login(now),
                                    application_login(before)};
  if (const auto redis = log_in_as_any(log_in, known)) let_in(*redis, acl);
  store.write(changes_between(now, before));
  if (const auto redis = log_in(admin_login(before))) {
    settle_acl(*redis, acl);
    drop_users(*redis, previous.added);
  }
  store.write({{previous_users_key, Secret()}});
}

void forget_previous_users(UserStore& store) {
  try {
    store.write({{previous_users_key, Secret()}});
  } catch (const Error&) {
    // all is done, and what stays is of no use to anybody: the next run removes it
  }
}

Step users_step(UserStore& store, const LogIn& log_in, const UserChange& change, const std::string& what,
                const std::string& run, const std::string& by_hand, std::function<void()> after) {
  Step step;
  step.name = "users";
  step.intent = what;
  step.undo = [by_hand] { return std::vector<Undo>{{restore_action, {}, by_hand}}; };
  step.act = [&store, log_in, change, what, run, after = std::move(after)]() -> StepResult {
    change_users(store, log_in, change, run);
    if (after) after();
    return {Outcome::changed, what};
  };
  return step;
}

void add_users_undo(UndoTable& table, UserStore& store, const LogIn& log_in) {
  table[restore_action] = [&store, log_in](const std::map<std::string, std::string>& arguments) {
    restore_users(store, log_in, arguments.at(run_argument));
  };
}

}  // namespace raibid
