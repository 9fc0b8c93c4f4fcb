#include "config/redis_directives.hpp"

#include "base/strings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace raibid {

namespace {

// the names of CONFIG GET * (redis-server 7.0) that a preset can choose
constexpr std::string_view known_names =
    "active-defrag-cycle-max active-defrag-cycle-min active-defrag-ignore-bytes active-defrag-max-scan-fields "
    "active-defrag-threshold-lower active-defrag-threshold-upper active-expire-effort activedefrag activerehashing "
    "aof-load-truncated aof-rewrite-incremental-fsync aof-timestamp-enabled aof-use-rdb-preamble appendfsync "
    "appendonly "
    "auto-aof-rewrite-min-size auto-aof-rewrite-percentage busy-reply-threshold client-output-buffer-limit "
    "client-query-buffer-limit databases dynamic-hz hash-max-listpack-entries hash-max-listpack-value "
    "hll-sparse-max-bytes hz io-threads io-threads-do-reads jemalloc-bg-thread latency-monitor-threshold "
    "latency-tracking "
    "latency-tracking-info-percentiles lazyfree-lazy-eviction lazyfree-lazy-expire lazyfree-lazy-server-del "
    "lazyfree-lazy-user-del lazyfree-lazy-user-flush lfu-decay-time lfu-log-factor list-compress-depth "
    "list-max-listpack-size loglevel lua-time-limit maxclients maxmemory maxmemory-clients maxmemory-eviction-tenacity "
    "maxmemory-policy maxmemory-samples no-appendfsync-on-rewrite notify-keyspace-events proto-max-bulk-len "
    "rdb-save-incremental-fsync rdbchecksum rdbcompression sanitize-dump-payload save set-max-intset-entries "
    "shutdown-timeout slowlog-log-slower-than slowlog-max-len stop-writes-on-bgsave-error stream-node-max-bytes "
    "stream-node-max-entries tcp-backlog tcp-keepalive timeout tracking-table-max-keys zset-max-listpack-entries "
    "zset-max-listpack-value";

// what setup decides: who gets in, where the data is, how the server is run
constexpr std::array owned_names = {"aclfile",    "bind",           "daemonize",  "dir",        "include",
                                    "logfile",    "masterauth",     "masteruser", "pidfile",    "port",
                                    "replicaof",  "requirepass",    "slaveof",    "supervised", "protected-mode",
                                    "unixsocket", "unixsocketperm", "user"};

}  // namespace

std::string directive_problem(std::string_view name) {
  if (std::find(owned_names.begin(), owned_names.end(), name) != owned_names.end()) {
    return "is set by raibid-cli itself";
  }
  constexpr std::string_view name_characters = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  if (name.empty() || name.find_first_not_of(name_characters) != std::string_view::npos)
    return "is not a redis.conf directive";
  static const std::vector<std::string> known = split(known_names, ' ');
  if (std::find(known.begin(), known.end(), name) != known.end()) return "";
  const std::string meant = did_you_mean(name, known);
  return meant.empty() ? "" : "is not a redis.conf directive" + meant;
}

bool needs_restart(std::string_view name) {
  // those of which CONFIG SET says that they are immutable or protected, and those that CONFIG does not know at all
  static constexpr std::array fixed = {"always-show-logo",
                                       "aof_rewrite_cpulist",
                                       "aof-rewrite-cpulist",
                                       "appenddirname",
                                       "appendfilename",
                                       "bgsave_cpulist",
                                       "bgsave-cpulist",
                                       "bio_cpulist",
                                       "bio-cpulist",
                                       "cluster-config-file",
                                       "cluster-enabled",
                                       "cluster-port",
                                       "databases",
                                       "dbfilename",
                                       "disable-thp",
                                       "enable-debug-command",
                                       "enable-module-command",
                                       "enable-protected-configs",
                                       "io-threads",
                                       "io-threads-do-reads",
                                       "loadmodule",
                                       "rdbchecksum",
                                       "rename-command",
                                       "server_cpulist",
                                       "server-cpulist",
                                       "set-proc-title",
                                       "socket-mark-id",
                                       "syslog-enabled",
                                       "syslog-facility",
                                       "syslog-ident",
                                       "tcp-backlog",
                                       "unixsocketperm"};
  return std::find(fixed.begin(), fixed.end(), name) != fixed.end();
}

bool is_repeatable_directive(std::string_view name) {
  return name == "save" || name == "client-output-buffer-limit" || name == "rename-command" || name == "loadmodule";
}

}  // namespace raibid
