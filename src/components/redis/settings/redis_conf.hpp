#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace raibid {

/// Lines of redis.conf, in order: a directive and the rest of its line. "" stands for the empty string: `save ""`.
using Directives = std::vector<std::pair<std::string, std::string>>;

/// The text of redis.conf, one directive a line.
std::string redis_conf(const Directives& directives);

/// `text` as one word of redis.conf: in quotes, as sdssplitargs reads them, where it would be several words or none.
std::string conf_word(const std::string& text);

/// The lines of a redis.conf: what a chart made of its values. Comments are left out, and so are the lines that say how
/// the server is run rather than what it does (dir, daemonize, aclfile …).
Directives parse_redis_conf(std::string_view text);

/// The words of a directive's value as Redis reads them, with "…" and '…' taken off; std::nullopt when a quote is not
/// closed as sdssplitargs of Redis' sds.c wants it.
std::optional<std::vector<std::string>> redis_words(std::string_view value);

/// "100mb" in bytes: k, m and g are powers of 1000, kb, mb and gb of 1024, in any case (memtoull of Redis' util.c).
std::optional<std::int64_t> parse_redis_memory(std::string_view text);

/// Throws Error (usage) for a directive that cannot be one, that holds a password (it would end up in a ConfigMap),
/// that raibid-cli or the chart sets itself, or that a chart would read as a template. `origin` names the preset.
void check_directives(const Directives& directives, const std::string& origin);

/// Whether `text` sets a password as redis.conf or redis-server's command line do.
bool sets_password(std::string_view text);

}  // namespace raibid
