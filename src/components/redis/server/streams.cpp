#include "components/redis/server/streams.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

[[noreturn]] void refuse_key(RedisConnection& redis, const std::string& stream) {
  const RedisReply type = redis.command({"TYPE", stream});
  throw Error(ExitCode::failure,
              fmt::format("the key {} of this Redis is not a stream but a {}", printable(stream), printable(type.text)),
              "choose another name with --stream, or rename that key if nothing uses it");
}

[[noreturn]] void fail(const std::string& doing, const RedisReply& reply) {
  const std::string code = reply.error_code();
  throw Error(ExitCode::failure, fmt::format("while {}: Redis says {}", doing, printable(reply.text)),
              code == "OOM"        ? "its memory is full: raise --memory-limit, or remove what is not needed"
              : code == "NOPERM"   ? "its user needs the right to do that"
              : code == "READONLY" ? "this Redis is a replica: use the address of its master"
              : code == "MOVED"
                  ? "this Redis is one node of a cluster, and the key is on another: use an endpoint that "
                    "leads to all of them"
                  : "");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> missing_groups(RedisConnection& redis,
                                                                const std::vector<StreamSpec>& streams) {
  std::vector<std::pair<std::string, std::string>> missing;
  for (const StreamSpec& stream : streams) {
    const RedisReply reply = redis.command({"XINFO", "GROUPS", stream.name});
    if (reply.error_code() == "WRONGTYPE") refuse_key(redis, stream.name);
    const bool no_stream = reply.is_error() && reply.text.find("no such key") != std::string::npos;
    if (reply.is_error() && !no_stream) fail("asking for the groups of " + printable(stream.name), reply);
    for (const std::string& group : stream.groups) {
      const bool there = std::any_of(reply.items.begin(), reply.items.end(), [&](const RedisReply& item) {
        const RedisReply* name = item.field("name");
        return name && name->text == group;
      });
      if (!there) missing.emplace_back(stream.name, group);
    }
  }
  return missing;
}

int create_groups(RedisConnection& redis, const std::vector<StreamSpec>& streams) {
  int made = 0;
  for (const StreamSpec& stream : streams) {
    for (const std::string& group : stream.groups) {
      const RedisReply reply = redis.command({"XGROUP", "CREATE", stream.name, group, "0", "MKSTREAM"});
      if (reply.error_code() == "WRONGTYPE") refuse_key(redis, stream.name);
      if (reply.is_error() && reply.error_code() != "BUSYGROUP") {
        fail(fmt::format("creating group {} of stream {}", printable(group), printable(stream.name)), reply);
      }
      if (!reply.is_error()) ++made;
    }
  }
  return made;
}

}  // namespace raibid
