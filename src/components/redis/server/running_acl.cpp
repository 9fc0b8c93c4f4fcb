#include "components/redis/server/running_acl.hpp"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

using Words = std::vector<std::string>;

/// A user's rules, put in one form: Redis orders and spells them in its own way.
struct AclUser {
  Words rules{};  ///< as written
  bool on = false;
  bool nopass = false;
  std::set<std::string> hashes;
  std::set<std::string> keys;
  std::optional<std::set<std::string>> channels;  ///< without a word about them the server's default counts
  std::set<std::string> others;                   ///< selectors, flags
  std::string base = "-@all";
  std::set<std::string> commands;  ///< what is added to the base, or taken from it
  Words in_order{};                ///< the same as written: a later rule counts
};

/// The names that a category of commands stands for (ACL CAT): Redis 7.0 shows categories where commands were given.
using Category = std::function<Words(const std::string& name)>;

/// A selector, "(…)", is one word.
Words acl_words(const std::string& line) {
  Words words;
  for (const std::string& part : split(line, ' ')) {
    const bool inside = !words.empty() && words.back().starts_with('(') && !words.back().ends_with(')');
    if (inside) {
      words.back() += " " + part;
    } else if (!part.empty()) {
      words.push_back(part);
    }
  }
  return words;
}

void take_command(AclUser& user, const std::string& rule) {
  if (rule == "+@all" || rule == "-@all") {
    user.base = rule;
    user.commands.clear();
    user.in_order.clear();
    return;
  }
  user.commands.erase((rule.front() == '+' ? "-" : "+") + rule.substr(1));
  user.commands.insert(rule);
  user.in_order.push_back(rule);
}

bool names_category(const AclUser& user) {
  return std::any_of(user.in_order.begin(), user.in_order.end(),
                     [](const std::string& rule) { return rule[1] == '@'; });
}

/// Every command that the user may run, those with subcommands by these alone. Its base is -@all.
std::set<std::string> all_commands(const AclUser& user, const std::set<std::string>& known, const Category& category) {
  std::set<std::string> all;
  for (const std::string& rule : user.in_order) {
    const std::string name = rule.substr(1);
    Words words = name.starts_with('@') ? category(name.substr(1)) : Words{name};
    for (const std::string& word : Words(words)) {
      for (auto sub = known.lower_bound(word + "|"); sub != known.end() && sub->starts_with(word + "|"); ++sub)
        words.push_back(*sub);
    }
    for (const std::string& word : words) {
      if (rule.front() == '+') all.insert(word);
      if (rule.front() == '-') all.erase(word);
    }
  }
  std::erase_if(all, [&](const std::string& word) {
    const auto sub = known.lower_bound(word + "|");
    return sub != known.end() && sub->starts_with(word + "|");
  });
  return all;
}

/// What one may run and the other may not, in words; "" when that is nothing.
std::string command_difference(const AclUser& running, const AclUser& wanted, const Category& category) {
  std::set<std::string> known;
  for (const AclUser* user : {&running, &wanted}) {
    for (const std::string& rule : user->in_order) {
      const std::string name = rule.substr(1);
      for (const std::string& word : name.starts_with('@') ? category(name.substr(1)) : Words{name}) known.insert(word);
    }
  }
  const std::set<std::string> is = all_commands(running, known, category);
  const std::set<std::string> should = all_commands(wanted, known, category);
  Words more;
  Words less;
  std::set_difference(is.begin(), is.end(), should.begin(), should.end(), std::back_inserter(more));
  std::set_difference(should.begin(), should.end(), is.begin(), is.end(), std::back_inserter(less));
  Words parts;
  if (!more.empty()) parts.push_back("may run " + printable(join(more, " ")) + " as well");
  if (!less.empty()) parts.push_back("may not run " + printable(join(less, " ")));
  return join(parts, ", ");
}

/// redis.io/docs/latest/operate/oss_and_stack/management/security/acl: "ACL rules".
void take_rule(AclUser& user, const std::string& rule) {
  const std::string lower = to_lower(rule);
  const char first = rule.front();
  const std::string rest = rule.substr(1);
  if (lower == "on" || lower == "off") {
    user.on = lower == "on";
  } else if (lower == "nopass" || lower == "resetpass") {
    user.nopass = lower == "nopass";
    user.hashes.clear();
  } else if (first == '#') {
    user.hashes.insert(to_lower(rest));
  } else if (first == '>') {
    user.hashes.insert(sha256_hex(rest));
  } else if (lower == "allkeys") {
    user.keys = {"~*"};
  } else if (lower == "resetkeys") {
    user.keys.clear();
  } else if (first == '~') {
    user.keys.insert(rule);
  } else if (first == '%') {
    user.keys.insert(lower.starts_with("%rw~") || lower.starts_with("%wr~") ? rule.substr(3) : rule);
  } else if (lower == "allchannels") {
    user.channels = {"&*"};
  } else if (lower == "resetchannels") {
    user.channels.emplace();
  } else if (first == '&') {
    if (!user.channels) user.channels.emplace();
    user.channels->insert(rule);
  } else if (lower == "allcommands" || lower == "nocommands") {
    take_command(user, lower == "allcommands" ? "+@all" : "-@all");
  } else if (first == '+' || first == '-') {
    take_command(user, lower);
  } else if (lower == "reset") {
    AclUser blank;
    blank.rules = user.rules;
    user = blank;
  } else if (lower != "sanitize-payload") {  // the default, which only some versions show
    user.others.insert(rule);
  }
}

std::map<std::string, AclUser> parse_acl(const std::vector<std::string>& lines) {
  std::map<std::string, AclUser> users;
  for (const std::string& line : lines) {
    const Words words = acl_words(std::string(trim(line)));
    if (words.size() < 2 || words[0] != "user") continue;
    AclUser& user = users[words[1]];
    user.rules.assign(words.begin() + 2, words.end());
    for (const std::string& rule : Words(user.rules)) take_rule(user, rule);
  }
  return users;
}

std::string in_words(const std::set<std::string>& words, const std::string& first = {}) {
  Words all(words.begin(), words.end());
  if (!first.empty()) all.insert(all.begin(), first);
  return all.empty() ? "none" : printable(join(all, " "));
}

constexpr const char* exporter = "exporter";

/// What of `running` is otherwise than in the file, in words; "" when nothing is.
std::string difference(const std::string& name, const AclUser& running, const AclUser& wanted,
                       const Category& category) {
  std::vector<std::string> all;
  const auto compare = [&](const std::string& what, const std::string& is, const std::string& should) {
    if (is != should) all.push_back(fmt::format("{} {} instead of {}", what, is, should));
  };
  compare("is", running.on ? "on" : "off", wanted.on ? "on" : "off");
  const bool keeps_its_own = name == exporter && running.hashes.size() == 1 && wanted.hashes.size() == 1;
  if (running.nopass != wanted.nopass) {
    all.push_back(running.nopass ? "needs no password" : "needs a password");
  } else if (running.hashes != wanted.hashes && !keeps_its_own) {
    all.push_back("has other passwords");
  }
  const bool same = running.base == wanted.base && running.commands == wanted.commands;
  const bool limited = running.base == "-@all" && wanted.base == "-@all";
  if (!same && limited && (names_category(running) || names_category(wanted))) {
    const std::string commands = command_difference(running, wanted, category);
    if (!commands.empty()) all.push_back(commands);
  } else {
    compare("may run", in_words(running.commands, running.base), in_words(wanted.commands, wanted.base));
  }
  compare("has the keys", in_words(running.keys), in_words(wanted.keys));
  if (wanted.channels)
    compare("has the channels", in_words(running.channels.value_or(std::set<std::string>{})),
            in_words(*wanted.channels));
  compare("has the rules", in_words(running.others), in_words(wanted.others));
  return join(all, ", ");
}

std::map<std::string, AclUser> running_users(RedisConnection& redis) {
  std::vector<std::string> lines;
  for (const RedisReply& line : checked(redis, {"ACL", "LIST"}).items) lines.push_back(line.text);
  return parse_acl(lines);
}

std::map<std::string, AclUser> users_of(const Secret& file) { return parse_acl(split(file.reveal(), '\n')); }

Category categories_of(RedisConnection& redis) {
  return [&redis](const std::string& name) {
    Words words;
    for (const RedisReply& word : redis.command({"ACL", "CAT", name}).items) words.push_back(word.text);
    return words;
  };
}

std::vector<AclDifference> differences(const std::map<std::string, AclUser>& running,
                                       const std::map<std::string, AclUser>& wanted, const Category& category) {
  std::vector<AclDifference> all;
  for (const auto& [name, user] : wanted) {
    const auto there = running.find(name);
    const std::string what =
        there == running.end() ? "does not exist" : difference(name, there->second, user, category);
    if (!what.empty()) all.push_back({name, fmt::format("user {} {}", printable(name), what)});
  }
  for (const auto& [name, user] : running) {
    if (!wanted.contains(name))
      all.push_back({name, fmt::format("user {} was added to the running server", printable(name)), true});
  }
  return all;
}

}  // namespace

std::vector<AclDifference> acl_differences(RedisConnection& redis, const Secret& file) {
  return differences(running_users(redis), users_of(file), categories_of(redis));
}

std::vector<std::string> settle_acl(RedisConnection& redis, const Secret& file) {
  const std::map<std::string, AclUser> wanted = users_of(file);
  const std::map<std::string, AclUser> running = running_users(redis);
  std::vector<std::string> done;
  for (const AclDifference& one : differences(running, wanted, categories_of(redis))) {
    if (one.unknown) continue;
    Words order = {"ACL", "SETUSER", one.user, "reset"};
    const auto there = running.find(one.user);
    const bool keeps = one.user == exporter && there != running.end() && there->second.hashes.size() == 1;
    for (const std::string& rule : wanted.at(one.user).rules) {
      const bool is_password = rule.front() == '#' || rule.front() == '>';
      order.push_back(keeps && is_password ? "#" + *there->second.hashes.begin() : rule);
    }
    checked(redis, order);
    done.push_back(one.text);
  }
  if (done.empty()) return done;
  for (const AclDifference& left : acl_differences(redis, file)) {
    if (left.unknown) continue;
    throw Error(ExitCode::failure, "running users differ from users.acl: " + left.text,
                "something else changes them; see ACL LOG and ACL LIST");
  }
  return done;
}

std::vector<std::string> running_passwords(RedisConnection& redis, const std::string& user) {
  const std::map<std::string, AclUser> running = running_users(redis);
  const auto there = running.find(user);
  if (there == running.end()) return {};
  return {there->second.hashes.begin(), there->second.hashes.end()};
}

void let_in(RedisConnection& redis, const Secret& file) {
  const std::map<std::string, AclUser> running = running_users(redis);
  for (const auto& [name, user] : users_of(file)) {
    if (!user.on) continue;
    const auto there = running.find(name);
    Words order = {"ACL", "SETUSER", name};
    if (there == running.end()) {
      order.push_back("reset");
      order.insert(order.end(), user.rules.begin(), user.rules.end());
    } else {
      if (!there->second.on) order.push_back("on");
      if (!there->second.nopass) {
        for (const std::string& hash : user.hashes) {
          if (!there->second.hashes.contains(hash)) order.push_back("#" + hash);
        }
      }
    }
    if (order.size() > 3) checked(redis, order);
  }
}

}  // namespace raibid
