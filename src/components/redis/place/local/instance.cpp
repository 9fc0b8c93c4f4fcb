#include "components/redis/place/local/instance.hpp"

#include <nlohmann/json.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/json_depth.hpp"
#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"
#include "components/redis/server/credentials.hpp"
#include "components/redis/server/node_users.hpp"
#include "components/redis/settings/redis_conf.hpp"
#include "sys/files.hpp"
#include "sys/listener.hpp"
#include "sys/process.hpp"
#include "sys/process_table.hpp"
#include "sys/random.hpp"

namespace raibid {

namespace {

constexpr Duration poll_interval = std::chrono::milliseconds(20);
constexpr std::size_t log_limit = 64U << 20;
constexpr std::size_t last_lines = 5;
/// It listens within a tenth of a second, before it reads its data. One that ends is noticed at once.
constexpr Duration start_patience = std::chrono::seconds(20);
constexpr Duration ask_again_after = std::chrono::seconds(1);
constexpr const char* damaged_hint =
    "it says port and settings of this Redis: move it away, then run setup with --target local again";

// A port is free when we could listen there ourselves; 0 asks for any.
int try_port(int port, std::uint32_t loopback = INADDR_LOOPBACK) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(loopback);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof(address);
  const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(fd, 1) == 0 &&
                    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return free ? ntohs(address.sin_port) : 0;
}

// "Redis server v=7.0.15 sha=…" and "Valkey server v=8.0.1 sha=…"
std::string version_of(const std::string& text) {
  const std::size_t at = text.find("v=");
  return at == std::string::npos ? "" : text.substr(at + 2, text.find(' ', at) - at - 2);
}

}  // namespace

LocalInstance::LocalInstance(const Context& context, const std::string& release)
    : m_folder(context.paths.local() / release), m_paths(context.paths), m_guard(context.guard) {}

namespace {

bool has_files(const fs::path& data) {
  std::error_code none;
  return std::any_of(fs::directory_iterator(data, none), fs::directory_iterator(), [](const fs::directory_entry& one) {
    return one.path().filename() != LocalInstance::socket_name;
  });
}

/// Those of a folder whose names are numbers, in their order.
std::vector<int> numbered(const fs::path& folder) {
  std::vector<int> numbers;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    int number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc() && end == name.data() + name.size()) numbers.push_back(number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

bool LocalInstance::has_data() const {
  const std::vector<int> ordinals = numbered(m_folder / "nodes");
  return has_files(data()) ||
         std::any_of(ordinals.begin(), ordinals.end(), [this](int one) { return has_files(node(one) / "data"); });
}

bool LocalInstance::several() const { return fs::is_directory(m_folder / "nodes"); }

std::vector<LocalProcess> LocalInstance::processes() const {
  using Kind = LocalProcess::Kind;
  if (!several()) return {{Kind::server, 0, data(), log()}};
  std::vector<LocalProcess> all = {{Kind::proxy, 0, proxy(), {}}};
  const std::vector<int> ordinals = numbered(m_folder / "nodes");
  for (const int one : ordinals)
    all.push_back({Kind::sentinel, one, node(one) / "sentinel", node(one) / "sentinel.log"});
  for (const int one : ordinals) all.push_back({Kind::server, one, node(one) / "data", node(one) / "redis.log"});
  return all;
}

bool LocalInstance::removed() const { return fs::exists(removed_file()); }

bool LocalInstance::exists() const { return fs::exists(conf()) && fs::exists(state_file()); }

std::optional<LocalInstance::State> LocalInstance::state() const {
  const std::optional<std::string> text = read_file(state_file());
  if (!text) return std::nullopt;
  try {
    const nlohmann::json object = parse_json(nested_too_deeply(*text) ? "" : *text);
    if (!object.at("port").is_number_unsigned() || object.at("port") > 65535) {
      throw Error(ExitCode::preflight, fmt::format("{} is damaged: it has no valid port", state_file().string()),
                  damaged_hint);
    }
    return State{object.at("port").get<int>(),  object.value("plain_port", 0),
                 object.value("namespace", ""), parse_spec(json_text(object.at("spec"))),
                 object.value("node_port", 0),  object.value("sentinel_port", 0)};
  } catch (const nlohmann::json::exception& error) {
    throw Error(ExitCode::preflight, fmt::format("{} is damaged: {}", state_file().string(), error.what()),
                damaged_hint);
  }
}

std::optional<LocalInstance::LastTrim> LocalInstance::last_trim() const {
  const std::optional<std::string> text = read_file(trim_file());
  const nlohmann::json object = try_parse_json(text && !nested_too_deeply(*text) ? *text : "");
  if (!object.is_object()) return std::nullopt;
  LastTrim last{text_at(object, {"at"}), text_at(object, {"stream"}), number_at(object, {"removed"})};
  return last.at.empty() ? std::nullopt : std::optional(std::move(last));
}

void LocalInstance::note_trim(const Context& context, const std::string& stream, std::int64_t removed) const {
  const nlohmann::ordered_json object = {
      {"at", rfc3339(context.clock.wall())}, {"stream", printable(stream)}, {"removed", removed}};
  context.files.write_atomic(trim_file(), json_text(object) + "\n");
}

Secret LocalInstance::password() const {
  const std::optional<std::string> text = read_own_file(password_file());
  return Secret(text ? std::string(trim(*text)) : "");
}

std::filesystem::path LocalInstance::file_of(const std::string& key) const {
  return key == password_key ? password_file() : m_folder / key;
}

namespace {

/// A password, a name or a time; the others are files of several lines, or of JSON.
bool is_one_line(std::string_view key) {
  return key != acl_key && key != previous_users_key && key != replication_conf_key && key != sentinel_conf_key;
}

}  // namespace

SecretContent LocalInstance::content() const {
  SecretContent content;
  for (const char* const key :
       {acl_key, password_key, username_key, admin_password_key, rotated_at_key, internal_rotated_at_key,
        previous_users_key, internal_password_key, replication_conf_key, sentinel_conf_key}) {
    const std::optional<std::string> text = read_own_file(file_of(key));
    const bool is_password = is_one_line(key);
    if (text) content.emplace(key, is_password ? std::string(trim(*text)) : *text);
  }
  add_lost_passwords(content);
  return content;
}

void LocalInstance::add_lost_passwords(SecretContent& content) const {
  const std::string acl = value_of(content, acl_key).reveal();
  const bool has_admin = ("\n" + acl).find(fmt::format("\nuser {} ", admin_user)) != std::string::npos;
  if (acl.empty() || (content.contains(password_key) && (!has_admin || content.contains(admin_password_key)))) return;
  for (const Credentials& saved : all_credentials(m_paths)) {
    if (saved.target != "local" || saved.release != release()) continue;
    for (const auto& [key, password] :
         {std::pair(password_key, saved.password), std::pair(admin_password_key, saved.admin_password)}) {
      const bool known = !password.empty() && acl.find("#" + sha256_hex(password.reveal())) != std::string::npos;
      if (known) content.try_emplace(key, password);
    }
  }
}

void LocalUserStore::write(const SecretContent& changes) {
  for (const auto& [key, value] : changes) {
    const fs::path path = m_instance.file_of(key);
    if (value.empty()) {
      m_files.remove_tree(path);
    } else {
      const bool is_line = !value.reveal().ends_with('\n') && key != previous_users_key;
      m_files.write_own_file(path, value.reveal() + (is_line ? "\n" : ""));
    }
  }
}

std::optional<int> LocalInstance::pid() const {
  const LocalProcess at_the_port = processes().front();
  if (at_the_port.kind == LocalProcess::Kind::proxy) return at_the_port.pid();
  std::error_code failed;
  const fs::path folder = fs::weakly_canonical(data(), failed);
  const std::optional<std::string> text = read_file(m_folder / "redis.pid");
  int pid = 0;
  const bool number =
      text && std::from_chars(text->data(), text->data() + text->size(), pid).ec == std::errc() && pid > 0;
  // a pid file outlives a reboot: the number may be anybody's by now
  if (number && works_in(pid, folder)) return pid;
  return at_the_port.pid();  // someone removed the file, or another server did when it ended
}

SecretContent LocalInstance::certificates() const {
  SecretContent content;
  for (const char* const key : {tls_certificate_key, tls_private_key_key, tls_trusted_key, ca_certificate_key,
                                ca_private_key_key, previous_certificates_key}) {
    if (auto text = read_own_file(tls() / key)) content.emplace(key, std::move(*text));
  }
  return content;
}

CertificateSpec LocalInstance::certificate_spec(const Context& context) const {
  return {
      release(), {"127.0.0.1", "localhost"}, m_paths.shown(tls()), context.scope().found("local", "", release(), "")};
}

void LocalCertificateStore::write(const SecretContent& changes) {
  m_files.make_private_directory(m_instance.tls());
  for (const auto& [key, value] : changes) {
    const fs::path path = m_instance.tls() / key;
    if (value.empty()) {
      m_files.remove_tree(path);
    } else {
      m_files.write_own_file(path, value.reveal());
    }
  }
}

bool LocalInstance::listens(int port) const {
  const std::optional<int> running = pid();
  const std::optional<Listener> listener = find_listener(port);
  return running && listener && owns(*running, *listener);
}

Error LocalInstance::not_running(int port) const {
  const std::optional<int> running = pid();
  const char* const which = several() ? "proxy" : "Redis";
  const std::string what =
      running ? fmt::format("the {} of release {} (pid {}) does not listen", which, release(), *running)
              : fmt::format("the {} of release {} on this machine does not run", which, release());
  const std::optional<Listener> other = find_listener(port);
  if (!other || listens(port))
    return Error(ExitCode::failure, what,
                 "start it, with its data: " + Scope().found("local", "", release(), "").command("setup redis"));
  return Error(
      ExitCode::preflight, fmt::format("{}, and its port {} is held by {}", what, port, describe(*other)),
      fmt::format("end that process, then: {}\nor choose another port: change \"port\" in {}, then run the same",
                  Scope().found("local", "", release(), "").command("setup redis"), state_file().string()));
}

void LocalInstance::require_running(int port) const {
  if (!listens(port)) throw not_running(port);
}

void LocalInstance::start(Runner& runner, const std::string& server, int port, TimePoint deadline) const {
  const Output output = run(runner, {{server, conf().string()}, "", {}}, deadline);
  if (!output.ok()) {
    const std::string words = output.err.empty() ? last_words() : output.err + output.out;
    throw Error(ExitCode::failure, fmt::format("{} does not start: {}", server, trim(printable(words))),
                "its log: " + log().string());
  }
  const TimePoint until = std::min(deadline, runner.now() + start_patience);
  int looks_without_it = 0;  // it may be on its way from one process to the next
  while (!listens(port)) {
    looks_without_it = pid() ? 0 : looks_without_it + 1;
    if (looks_without_it > 2) {
      const std::vector<std::string> lines = split(last_words(), '\n');
      throw Error(ExitCode::failure, fmt::format("{} ended at its start: {}", server, printable(lines.back())),
                  "its log: " + log().string());
    }
    const std::optional<Listener> other = find_listener(port);
    // one of ours may be the new server, which has not written its pid yet
    if (runner.now() >= until || (other && other->uid != ::geteuid())) {
      throw Error(ExitCode::failure,
                  fmt::format("{} does not listen at 127.0.0.1:{}{}: {}", server, port,
                              other ? ", which is held by " + describe(*other) : "", printable(last_words())),
                  "its log: " + log().string());
    }
    runner.wait({}, std::min(until, runner.now() + poll_interval));
  }
}

// The proxy goes before the sentinels, and they before the servers: so no client is led to a master that is about to
// go, and no replica takes over for one that does.
void LocalInstance::stop(Runner& runner, TimePoint deadline) const {
  for (const LocalProcess& process : processes()) stop(process, runner, deadline);
}

void LocalInstance::stop(const LocalProcess& process, Runner& runner, TimePoint deadline) const {
  const bool alone = !several();
  const std::optional<int> running = alone ? pid() : process.pid();
  if (!running) return;
  TimePoint ask_again = runner.now();
  while (const std::optional<int> now = alone ? pid() : process.pid()) {
    // a replica that writes its first AOF after a full synchronization refuses to end, and has to be asked again
    if (now == running && runner.now() >= ask_again) {
      signal_process(m_guard, *running, SIGTERM);
      ask_again = runner.now() + ask_again_after;
    }
    if (runner.now() >= deadline) {
      throw Error(ExitCode::failure,
                  alone ? fmt::format("the Redis of {} (pid {}) does not stop", m_folder.string(), *running)
                        : fmt::format("{} of {} (pid {}) does not stop", process.name(), release(), *running),
                  process.log.empty() ? "" : "its log says why: " + process.log.string());
    }
    runner.wait({}, std::min(deadline, runner.now() + poll_interval));
  }
}

std::string LocalInstance::last_words() const { return last_words(log()); }

std::string LocalInstance::last_words(const std::filesystem::path& log) const {
  std::vector<std::string> lines = split(trim(read_file(log, log_limit).value_or("")), '\n');
  if (lines.size() > last_lines) lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(last_lines));
  return join(lines, "\n");
}

namespace {

std::vector<LocalInstance> instances_that(const Context& context, bool (*wanted)(const LocalInstance&)) {
  std::error_code none;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(context.paths.local(), none))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  std::vector<LocalInstance> instances;
  for (const std::string& name : names) {
    const LocalInstance instance(context, name);
    if (instance.exists() && wanted(instance)) instances.push_back(instance);
  }
  return instances;
}

}  // namespace

std::vector<LocalInstance> local_instances(const Context& context) {
  return instances_that(context, [](const LocalInstance& instance) { return !instance.removed(); });
}

std::vector<LocalInstance> kept_instances(const Context& context) {
  return instances_that(context, [](const LocalInstance& instance) { return instance.removed(); });
}

LocalServer find_local_server(Context& context) {
  for (const char* program : {"redis-server", "valkey-server"}) {
    Output output;
    try {
      output = run(context.runner, reading({{program, "--version"}, "", {}}), context.deadline);
    } catch (const Error&) {
      continue;  // not in PATH: the other one may be
    }
    if (output.ok()) return {program, version_of(output.out)};
  }
  throw Error(ExitCode::preflight, "neither redis-server nor valkey-server is in PATH",
              "install it: sudo apt-get install redis-server");
}

int choose_port(int wanted) {
  const int port = try_port(wanted);
  return port != 0 ? port : try_port(0);
}

std::string node_address(int ordinal) { return fmt::format("127.0.0.{}", ordinal + 1); }

bool is_free_port(int ordinal, int port) {
  return try_port(port, INADDR_LOOPBACK + static_cast<std::uint32_t>(ordinal)) != 0;
}

int choose_node_port(int nodes, int wanted) {
  constexpr int tries = 1000;
  for (int port = wanted; port < wanted + tries; ++port) {
    bool free = true;
    for (int node = 0; node < nodes && free; ++node) free = is_free_port(node, port);
    if (free) return port;
  }
  throw Error(ExitCode::preflight,
              fmt::format("no port from {} to {} is free at 127.0.0.1 to {}", wanted, wanted + tries - 1,
                          node_address(nodes - 1)),
              "see who has them: ss -ltn");
}

std::string local_conf(const LocalInstance& instance, int port, const RedisSettings& settings, int plain_port) {
  std::string text = "# written by raibid-cli setup redis --target local; the next setup writes it again\n";
  text += fmt::format("unixsocket {}\nunixsocketperm 700\n", LocalInstance::socket_name);  // below dir
  text += fmt::format("bind 127.0.0.1\nport {}\ndaemonize yes\npidfile {}\nlogfile {}\ndir {}\naclfile {}\n",
                      settings.tls.enabled() ? plain_port : port, conf_word((instance.folder() / "redis.pid").string()),
                      conf_word(instance.log().string()), conf_word(instance.data().string()),
                      conf_word(instance.acl().string()));
  if (settings.tls.enabled()) {
    const auto file = [&](const char* key) { return conf_word((instance.tls() / key).string()); };
    text += fmt::format("tls-port {}\ntls-cert-file {}\ntls-key-file {}\ntls-ca-cert-file {}\n", port,
                        file(tls_certificate_key), file(tls_private_key_key), file(tls_trusted_key));
    text += "tls-protocols \"TLSv1.2 TLSv1.3\"\n" + redis_conf(tls_directives(settings.tls));
  }
  return text + redis_conf(settings.directives);
}

}  // namespace raibid
