#pragma once

#include <doctest/doctest.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/strings.hpp"
#include "support/cli.hpp"
#include "support/redis_server.hpp"
#include "sys/clock.hpp"

namespace raibid::backup_integration_test {

using namespace raibid::test;
using nlohmann::json;
using Words = std::vector<std::string>;

inline constexpr const char* quick = "repl-diskless-sync-delay 0\nenable-debug-command yes\n";
inline const std::vector<int> databases = {0, 3, 9};

inline void flatten(const RedisReply& reply, std::string& text) {
  text += reply.type == RedisReply::Type::integer ? std::to_string(reply.integer) : reply.text;
  for (const RedisReply& item : reply.items) flatten(item, text += "|");
}

/// What a stream has beside its entries: groups, consumers, what is pending. Not how the server keeps it in memory.
inline std::string stream_facts(RedisConnection& redis, const std::string& key) {
  const RedisReply facts = checked(redis, {"XINFO", "STREAM", key, "FULL", "COUNT", "0"});
  std::string text;
  for (const char* const field : {"length", "last-generated-id", "max-deleted-entry-id", "entries-added",
                                  "recorded-first-entry-id", "entries", "groups"})
    if (const RedisReply* const value = facts.field(field)) flatten(*value, text += "/");
  return text;
}

/// Everything of a server, key by key.
inline std::map<std::string, std::string> everything(RedisConnection& redis) {
  std::map<std::string, std::string> all;
  for (const int database : databases) {
    checked(redis, {"SELECT", std::to_string(database)});
    for (const RedisReply& key : checked(redis, {"KEYS", "*"}).items) {
      std::string& value = all[std::to_string(database) + ":" + key.text];
      const std::string type = checked(redis, {"TYPE", key.text}).text;
      value = type + " " + checked(redis, {"DEBUG", "DIGEST-VALUE", key.text}).items.front().text + " " +
              std::to_string(checked(redis, {"PEXPIRETIME", key.text}).integer);
      if (type == "stream") value += stream_facts(redis, key.text);
    }
  }
  flatten(checked(redis, {"FUNCTION", "LIST", "WITHCODE"}), all["functions"]);
  return all;
}

/// The keys whose value is another one, or that only one of the two has.
inline std::vector<std::string> differences(const std::map<std::string, std::string>& one,
                                            const std::map<std::string, std::string>& other) {
  std::vector<std::string> keys;
  for (const auto* const all : {&one, &other}) {
    for (const auto& [key, value] : *all) {
      const auto a = one.find(key), b = other.find(key);
      if (a != one.end() && b != other.end() && a->second == b->second) continue;
      const std::string text =
          printable(key + ": " + (a == one.end() ? "" : a->second) + " / " + (b == other.end() ? "" : b->second));
      if (std::find(keys.begin(), keys.end(), text) == keys.end()) keys.push_back(text);
    }
  }
  return keys;
}

/// Random data of every type, in several databases.
class Data {
 public:
  explicit Data(unsigned seed) : m_random(seed) {}

  void fill(RedisConnection& redis, int keys) {
    for (const int database : databases) {
      checked(redis, {"SELECT", std::to_string(database)});
      for (int i = 0; i < keys; ++i) add_key(redis, i);
      add_stream(redis, "stream" + bytes(4));
    }
    checked(redis, {"FUNCTION", "LOAD",
                    "#!lua name=ours\nredis.register_function('f', function(keys, args) return args[1] end)"});
  }

 private:
  std::size_t number(std::size_t most) { return std::uniform_int_distribution<std::size_t>(1, most)(m_random); }
  std::string bytes(std::size_t most) {
    std::string text(number(most), 0);
    for (char& c : text) c = static_cast<char>(m_random());
    return text;
  }
  void add_key(RedisConnection& redis, int which) {
    const std::string key = bytes(20);
    const std::size_t size = number(which % 7 == 0 ? 700 : 20);  // the large ones have other encodings
    checked(redis, {"DEL", key});
    switch (which % 5) {
      case 0:
        checked(redis, {"SET", key, which % 2 == 0 ? bytes(3000) : std::to_string(m_random())});
        break;
      case 1:
        for (std::size_t i = 0; i < size; ++i) checked(redis, {"RPUSH", key, bytes(80)});
        break;
      case 2:
        for (std::size_t i = 0; i < size; ++i)
          checked(redis, {"SADD", key, which % 2 == 0 ? std::to_string(m_random() % 1000) : bytes(40)});
        break;
      case 3:
        for (std::size_t i = 0; i < size; ++i)
          checked(redis, {"ZADD", key, std::to_string(static_cast<double>(m_random()) / 7), bytes(40)});
        break;
      default:
        for (std::size_t i = 0; i < size; ++i) checked(redis, {"HSET", key, bytes(40), bytes(80)});
    }
    if (which % 3 == 0) checked(redis, {"PEXPIRE", key, std::to_string(3'600'000 + m_random() % 1'000'000)});
  }
  void add_stream(RedisConnection& redis, const std::string& key) {
    checked(redis, {"XGROUP", "CREATE", key, "first", "0", "MKSTREAM"});
    checked(redis, {"XGROUP", "CREATE", key, bytes(12), "$"});
    std::vector<std::string> ids;
    for (int i = 0; i < 300; ++i)
      ids.push_back(checked(redis, {"XADD", key, "*", "payload", bytes(60), bytes(5), "x"}).text);
    for (const char* const consumer : {"one", "two"})
      checked(redis, {"XREADGROUP", "GROUP", "first", consumer, "COUNT", "50", "STREAMS", key, ">"});
    checked(redis, {"XACK", key, "first", ids[3], ids[60]});
    checked(redis, {"XDEL", key, ids[4], ids[200]});
    checked(redis, {"XTRIM", key, "MAXLEN", "250"});
  }

  std::mt19937 m_random;
};

/// The program with a Redis of this machine that does not outlive its test.
class BackupCli : public Cli {
 public:
  ~BackupCli() { (*this)({"teardown", "redis", "--target", "local", "--yes", "--delete-data"}); }

  Output must_end(int status, const Words& words) {
    Output output = (*this)(words);
    INFO(shell_join(words), "\n", said(output));
    CHECK(output.status == status);
    return output;
  }
  void set_up() {
    REQUIRE(must_end(0, {"setup", "redis", "--target", "local"}).status == 0);
    redis({"CONFIG", "SET", "repl-diskless-sync-delay", "0"});
  }
  std::string redis(Words command) {
    const json credentials = json::parse(tree(home()).at("redis-credentials.json"));
    command.insert(command.begin(),
                   {"redis-cli", "--no-auth-warning", "-p", std::to_string(credentials.at("port").get<int>()), "-a",
                    credentials.at("password")});
    return std::string(trim(must(command)));
  }
  /// Of an external server, in a folder of its own.
  std::string url(const RedisServer& server) const { return fmt::format("redis://127.0.0.1:{}", server.port()); }
  Words backup(const RedisServer& server, Words more = {}) const {
    Words words = {"backup", "redis", to().string(), "--target", "external", "--url", url(server)};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  fs::path to() const { return folder() / "backups"; }
  std::vector<std::string> files(const std::string& ending) const {
    std::vector<std::string> names;
    for (const auto& [name, content] : tree(to())) {
      if (name.ends_with(ending)) names.push_back(name);
    }
    return names;
  }
  fs::path data() const { return home() / "local/raibid-redis/data"; }
};

inline void copy_into(const fs::path& file, RedisServer& server, const std::string& conf) {
  server.stop();
  fs::copy_file(file, server.folder() / "dump.rdb", fs::copy_options::overwrite_existing);
  server.start(conf);
}

/// Many keys, each of which Redis saves slowly: a copy takes seconds.
inline void fill_slowly(RedisConnection& redis) {
  for (int i = 0; i < 3000; ++i) checked(redis, {"SET", "key" + std::to_string(i), std::string(2000, 'x')});
  checked(redis, {"CONFIG", "SET", "rdb-key-save-delay", "1000"});
}

/// Waits until the text has been said, or the program has ended.
inline bool says(Cli& cli, Process& process, const std::string& text) {
  Process* const one = &process;
  const TimePoint until = cli.runner().now() + std::chrono::seconds(60);
  while (process.err().find(text) == std::string::npos) {
    if (process.finished() || cli.runner().now() >= until) return false;
    cli.runner().wait({&one, 1}, until);
  }
  return true;
}

struct Started {
  std::unique_ptr<Process> process;
  pid_t pid = 0;
};
inline Started start(Cli& cli, const Words& words) {
  Started started;
  cli.runner().observe([&](int pid, const Command&) { started.pid = pid; });
  started.process = cli.start(words);
  cli.runner().observe({});
  return started;
}

inline Output end_of(Cli& cli, Process& process) {
  return finish(cli.runner(), process, cli.runner().now() + std::chrono::seconds(60));
}

}  // namespace raibid::backup_integration_test
