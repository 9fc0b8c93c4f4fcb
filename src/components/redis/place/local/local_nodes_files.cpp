// What the processes of several nodes on this machine start with: the chart's own files, and what differs here.
#include <fmt/format.h>

#include "assets/assets.hpp"
#include "assets/render.hpp"
#include "base/strings.hpp"
#include "components/redis/place/local/local_nodes.hpp"
#include "components/redis/server/certificates.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/topology.hpp"

namespace raibid {

namespace {

constexpr const char* written_by =
    "# written by raibid-cli setup redis --target local; the next setup writes it again\n";
/// The chart's defaults (sentinel in values.yaml), but for renew_after, which only the Services of a cluster need.
constexpr const char* sentinel_times = "down_after=4500\nfailover_timeout=5000\nparallel_syncs=1\nrenew_after=\n";

/// The lines by which a server or a sentinel listens, with TLS or without.
std::string listening(const LocalInstance& instance, int port, const RedisSettings& settings) {
  if (!settings.tls.enabled()) return fmt::format("port {}\n", port);
  const auto file = [&](const char* key) { return conf_word((instance.tls() / key).string()); };
  return fmt::format(
             "port 0\ntls-port {}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\ntls-replication yes\n", port,
             file(tls_certificate_key), file(tls_private_key_key), file(tls_trusted_key)) +
         "tls-protocols \"TLSv1.2 TLSv1.3\"\n" + redis_conf(tls_directives(settings.tls));
}

}  // namespace

std::string nodes_conf(const LocalInstance& instance, int port, const RedisSettings& settings) {
  std::string text = written_by;
  text += asset("charts/redis/files/nodes.conf");
  if (settings.auth) {
    text += fmt::format("include {}\n", conf_word(instance.file_of(replication_conf_key).string()));
    text += fmt::format("aclfile {}\n", conf_word(instance.acl().string()));
  }
  text += fmt::format("unixsocket {}\nunixsocketperm 700\ndaemonize yes\n", LocalInstance::socket_name);
  return text + listening(instance, port, settings) + redis_conf(settings.directives);
}

std::string start_script(const LocalInstance& instance, int port, int port_of_sentinels,
                         const RedisSettings& settings) {
  std::string text = written_by;
  text += fmt::format("cd {} || exit\n", shell_quote(instance.folder().string()));
  text += fmt::format("name={}\nnodes={}\nset={}\nquorum={}\n", shell_quote(instance.release()), settings.replicas + 1,
                      master_set, sentinel_quorum(settings.replicas + 1));
  text += sentinel_times;
  text += fmt::format("ordinal=${{NODE:?}}\nfile=$PWD/nodes/$ordinal/sentinel/sentinel.conf\nsecrets=$PWD\nauth={}\n",
                      settings.auth ? "yes" : "");
  text += fmt::format("redis_port={}\nsentinel_port={}\n", port, port_of_sentinels);
  // all relative to the folder, whose name may be of several words
  const bool shows_one = settings.tls.client_certificates;
  text += fmt::format(
      "to_itself=\"-s nodes/$ordinal/data/{}\"\nto_others={}\n", LocalInstance::socket_name,
      !settings.tls.enabled()
          ? "''"
          : fmt::format(
                "'--tls --cacert tls/{}{}'", tls_trusted_key,
                shows_one ? fmt::format(" --cert tls/{} --key tls/{}", tls_certificate_key, tls_private_key_key) : ""));
  text += fmt::format("to_own_sentinel=\"-s nodes/$ordinal/sentinel/{}\"\n", LocalInstance::socket_name);
  text += "look_up() { echo \"127.0.0.$(($1 + 1))\"; }\nsentinel_listens() {\n  cat <<'LINES'\n";
  text += listening(instance, port_of_sentinels, settings);
  text += fmt::format("unixsocket {}\nunixsocketperm 700\ndaemonize yes\nLINES\n", LocalInstance::socket_name);
  text +=
      "  printf '%s\\n' \"bind $(look_up \"$ordinal\")\" \"dir nodes/$ordinal/sentinel\" 'logfile ../sentinel.log' "
      "'pidfile ../sentinel.pid'\n}\n";
  text +=
      "run_server() {\n  exec \"$server\" --include redis.conf --bind \"$(look_up \"$ordinal\")\" --dir "
      "\"nodes/$ordinal/data\" \\\n    --logfile ../redis.log --pidfile ../redis.pid \"$@\"\n}\n";
  return text + std::string(asset("charts/redis/files/ha.sh"));
}

std::string proxy_conf(int port, int node_port, const RedisSettings& settings) {
  std::string servers, alone, leading;
  for (int node = 0; node <= settings.replicas; ++node) {
    const std::string address = fmt::format("{}:{}", node_address(node), node_port);
    const char* const end = node == settings.replicas ? "" : "\n";
    servers += fmt::format("    server node{} {}{}", node, address, end);
    leading += fmt::format("    server node{0} {1} track leading/node{0}{2}", node, address, end);
    alone += fmt::format("    server lone{0} {1} backup track lone/node{0} on-marked-down shutdown-sessions{2}", node,
                         address, end);
  }
  const std::string shown = settings.tls.client_certificates ? fmt::format(" crt {}", client_certificate) : "";
  return written_by + render(asset("charts/redis/files/haproxy.cfg"),
                             {{"health", ""},
                              {"address", fmt::format("127.0.0.1:{}", port)},
                              {"connect", settings.tls.enabled() ? " default" : ""},
                              {"login", settings.auth ? "AUTH health -\\r\\n" : ""},
                              {"least", settings.auth ? "29" : "24"},
                              {"tls", settings.tls.enabled() ? " check-ssl verify none" + shown : ""},
                              {"patience", settings.tls.enabled() ? "1s" : "250ms"},
                              {"alone", alone},
                              {"leading", leading},
                              {"servers", servers}},
                             "haproxy.cfg");
}

}  // namespace raibid
