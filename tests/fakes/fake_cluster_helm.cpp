#include "base/error.hpp"
#include "base/strings.hpp"
#include "fakes/fake_cluster_child.hpp"
#include "fakes/fake_redis.hpp"
#include "sys/random.hpp"
#include "tools/certificate.hpp"
#include "tools/tls_error.hpp"

#include <fmt/format.h>

#include <stdexcept>

namespace raibid {

using namespace fake_cluster;
using nlohmann::json;
using std::chrono::milliseconds;

namespace {

std::string next_version(const json& releases) {
  return std::to_string(releases.empty() ? 1 : std::stoi(releases.back()["version"].get<std::string>()) + 1);
}

json* last_deployed(json& releases) {
  json* found = nullptr;
  for (json& record : releases) {
    if (record["status"] == "deployed") found = &record;
  }
  return found;
}

/// The newest revision is what runs; the one before it no longer is.
void deploy(json& releases) {
  if (json* const before = last_deployed(releases)) (*before)["status"] = "superseded";
  releases.back()["status"] = "deployed";
}

bool speaks_tls(const json& set) {
  return json::parse(set["values"].get<std::string>()).value("/tls/enabled"_json_pointer, false);
}

/// The first certificate of a PEM text as DER.
std::string der_of(const std::string& pem) {
  const std::string begin = "-----BEGIN CERTIFICATE-----";
  const std::size_t start = pem.find(begin) + begin.size();
  std::string body = pem.substr(start, pem.find("-----END", start) - start);
  std::erase(body, '\n');
  return base64_decode(body);
}

bool in_the_middle(const json& releases) {
  return !releases.empty() && releases.back()["status"].get<std::string>().starts_with("pending-");
}

}  // namespace

void FakeCluster::helm(Child& child, const Words& words, bool half) {
  if (words.verb() == "upgrade") return upgrade(child, words, half);
  if (words.verb() == "rollback") return rollback(child, words, half);
  if (words.verb() == "uninstall") return uninstall(child, half);
  if (words.verb() == "template") {
    if (!half) child.text = "# no objects\n";
    return;
  }
  if (words.verb() != "version") throw std::logic_error("FakeCluster knows no helm " + words.verb());
  if (!half) child.text = "v4.1.4+g1234567\n";
}

void FakeCluster::upgrade(Child& child, const Words& words, bool half) {
  json& releases = m_state["releases"];
  if (child.made.empty()) {
    if (in_the_middle(releases)) return child.fail(": another operation (install/upgrade/rollback) is in progress");
    const long long now =
        1769850487 + std::chrono::duration_cast<std::chrono::seconds>(m_clock.now() - FakeClock().now()).count();
    json record = {
        {"name", release}, {"owner", "helm"}, {"version", next_version(releases)}, {"modifiedAt", std::to_string(now)}};
    record["status"] = last_deployed(releases) ? "pending-upgrade" : "pending-install";
    record["values"] = child.command.input;
    if (!releases.empty()) {  // labels of one revision are those of the next, unless it is given others
      for (const auto& [name, value] : releases.back().items()) {
        if (name.find('/') != std::string::npos) record[name] = value;
      }
    }
    for (const std::string& pair : split(words.after("--labels"), ','))
      record[pair.substr(0, pair.find('='))] = pair.substr(pair.find('=') + 1);
    releases.push_back(record);
    if (!helm_is_idle) install_objects(releases.back());
    child.made.push_back("record");
  }
  if (half) return;
  deploy(releases);
  child.text = "REVISION: " + releases.back()["version"].get<std::string>() + "\n";
}

void FakeCluster::rollback(Child& child, const Words& words, bool half) {
  json& releases = m_state["releases"];
  if (child.made.empty()) {
    json record;
    for (const json& candidate : releases) {
      if (candidate["version"] == words.list.at(2)) record = candidate;
    }
    if (record.is_null()) return child.fail(": release has no revision " + words.list.at(2));
    record["version"] = next_version(releases);
    record["status"] = "pending-rollback";
    releases.push_back(record);
    install_objects(record);
    child.made.push_back("record");
  }
  if (!half) deploy(releases);
}

void FakeCluster::uninstall(Child& child, bool half) {
  json& releases = m_state["releases"];
  if (releases.empty()) {
    child.errors = "Error: uninstall: Release not loaded: raibid-redis: release: not found\n";
    child.exit_code = 1;
    return;
  }
  releases.back()["status"] = "uninstalling";
  forget(std::string("service/") + workload);
  if (half) return;
  const json* const set = find(set_key);
  const bool kept =
      set != nullptr && set->value("/metadata/annotations/helm.sh~1resource-policy"_json_pointer, "") == "keep";
  if (!kept) forget(set_key);
  releases = json::array();
}

/// What the chart makes, and what the controller makes of that.
void FakeCluster::install_objects(const json& record) {
  json owned = json::parse(record["values"].get<std::string>()).value("commonAnnotations", json::object());
  owned["meta.helm.sh/release-name"] = release;
  put(std::string("service/") + workload,
      {{"kind", "Service"}, {"metadata", {{"name", workload}, {"annotations", owned}}}});
  const json asked = {{"resources", {{"requests", {{"storage", "8Gi"}}}}}};
  json claim_spec = asked;
  claim_spec["storageClassName"] = "local-path";  // the default, which only the claim itself shows
  if (!find(claim_key))
    put(claim_key, {{"kind", "PersistentVolumeClaim"},
                    {"metadata", {{"name", claim_key.substr(claim_key.find('/') + 1)}}},
                    {"spec", claim_spec}});
  const json* const present = find(set_key);
  if (present != nullptr && (*present)["values"] == record["values"]) return;
  const std::string uid = present != nullptr ? (*present)["metadata"]["uid"].get<std::string>() : "";
  const int generation = present != nullptr ? (*present)["metadata"]["generation"].get<int>() + 1 : 1;
  const std::string revision = "rev-" + sha256_hex(record["values"].get<std::string>()).substr(0, 8);
  const json values = json::parse(record["values"].get<std::string>());
  const json size = {{"storage", values.value("/master/persistence/size"_json_pointer, "8Gi")}};
  const json claim = {{"metadata", {{"name", "redis-data"}}}, {"spec", {{"resources", {{"requests", size}}}}}};
  const json mount = {{"name", "redis-data"}, {"mountPath", "/data"}};
  const json container = {{"name", "redis"}, {"volumeMounts", json::array({mount})}};
  json pod = {{"containers", json::array({container})}, {"volumes", json::array()}};
  json sources = json::array({{{"configMap", json::object()}}});
  if (values.value("/auth/enabled"_json_pointer, true)) sources.push_back({{"secret", json::object()}});
  pod["volumes"].push_back({{"name", "configuration"}, {"projected", {{"sources", sources}}}});
  if (values.value("/tls/enabled"_json_pointer, false)) {
    const std::string secret = values.value("/tls/existingSecret"_json_pointer, "");
    pod["volumes"].push_back({{"name", "tls"}, {"secret", {{"secretName", secret}}}});
  }
  // a rolling update: the last node of several is replaced, and finds nobody that it can talk to
  const bool stuck = present != nullptr && nodes_of(values) > 1 && nodes_of_set(*present) == nodes_of(values) &&
                     (*present)["spec"]["template"]["spec"]["volumes"] != pod["volumes"];
  put(set_key, {{"kind", "StatefulSet"},
                {"metadata", {{"name", workload}, {"generation", generation}, {"annotations", owned}}},
                {"spec",
                 {{"replicas", nodes_of(values)},
                  {"template", {{"spec", pod}}},
                  {"volumeClaimTemplates", json::array({claim})}}},
                {"values", record["values"]},
                {"status", {{"observedGeneration", generation}, {"updateRevision", revision}}}});
  if (!uid.empty()) (*find(set_key))["metadata"]["uid"] = uid;
  if (!stuck && (!keeps_pods || !find(pod_key))) make_pod();
  make_nodes(nodes_of(values));
  for (int node = 1; node < nodes_of(values); ++node) {
    if (!stuck || node == nodes_of(values) - 1) make_pod(node);
    if (find(claim_key_of(node))) continue;
    put(claim_key_of(node), {{"kind", "PersistentVolumeClaim"},
                             {"metadata", {{"name", claim_key_of(node).substr(claim_key_of(node).find('/') + 1)}}},
                             {"spec", claim_spec}});
  }
}

/// What several nodes have beside their pods and claims; takes away what is too much, claims excepted.
void FakeCluster::make_nodes(int nodes) {
  const int wanted = nodes > 1 ? nodes : 0;
  for (int node = 0; node < wanted; ++node)
    put("service/" + node_name(node),
        {{"kind", "Service"}, {"metadata", {{"name", node_name(node)}}}, {"spec", {{"clusterIP", address_of(node)}}}});
  for (const char* const name : {"raibid-redis-proxy-a", "raibid-redis-proxy-b"}) {
    const std::string key = std::string("pod/") + name;
    if (wanted == 0) m_state["objects"].erase(key);
    if (wanted == 0 || find(key)) continue;
    put(key, {{"kind", "Pod"},
              {"metadata", {{"name", name}}},
              {"status", {{"phase", "Running"}, {"conditions", {{{"type", "Ready"}, {"status", "True"}}}}}}});
  }
  constexpr int most = 10;
  for (int node = wanted; node < most; ++node) {
    m_state["objects"].erase("service/" + node_name(node));
    if (node == 0) continue;
    m_state["objects"].erase(pod_key_of(node));
    for (const char* const kind : {"node", "sentinel"}) m_state["servers"].erase(fmt::format("{} {}", kind, node));
  }
}

void FakeCluster::make_pod(int node) {
  const json& set = *find(set_key);
  const json owner = {{"kind", "StatefulSet"}, {"name", workload}, {"uid", set["metadata"].value("uid", "")}};
  if (const json* const secret = find("secret/raibid-redis"); secret && (*secret)["data"].contains("users.acl")) {
    json users = json::object();
    for (const std::string& line : split(base64_decode((*secret)["data"]["users.acl"].get<std::string>()), '\n')) {
      const std::vector<std::string> words = split(line, ' ');
      if (words.size() > 2) users[words[1]] = json(std::vector<std::string>(words.begin() + 2, words.end()));
    }
    m_state["users"] = users;
  }
  if (const json* const secret = find(certificate_key_of(set)); secret != nullptr && speaks_tls(set))
    m_state["served"] = base64_decode((*secret)["data"]["tls.crt"].get<std::string>());
  if (const json* const secret = find("secret/raibid-redis"); secret && nodes_of_set(set) > 1) {
    const json& data = (*secret)["data"];
    for (const auto& [kind, file] : {std::pair("node", "users.acl"), std::pair("sentinel", "sentinel.conf")}) {
      if (!data.contains(file)) continue;
      json& server = m_state["servers"][fmt::format("{} {}", kind, node)];
      server = {{"users", json::object()}};
      if (data.contains("internal-password"))
        server["password"] = sha256_hex(base64_decode(data["internal-password"].get<std::string>()));
      for (const std::string& line : split(base64_decode(data[file].get<std::string>()), '\n')) {
        const std::vector<std::string> words = split(line, ' ');
        if (words.size() > 2 && words[0] == "user")
          server["users"][words[1]] = json(std::vector<std::string>(words.begin() + 2, words.end()));
      }
    }
  }
  put(pod_key_of(node),
      {{"kind", "Pod"},
       {"metadata",
        {{"name", node_name(node)},
         {"labels", {{"controller-revision-hash", set["status"]["updateRevision"]}}},
         {"ownerReferences", {owner}}}},
       {"spec", set["spec"]["template"]["spec"]},
       {"ready_at", std::chrono::duration_cast<milliseconds>(m_clock.now() - FakeClock().now() + pod_start).count()},
       {"status", {{"phase", "Pending"}}}});
}

/// The Redis in the pod: its password is the Secret's, its settings are the values', its groups live as long as the
/// claim.
class FakeCluster::Connection final : public RedisConnection {
 public:
  /// `server`: one of several nodes ("node 1", "sentinel 0"), or "".
  Connection(FakeCluster& cluster, std::string shown, std::string server)
      : m_cluster(cluster), m_shown(std::move(shown)), m_server(std::move(server)) {}
  std::string peer_certificate() const override { return m_shown; }

  RedisReply command(const std::vector<std::string>& words) override {
    if (m_cluster.find(pod_key) == nullptr) throw Error(ExitCode::failure, "the connection to Redis broke");
    const json* const secret = m_cluster.find("secret/raibid-redis");
    const std::string& name = words.at(0);
    if (!m_server.empty()) {
      if (name == "AUTH") m_known = lets_in(words.size() > 2 ? words[1] : "default", words.back());
      if (name == "AUTH" && !m_known)
        return FakeRedis::error("WRONGPASS invalid username-password pair or user is disabled.");
      if (!m_cluster.m_state["servers"].contains(m_server))
        throw Error(ExitCode::failure, "the connection to Redis broke");
      const bool sets_password = (name == "SENTINEL" && (words.at(1) == "SET" || words.at(1) == "CONFIG")) ||
                                 (name == "CONFIG" && words.at(1) == "SET" && words.at(2) == "masterauth");
      if (sets_password) {
        m_cluster.m_state["servers"][m_server]["password"] = sha256_hex(words.back());
        m_cluster.save();
        return FakeRedis::status("OK");
      }
      const bool asks_tls = name == "CONFIG" && words.at(2).starts_with("tls-");
      if (name == "CONFIG" && words.at(1) == "GET" && asks_tls) return tls_setting(words.at(2));
      if (name == "SENTINEL" || name == "INFO" || (name == "CONFIG" && words.at(1) == "GET")) return of_node(words);
      if (name == "ACL") return acl(words);
      const bool of_data = is_one_of(name, {"PING", "SLOWLOG", "PTTL", "ROLE", "DEL", "XLEN", "XGROUP", "XINFO"});
      if (m_server.starts_with("sentinel") || !of_data) return FakeRedis::status("OK");
    }
    if (name == "AUTH" && m_cluster.m_state.contains("users")) {
      // the Secret's, which a test may change; while users are changed, whom Redis knows
      const bool as_in_secret =
          words.size() > 2 || (secret && ((*secret)["data"]["redis-password"] == base64_encode(words.back()) ||
                                          (*secret)["data"].contains("previous-users")));
      m_known = as_in_secret && lets_in(words.size() > 2 ? words[1] : "default", words.back());
      return m_known ? FakeRedis::status("OK")
                     : FakeRedis::error("WRONGPASS invalid username-password pair or user is disabled.");
    }
    if (name == "AUTH") {
      m_known = secret != nullptr && (*secret)["data"]["redis-password"] == base64_encode(words.at(1));
      return m_known ? FakeRedis::status("OK")
                     : FakeRedis::error("WRONGPASS invalid username-password pair or user is disabled.");
    }
    const json values = json::parse((*m_cluster.find(set_key))["values"].get<std::string>());
    const bool open = !values.value("/auth/enabled"_json_pointer, true);
    if (!m_known && !open) return FakeRedis::error("NOAUTH Authentication required.");
    if (name == "PING") return FakeRedis::status("PONG");
    if (name == "INFO") return FakeRedis::text("redis_version:7.0.15\r\nrun_id:run-0\r\n");
    if (name == "CONFIG" && words.at(1) == "GET" && words.at(2).starts_with("tls-")) return tls_setting(words.at(2));
    if (name == "CONFIG" && words.at(1) == "SET" && words.at(2) == "tls-cert-file") {
      m_cluster.m_state["served"] = base64_decode(
          (*m_cluster.find(certificate_key_of(*m_cluster.find(set_key))))["data"]["tls.crt"].get<std::string>());
      m_cluster.save();
      return FakeRedis::status("OK");
    }
    if (name == "CONFIG" && words.at(1) == "GET")
      return FakeRedis::list({FakeRedis::text(words.at(2)), FakeRedis::text(setting(words.at(2)))});
    if (name == "SLOWLOG") return FakeRedis::list({});
    if (name == "ACL") return acl(words);
    if (name == "PTTL") return {RedisReply::Type::integer, "", -1, {}};
    if (name == "ROLE") return FakeRedis::list({FakeRedis::text("master")});
    if (name == "DEL") m_cluster.m_state["groups"].erase(words.at(1));
    if (name == "XLEN" || name == "DEL") return {RedisReply::Type::integer, "", 0, {}};
    if (name == "XGROUP" || name == "XINFO") return group(words);
    throw std::logic_error("FakeCluster's Redis knows no " + name);
  }

  std::vector<RedisReply> pipeline(const std::vector<std::vector<std::string>>& commands) override {
    std::vector<RedisReply> replies;
    for (const auto& words : commands) replies.push_back(command(words));
    return replies;
  }

  void send(const std::vector<std::string>& arguments) override { m_sent.push_back(arguments); }
  RedisReply receive() override {
    const std::vector<std::string> arguments = m_sent.front();
    m_sent.pop_front();
    return command(arguments);
  }

 private:
  json& users() const {
    return (m_server.empty() ? m_cluster.m_state : m_cluster.m_state["servers"][m_server])["users"];
  }

  bool lets_in(const std::string& user, const std::string& password) const {
    const json known = users().value(user, json::array());
    const auto has = [&](const std::string& rule) {
      return std::find(known.begin(), known.end(), json(rule)) != known.end();
    };
    return has("on") && (has("nopass") || has("#" + sha256_hex(password)));
  }

  RedisReply tls_setting(const std::string& name) const {
    const json values = json::parse((*m_cluster.find(set_key))["values"].get<std::string>());
    std::string value = setting(name);
    if (name.ends_with("-file")) value = "/etc/tls/" + name;
    if (name == "tls-auth-clients") value = values.value("/tls/authClients"_json_pointer, false) ? "yes" : "no";
    return FakeRedis::list({FakeRedis::text(name), FakeRedis::text(value)});
  }

  /// What a node, or its sentinel, says of all: node 0 is the master.
  RedisReply of_node(const std::vector<std::string>& words) {
    const int node = std::stoi(m_server.substr(m_server.find(' ') + 1));
    const auto text = [](const std::string& said) { return FakeRedis::text(said); };
    if (words[0] == "SENTINEL" && (words[1] == "MASTER" || words[1] == "GET-MASTER-ADDR-BY-NAME")) {
      const bool of_facts = words[1] == "MASTER";
      return of_facts ? FakeRedis::list({text("ip"), text(address_of(0)), text("config-epoch"), text("1")})
                      : FakeRedis::list({text(address_of(0)), text("6379")});
    }
    if (words[0] == "SENTINEL") return FakeRedis::status("OK");
    if (words[0] == "INFO" && words.at(1) == "server")
      return text(fmt::format("redis_version:7.0.15\r\nrun_id:run-{}\r\n", node));
    if (words[0] == "INFO" && node > 0)
      return text(fmt::format("role:slave\r\nmaster_host:{}\r\nmaster_link_status:up\r\nslave_repl_offset:100\r\n",
                              address_of(0)));
    if (words[0] == "INFO") {
      std::string said = "role:master\r\nmaster_repl_offset:100\r\n";
      for (int other = 1; other < nodes_of_set(*m_cluster.find(set_key)); ++other) {
        const json* const pod = m_cluster.find(pod_key_of(other));
        if (pod != nullptr && (*pod)["status"]["phase"] == "Running")
          said +=
              fmt::format("slave{}:ip={},port=6379,state=online,offset=100,lag=0\r\n", other - 1, address_of(other));
      }
      return text(said);
    }
    const std::string& name = words.at(2);
    static const std::map<std::string, std::string> of_chart = {
        {"min-replicas-to-write", "1"}, {"min-replicas-max-lag", "3"},     {"repl-diskless-sync-delay", "0"},
        {"repl-timeout", "7"},          {"repl-ping-replica-period", "3"}, {"replica-priority", "100"}};
    const auto usual = of_chart.find(name);
    return FakeRedis::list({text(name), text(name == "replica-announce-ip" ? address_of(node)
                                             : usual != of_chart.end()     ? usual->second
                                                                           : setting(name))});
  }

  /// Rules stand as they were given, one of them once; `reset` and on or off replace what was there.
  RedisReply acl(const std::vector<std::string>& words) {
    json& all = users();
    if (words.at(1) == "LIST") {
      std::vector<RedisReply> lines;
      for (const auto& [name, rules] : all.items()) {
        std::string line = "user " + name;
        for (const json& rule : rules) line += " " + rule.get<std::string>();
        lines.push_back(FakeRedis::text(line));
      }
      return FakeRedis::list(lines);
    }
    for (std::size_t i = 2; words.at(1) == "DELUSER" && i < words.size(); ++i) all.erase(words[i]);
    for (std::size_t i = 3; words.at(1) == "SETUSER" && i < words.size(); ++i) {
      json& rules = all[words[2]];
      if (!rules.is_array() || words[i] == "reset") rules = json::array();
      if (words[i] == "reset") continue;
      if (words[i] == "on" || words[i] == "off")
        std::erase_if(rules.get_ref<json::array_t&>(), [](const json& rule) { return rule == "on" || rule == "off"; });
      if (std::find(rules.begin(), rules.end(), json(words[i])) == rules.end()) rules.push_back(words[i]);
    }
    m_cluster.save();
    return FakeRedis::status("OK");
  }

  std::string setting(const std::string& name) const {
    const json values = json::parse((*m_cluster.find(set_key))["values"].get<std::string>());
    for (const std::string& line : split(values.value("commonConfiguration", ""), '\n')) {
      if (line.starts_with(name + " "))
        return line.substr(name.size() + 1) == "\"\"" ? "" : line.substr(name.size() + 1);
    }
    return "";
  }

  RedisReply group(const std::vector<std::string>& words) {
    json& groups = m_cluster.m_state["groups"];
    const bool there = groups.contains(words.at(2));
    if (words.at(1) == "CREATE") {
      groups[words.at(2)] = words.at(3);
      return FakeRedis::status("OK");
    }
    if (words.at(1) == "DESTROY") return {RedisReply::Type::integer, "", there ? 1 : 0, {}};
    if (!there) return FakeRedis::error("ERR no such key");
    const RedisReply one =
        FakeRedis::list({FakeRedis::text("name"), FakeRedis::text(groups[words.at(2)].get<std::string>())});
    return FakeRedis::list({one});
  }

  FakeCluster& m_cluster;
  std::string m_shown;
  std::string m_server;
  bool m_known = false;
  std::deque<std::vector<std::string>> m_sent;
};

std::unique_ptr<RedisConnection> FakeCluster::connect(const RedisEndpoint& endpoint, Duration) {
  const std::string server = server_at(endpoint.port);
  const json* const pod = find(server.empty() ? pod_key : pod_key_of(std::stoi(server.substr(server.find(' ') + 1))));
  if (pod == nullptr || (*pod)["status"]["phase"] != "Running") {
    throw Error(ExitCode::failure,
                fmt::format("cannot connect to Redis at {}:{}: Connection refused", endpoint.host, endpoint.port));
  }
  const bool encrypted = speaks_tls(*find(set_key));
  if (encrypted != endpoint.tls.has_value())
    throw Error(ExitCode::failure, encrypted ? "Redis speaks TLS alone" : "Redis does not speak TLS");
  const std::string served = encrypted ? m_state.value("served", "") : "";
  if (encrypted) {
    const CertificateFacts facts = read_certificate(served, "what the fake cluster serves");
    const bool valid = facts.not_before <= m_clock.wall() && m_clock.wall() < facts.not_after;
    if (!valid || !why_not_signed_by(served, endpoint.tls->ca).empty() ||
        !covers_name(facts, endpoint.tls->server_name))
      throw TlsError(TlsProblem::unknown_ca, "the certificate cannot be verified");
  }
  return std::make_unique<Connection>(*this, encrypted ? der_of(served) : "", server);
}

/// Of the two ports of a node the second one is its sentinel's.
std::string FakeCluster::server_at(int port) {
  const int at = port - first_port_of_nodes;
  return at < 0 ? "" : fmt::format("{} {}", at % 2 == 0 ? "node" : "sentinel", at / 2);
}

std::string FakeCluster::forwarding(const std::string& target, const std::string& remote) {
  const bool to_sentinel = remote == ":26379";
  const int node = node_of_pod(target);
  int local = 40123;
  if (to_sentinel || (node >= 0 && m_state["servers"].contains(fmt::format("node {}", node))))
    local = first_port_of_nodes + 2 * node + (to_sentinel ? 1 : 0);
  return fmt::format("Forwarding from 127.0.0.1:{} -> {}\n", local, remote.substr(remote.find(':') + 1));
}

std::string FakeCluster::served_certificate(const RedisEndpoint&, Duration) { return m_state.value("served", ""); }

}  // namespace raibid
