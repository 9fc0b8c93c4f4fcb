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
constexpr const char* damaged_hint =
    "it says port and settings of this Redis: move it away, then run setup with --target local again";

// A port is free when we could listen there ourselves; 0 asks for any.
int try_port(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return 0;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
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

bool works_in(int pid, const fs::path& folder) {
  std::error_code failed;
  const fs::path there = fs::read_symlink(fmt::format("/proc/{}/cwd", pid), failed);
  return !failed && there == folder;
}

/// 0 when it cannot be told.
int parent_of(int pid) {
  const std::string status = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
  const std::size_t at = status.find("\nPPid:\t");
  return at == std::string::npos ? 0 : std::atoi(status.c_str() + at + 7);
}

/// The server that works in this folder, by what the system says of processes. Its own children (a rewrite of the AOF)
/// do not listen, and a redis-cli that someone started there is not a server.
std::optional<int> server_in(const fs::path& folder) {
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename().string();
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || !works_in(pid, folder)) continue;
    const std::string program = read_file(entry.path() / "comm").value_or("");
    const bool server = program.starts_with("redis-server") || program.starts_with("valkey-server");
    if (server && !works_in(parent_of(pid), folder)) return pid;
  }
  return std::nullopt;
}

}  // namespace

LocalInstance::LocalInstance(const Context& context, const std::string& release)
    : m_folder(context.paths.local() / release), m_paths(context.paths), m_guard(context.guard) {}

bool LocalInstance::has_data() const {
  std::error_code none;
  return std::any_of(fs::directory_iterator(data(), none), fs::directory_iterator(),
                     [this](const fs::directory_entry& entry) { return entry.path() != socket(); });
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
    return State{object.at("port").get<int>(), object.value("plain_port", 0), object.value("namespace", ""),
                 parse_spec(json_text(object.at("spec")))};
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

SecretContent LocalInstance::content() const {
  SecretContent content;
  for (const char* const key : {acl_key, password_key, username_key, admin_password_key, rotated_at_key,
                                internal_rotated_at_key, previous_users_key}) {
    const std::optional<std::string> text = read_own_file(file_of(key));
    const bool is_password = key != std::string_view(acl_key) && key != std::string_view(previous_users_key);
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
  std::error_code failed;
  const fs::path folder = fs::weakly_canonical(data(), failed);
  const std::optional<std::string> text = read_file(m_folder / "redis.pid");
  int pid = 0;
  const bool number =
      text && std::from_chars(text->data(), text->data() + text->size(), pid).ec == std::errc() && pid > 0;
  // a pid file outlives a reboot: the number may be anybody's by now
  if (number && works_in(pid, folder)) return pid;
  return server_in(folder);  // someone removed the file, or another server did when it ended
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
  const std::string what = running
                               ? fmt::format("the Redis of release {} (pid {}) does not listen", release(), *running)
                               : fmt::format("the Redis of release {} on this machine does not run", release());
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

void LocalInstance::stop(Runner& runner, TimePoint deadline) const {
  const std::optional<int> running = pid();
  if (!running) return;
  signal_process(m_guard, *running, SIGTERM);
  while (pid()) {
    if (runner.now() >= deadline) {
      throw Error(ExitCode::failure, fmt::format("the Redis of {} (pid {}) does not stop", m_folder.string(), *running),
                  "its log says why: " + log().string());
    }
    runner.wait({}, std::min(deadline, runner.now() + poll_interval));
  }
}

std::string LocalInstance::last_words() const {
  std::vector<std::string> lines = split(trim(read_file(log(), log_limit).value_or("")), '\n');
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
