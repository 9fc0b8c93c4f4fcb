#include "tools/redis_client.hpp"

#include "base/error.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace raibid {

namespace {

using Words = std::vector<std::string>;

/// Commands whose second word says what they do.
bool has_subcommands(const std::string& name) {
  static const std::array<std::string, 14> names = {"acl",    "client",   "cluster", "command", "config",
                                                    "debug",  "function", "latency", "memory",  "module",
                                                    "object", "script",   "xgroup",  "xinfo"};
  return std::find(names.begin(), names.end(), to_lower(name)) != names.end();
}

std::size_t name_length(const Words& arguments) {
  return !arguments.empty() && arguments.size() > 1 && has_subcommands(arguments.front()) ? 2 : 1;
}

std::string command_name(const Words& arguments) {
  const auto length = static_cast<std::ptrdiff_t>(std::min(name_length(arguments), arguments.size()));
  return join(Words(arguments.begin(), arguments.begin() + length), " ");
}

void mask(std::string& text, const std::string& word) {
  constexpr std::size_t too_short_to_tell = 3;
  if (word.size() < too_short_to_tell) return;
  for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at + 3))
    text.replace(at, word.size(), "***");
}

/// Redis repeats arguments in some errors ("Error in ACL SETUSER modifier '>…'"), and these commands carry passwords.
std::string without_secrets(std::string text, const Words& arguments) {
  const std::string name = arguments.empty() ? std::string() : to_lower(arguments.front());
  if (name != "auth" && name != "hello" && name != "acl" && name != "config" && name != "migrate") return text;
  for (std::size_t i = name_length(arguments); i < arguments.size(); ++i) {
    mask(text, arguments[i]);
    if (name == "acl" && !arguments[i].empty()) mask(text, arguments[i].substr(1));
  }
  return text;
}

Error refused(const std::string& where, const RedisReply& reply, const Words& asked) {
  const std::string words = printable(without_secrets(reply.text, asked));
  const std::string code = reply.error_code();
  const auto says = [&](std::string_view part) { return to_lower(reply.text).find(part) != std::string::npos; };
  if (code == "WRONGPASS" || says("err invalid password")) {
    return Error(ExitCode::failure, where + " refuses the password (" + words + ")",
                 "It is not the password of this Redis: it was changed there, or this is another Redis.");
  }
  if (code == "NOAUTH") {
    return Error(ExitCode::failure, where + " asks for a password, and none was given (" + words + ")",
                 "Setup of this release made one: its Secret and the credentials file have it.");
  }
  if (code == "DENIED") {
    return Error(ExitCode::failure, where + " runs in protected mode and refuses this connection (DENIED)",
                 "Give that Redis a password, or connect from its own machine.");
  }
  if (says("without any password configured") || says("but no password is set")) {
    return Error(ExitCode::failure, where + " has no password set, and one was given",
                 "It was set up without authentication, or this is another Redis.");
  }
  return Error(ExitCode::failure, where + " refuses the connection: " + words);
}

}  // namespace

std::string RedisConnector::served_certificate(const RedisEndpoint&, Duration) {
  throw Error(ExitCode::failure, "this connection does not show certificates");
}

RedisReply RedisConnection::dump(DumpSink&, Duration) { throw std::logic_error("this connection cannot dump"); }

void RedisConnection::stream(RedisFeed&) { throw std::logic_error("this connection cannot stream"); }

std::string RedisReply::error_code() const {
  return is_error() ? text.substr(0, text.find_first_of(" \r\n")) : std::string();
}

const RedisReply* RedisReply::field(std::string_view key) const {
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].text == key) return &items[i + 1];
  }
  return nullptr;
}

std::unique_ptr<RedisConnection> connect_redis(RedisConnector& connector, const RedisEndpoint& endpoint,
                                               Duration timeout) {
  const std::string where = fmt::format("Redis at {}:{}", endpoint.host, endpoint.port);
  std::unique_ptr<RedisConnection> redis = connector.connect(endpoint, timeout);
  // without a password it still has to show that it is a Redis, and that it wants none
  std::vector<Words> questions = login_commands(endpoint);
  if (questions.empty()) questions.push_back({"PING"});
  // a Redis that loads, or that refuses writes or anything but SCRIPT KILL for now, is one nevertheless
  static const std::array<std::string, 5> passing = {"LOADING", "MISCONF", "BUSY", "MASTERDOWN", "NOPERM"};
  for (const Words& question : questions) {
    const RedisReply reply = redis->command(question);
    const bool fine =
        !reply.is_error() || std::find(passing.begin(), passing.end(), reply.error_code()) != passing.end();
    if (!fine) throw refused(where, reply, question);
  }
  return redis;
}

std::vector<Words> login_commands(const RedisEndpoint& endpoint) {
  std::vector<Words> commands;
  if (!endpoint.password.empty() || !endpoint.username.empty()) {
    commands.push_back({"AUTH"});
    if (!endpoint.username.empty()) commands.back().push_back(endpoint.username);
    commands.back().push_back(endpoint.password.reveal());
  }
  if (endpoint.database != 0) commands.push_back({"SELECT", std::to_string(endpoint.database)});
  return commands;
}

bool is_refused_command(const RedisReply& reply) {
  if (!reply.is_error()) return false;
  if (reply.error_code() == "NOPERM") return true;
  const std::string text = to_lower(reply.text);
  static const std::array<std::string, 6> words = {"unknown command", "unknown subcommand", "not available",
                                                   "not supported",   "unsupported",        "disabled"};
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return text.find(word) != std::string::npos; });
}

RedisReply checked(RedisConnection& redis, const std::vector<std::string>& arguments) {
  RedisReply reply = redis.command(arguments);
  if (reply.is_error()) {
    throw Error(ExitCode::failure, fmt::format("Redis refuses {}: {}", command_name(arguments),
                                               printable(without_secrets(reply.text, arguments))));
  }
  return reply;
}

std::map<std::string, std::string> parse_info(std::string_view text) {
  std::map<std::string, std::string> fields;
  for (const std::string& line : split(text, '\n')) {
    const std::string_view row = trim(line);
    const auto colon = row.find(':');
    if (row.empty() || row.front() == '#' || colon == std::string_view::npos) continue;
    fields[std::string(row.substr(0, colon))] = std::string(row.substr(colon + 1));
  }
  return fields;
}

}  // namespace raibid
