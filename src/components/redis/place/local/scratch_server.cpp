#include "components/redis/place/local/scratch_server.hpp"

#include <fmt/format.h>

#include <cctype>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/instance.hpp"
#include "components/redis/server/connect.hpp"
#include "components/redis/settings/redis_conf.hpp"

namespace raibid {

namespace {

constexpr const char* scratch_socket = "scratch.sock";
/// It opens its socket before it loads; what it loads may take as long as it takes.
constexpr Duration scratch_start = std::chrono::seconds(20);

/// A line of its log without pid, time and role: "4711:M 26 Nov 2026 14:05:00.123 # Bad file format …".
std::string words_of_log(const std::string& line) {
  for (const std::string_view mark : {" # ", " * ", " - "}) {
    const std::size_t at = line.find(mark);
    if (at != std::string::npos) return line.substr(at + mark.size());
  }
  return line;
}

}  // namespace

ScratchServer::ScratchServer(Context& context, const std::string& program, const fs::path& rdb)
    : m_connector(context.redis), m_folder(context.paths.temporary, "scratch") {
  std::error_code none;
  const fs::path file = fs::absolute(rdb, none);
  start(context, program,
        fmt::format("dir {}\ndbfilename {}\nappendonly no\n", conf_word(file.parent_path().string()),
                    conf_word(file.filename().string())),
        rdb);
}

ScratchServer::ScratchServer(Context& context, const std::string& program, const Aof& aof)
    : m_connector(context.redis), m_folder(context.paths.temporary, "scratch") {
  std::error_code none;
  start(context, program,
        fmt::format("dir {}\nappendonly yes\nappenddirname {}\nappendfilename {}\naof-load-truncated yes\n"
                    "auto-aof-rewrite-percentage 0\nrepl-diskless-sync-delay 0\n",
                    conf_word(fs::absolute(aof.data, none).string()), conf_word(aof.directory), conf_word(aof.base)),
        aof.data);
}

void ScratchServer::start(Context& context, const std::string& program, const std::string& files, const fs::path& rdb) {
  std::error_code none;
  RedisEndpoint endpoint;
  endpoint.host = (m_folder.path() / scratch_socket).string();
  const std::string conf = fmt::format(
      "port 0\nunixsocket {}\nunixsocketperm 700\n{}save \"\"\n"
      "databases 1024\ndaemonize no\nmaxmemory 0\nlogfile \"\"\n",
      conf_word(endpoint.host), files);
  m_process = context.runner.start({{program, "-"}, conf, {}});
  const TimePoint until = context.runner.now() + scratch_start;
  while (!m_redis) {
    hear(context, std::chrono::milliseconds(20));
    if (m_process->finished()) fail(rdb);
    if (!fs::exists(endpoint.host, none)) {
      if (context.runner.now() >= until) fail(rdb);
      continue;
    }
    try {
      m_redis = ask_for_pong(context.redis, endpoint, reply_limit).connection;
    } catch (const Error&) {
      hear(context, std::chrono::seconds(1));  // one that ends says why
      fail(rdb);
    }
  }
}

void ScratchServer::hear(Context& context, Duration time) {
  Process* const process = m_process.get();
  context.runner.wait({&process, 1}, context.runner.now() + time);
  m_said += m_process->out() + m_process->err();
  m_process->out().clear();
  m_process->err().clear();
}

std::unique_ptr<RedisConnection> ScratchServer::connect() {
  RedisEndpoint endpoint;
  endpoint.host = (m_folder.path() / scratch_socket).string();
  return connect_redis(m_connector, endpoint, reply_limit);
}

ScratchServer::~ScratchServer() {
  m_redis.reset();
  if (m_process) m_process->end();
}

void ScratchServer::fail(const fs::path& rdb) {
  std::string why = "it does not start";
  for (const std::string& line : split(m_said, '\n')) {
    const bool says_why = line.find(" # ") != std::string::npos && line.find("WARNING") == std::string::npos;
    if (says_why) why = words_of_log(line);
    if (line.find("handle RDB format version") != std::string::npos) {
      throw Error(ExitCode::preflight,
                  fmt::format("{} is of a newer Redis than redis-server of this machine: {}", rdb.string(),
                              printable(words_of_log(line))),
                  "use a machine with that version");
    }
  }
  throw Error(ExitCode::failure, fmt::format("redis-server does not load {}: {}", rdb.string(), printable(why)));
}

std::optional<ScratchProgram> find_scratch_server(Context& context) {
  try {
    LocalServer server = find_local_server(context);
    return ScratchProgram{std::move(server.program), std::move(server.version)};
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace raibid
