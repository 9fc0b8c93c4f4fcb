#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/secret.hpp"
#include "components/context.hpp"
#include "components/redis/place/local/processes.hpp"
#include "components/redis/place/status_facts.hpp"
#include "components/redis/run/certificates.hpp"
#include "components/redis/run/users.hpp"
#include "components/redis/settings/naming.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/values.hpp"

namespace raibid {

/// A redis-server of this machine, in a folder of its own: redis.conf, users.acl, password, state.json, redis.log and
/// data/. It outlives the command that started it.
class LocalInstance {
 public:
  LocalInstance(const Context& context, const std::string& release);

  std::string release() const { return m_folder.filename(); }
  std::filesystem::path folder() const { return m_folder; }
  std::filesystem::path data() const { return m_folder / "data"; }
  std::filesystem::path conf() const { return m_folder / "redis.conf"; }
  std::filesystem::path acl() const { return m_folder / "users.acl"; }
  std::filesystem::path log() const { return m_folder / "redis.log"; }
  std::filesystem::path password_file() const { return m_folder / "password"; }
  std::filesystem::path state_file() const { return m_folder / "state.json"; }
  std::filesystem::path trim_file() const { return m_folder / "trimmed.json"; }

  std::filesystem::path history_file() const { return m_folder / "history.jsonl"; }
  std::filesystem::path removed_file() const { return m_folder / "removed"; }

  std::filesystem::path tls() const { return m_folder / "tls"; }

  /// With several nodes (--ha): each has a folder of its own with data/, sentinel/ and logs; the proxy that leads to
  /// the master has one, too.
  bool several() const;
  std::filesystem::path node(int ordinal) const { return m_folder / "nodes" / std::to_string(ordinal); }
  std::filesystem::path proxy() const { return m_folder / "proxy"; }
  std::filesystem::path proxy_conf() const { return proxy() / "haproxy.cfg"; }
  std::filesystem::path start_script() const { return m_folder / "ha.sh"; }
  /// All that it consists of, in the order in which they are stopped; the first has the port.
  std::vector<LocalProcess> processes() const;

  /// Where its server listens for us; the server opens it in its own folder, so that no path is too long for it.
  std::filesystem::path socket() const { return data() / socket_name; }
  static constexpr const char* socket_name = "redis.sock";

  /// The last time that a command of ours has trimmed a stream.
  struct LastTrim {
    std::string at;  ///< RFC 3339
    std::string stream;
    std::int64_t removed = 0;
  };
  /// std::nullopt when there was none, or its file cannot be read.
  std::optional<LastTrim> last_trim() const;
  void note_trim(const Context& context, const std::string& stream, std::int64_t removed) const;

  bool exists() const;    ///< set up at some time, and its files are there
  bool removed() const;   ///< torn down, and its data, password and settings were kept
  bool has_data() const;  ///< a server has written something

  struct State {
    int port = 0;            ///< that applications are handed: of TLS when it speaks that
    int plain_port = 0;      ///< beside that of TLS (--tls-migrate), else 0
    std::string name_space;  ///< it was set up with; "" in a file of an older version
    Spec spec;
    int node_port = 0;      ///< of several nodes, which listen at node_address
    int sentinel_port = 0;  ///< of their sentinels
  };
  /// Throws Error (preflight) for a file that is damaged; std::nullopt when there is none.
  std::optional<State> state() const;
  /// Also that of an instance which asks for none now: it gets the same one again when it does.
  Secret password() const;
  /// Who may log in, key by key as a Secret of a cluster has it; each is a file of the folder. A password whose file is
  /// lost is that of the credentials file, if users.acl still has it.
  SecretContent content() const;
  /// The same, without passwords where none is asked for: Redis would refuse them.
  SecretContent content_of(const State& state) const { return state.spec.auth ? content() : SecretContent{}; }
  /// The file of a key of SecretContent.
  std::filesystem::path file_of(const std::string& key) const;
  /// What it speaks TLS with, key by key as in server/certificates.hpp; each is a file of tls().
  SecretContent certificates() const;
  /// Whom its certificate is for.
  CertificateSpec certificate_spec(const Context& context) const;

  /// Whether the server runs and is what answers at 127.0.0.1:`port`.
  bool listens(int port) const;
  /// Error (failure) saying that it does not run, or (preflight) which other process has its port.
  Error not_running(int port) const;
  /// Throws that Error unless it runs and has its port: before the port is handed to someone.
  void require_running(int port) const;

  /// The pid of what listens at the port, when it runs: the server, by its pid file if that process works in our data
  /// folder; of several nodes their proxy.
  std::optional<int> pid() const;

  /// Runs `server` with redis.conf; it puts itself into the background. Returns when it listens at `port`. Throws Error
  /// (failure) with the log's last lines.
  void start(Runner& runner, const std::string& server, int port, TimePoint deadline) const;
  /// SIGTERM, at which Redis writes its data and goes; returns when it is gone, of several nodes all processes. Not
  /// running is fine.
  void stop(Runner& runner, TimePoint deadline) const;
  void stop(const LocalProcess& process, Runner& runner, TimePoint deadline) const;

  /// The last lines of its log.
  std::string last_words() const;
  std::string last_words(const std::filesystem::path& log) const;

 private:
  void add_lost_passwords(SecretContent& content) const;

  std::filesystem::path m_folder;
  Paths m_paths;
  ChangeGuard m_guard;
};

/// The users of an instance: files of its folder, private and written whole.
class LocalUserStore final : public UserStore {
 public:
  LocalUserStore(const Context& context, LocalInstance instance)
      : m_files(context.files), m_instance(std::move(instance)) {}

  SecretContent read() override { return m_instance.content(); }
  void write(const SecretContent& changes) override;

 private:
  const Files& m_files;
  LocalInstance m_instance;
};

/// The certificates of an instance: files of its folder tls/ (0700), private and written whole.
class LocalCertificateStore final : public CertificateStore {
 public:
  LocalCertificateStore(const Context& context, LocalInstance instance)
      : m_files(context.files), m_instance(std::move(instance)) {}

  SecretContent read() override { return m_instance.certificates(); }
  void write(const SecretContent& changes) override;

 private:
  const Files& m_files;
  LocalInstance m_instance;
};

/// "redis-server" or "valkey-server", whichever PATH has, with its version. Throws Error (preflight) when it has
/// neither.
struct LocalServer {
  std::string program;
  std::string version;
};
LocalServer find_local_server(Context& context);

/// `wanted` when nobody listens there, else a free port. Loopback only.
int choose_port(int wanted = redis_port);

/// Where a node of several listens, for its port and its sentinel's: "127.0.0.2" for node 1. All of 127.0.0.0/8 is this
/// machine.
std::string node_address(int ordinal);
/// Whether nobody listens there.
bool is_free_port(int ordinal, int port);
/// The first port from `wanted` on that is free at the addresses of all these nodes. Throws Error (preflight).
int choose_node_port(int nodes, int wanted);

/// Every instance of this machine, by the name of its release.
std::vector<LocalInstance> local_instances(const Context& context);
/// Those that were torn down and whose files were kept.
std::vector<LocalInstance> kept_instances(const Context& context);

/// What status says of one, and how it calls it. A server that does not answer is a check that fails.
StatusReport examine_instance(Context& context, const LocalInstance& instance, const LocalInstance::State& state,
                              int unfinished);
std::string report_title(const Context& context, const LocalInstance& instance);

/// redis.conf for this machine: loopback, ACL file, TLS, and the directives that were asked for. `plain_port` is that
/// beside the one of TLS, or 0.
std::string local_conf(const LocalInstance& instance, int port, const RedisSettings& settings, int plain_port = 0);

}  // namespace raibid
