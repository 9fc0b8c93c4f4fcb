#include <doctest/doctest.h>

#include "base/strings.hpp"
#include "cli/cli.hpp"
#include "components/component.hpp"
#include "components/registry.hpp"
#include "fakes/fake_cluster.hpp"
#include "support/hints.hpp"
#include "sys/files.hpp"
#include "sys/random.hpp"
#include "sys/signals.hpp"
#include "tools/certificate.hpp"

#include <fmt/format.h>

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <deque>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

/// Whatever goes wrong with any child of any step of setup, upgrade and teardown: afterwards the cluster and the home
/// are as before, or complete. The steps and children are those of a run without a fault, so that a new one is in here
/// by itself.

using namespace raibid;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;
using Kind = Fault::Kind;

/// A cluster and a home, in a folder that goes with the object.
struct World {
  World() : folder(fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()) {
    fs::create_directories(home());
    fs::create_directories(folder.path() / "tmp");
  }
  explicit World(const World& other) : World() {
    fs::copy(other.folder.path(), folder.path(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  }
  fs::path home() const { return folder.path() / "home"; }
  fs::path state() const { return folder.path() / "state.json"; }

  TemporaryDirectory folder;
};

struct Ran {
  int code = 0;  ///< 137: killed
  int alive = 0;
  std::string err;
  std::vector<std::string> steps;  ///< of each child, the first is child 1
};

/// Standard error, which tells the cluster when a step begins and ends.
class Messages final : public std::stringbuf {
 public:
  explicit Messages(FakeCluster& cluster) : m_cluster(cluster) {}

 private:
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    const std::streamsize written = std::stringbuf::xsputn(text, size);
    m_cluster.step_said(std::string(text, static_cast<std::size_t>(size)));
    return written;
  }
  FakeCluster& m_cluster;
};

/// In this process: the caller has forked.
int run_here(const World& world, const Words& arguments, const Fault& fault, const std::string& report) {
  Signals signals;
  FakeCluster cluster(world.state(), signals, fault);
  SystemRandom random;
  std::ostringstream out;
  Messages messages(cluster);
  std::ostream err(&messages);
  std::string steps;
  cluster.on_start = [&](int) {
    const std::string said = messages.str();
    const std::size_t line = said.rfind("started: ");
    steps += (line == std::string::npos ? "cluster" : said.substr(line + 9, said.find('\n', line) - line - 9)) + "\n";
  };
  const Environment environment = {
      {"HOME", world.folder.path()}, {"RAIBID_HOME", world.home()}, {"TMPDIR", world.folder.path() / "tmp"}};
  const CliDependencies dependencies{out,    err,     Terminal{}, environment, cluster, cluster.clock(),
                                     random, signals, cluster};
  const int code = run_cli(arguments, dependencies, components());
  signals.acknowledge();
  std::ofstream(report) << json{{"alive", cluster.alive()}, {"err", messages.str()}, {"steps", steps}}.dump();
  return code;
}

/// In a process of its own, which a fault may kill.
Ran run(const World& world, const Words& arguments, const Fault& fault = {}) {
  const std::string report = world.folder.path() / "report";
  fs::remove(report);
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 99;
    try {
      code = run_here(world, arguments, fault, report);
    } catch (const std::exception& error) {
      std::ofstream(report) << json{{"alive", 0}, {"err", error.what()}, {"steps", ""}}.dump();
    }
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
  }
  Ran ran;
  ran.code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (const auto text = read_file(report)) {
    const json said = json::parse(*text);
    ran.alive = said["alive"];
    ran.err = said["err"];
    raibid::test::check_hints(arguments, ran.err);
    ran.steps = split(trim(said["steps"].get<std::string>()), '\n');
  }
  return ran;
}

json contents(const World& world) {
  // the object only reads; no run is under way
  const json state = json::parse(read_file(world.state(), 64 << 20).value_or("null"));
  if (state.is_null()) return nullptr;
  Signals signals;
  return FakeCluster(world.state(), signals).contents();
}

json without_password(json contents) {
  if (!contents.is_object()) return contents;
  contents.erase("password");
  const json keys = contents.value("secret", json::array());
  const bool is_rotated = std::any_of(keys.begin(), keys.end(),
                                      [](const json& key) { return key.get<std::string>().ends_with("rotated-at"); });
  // the lease of a killed `credentials sync` or `rotate` that had come to its end runs out by itself
  if (contents.contains("someone else's") || is_rotated)
    std::erase_if(contents["objects"].get_ref<json::array_t&>(),
                  [](const json& name) { return name.get<std::string>().starts_with("lease/"); });
  return contents;
}

std::string password_in_file(const World& world) {
  const auto text = read_file(world.home() / "redis-credentials.json");
  return text ? json::parse(*text).at("password").get<std::string>() : "";
}

/// CA and certificate of a World become more than a year old, and Redis serves that.
void let_certificate_age(const World& world) {
  json state = json::parse(read_file(world.state(), 64 << 20).value_or("null"));
  json& objects = state.at("objects");
  const CertificateFacts facts = read_certificate(
      base64_decode(objects.at("secret/raibid-redis-tls").at("data").at("tls.crt").get<std::string>()), "the World");
  const WallTime from = facts.not_before - std::chrono::hours(24) * 400;
  const KeyPair ca = make_ca("raibid-redis CA", from, facts.not_after);
  CertificateRequest request;
  request.common_name = "raibid-redis";
  request.names = facts.names;
  request.server = true;
  request.client = true;
  request.from = from;
  request.until = facts.not_after - std::chrono::hours(24) * 400;
  const KeyPair aged = issue_certificate(ca, request, "the World");
  REQUIRE(read_certificate(aged.certificate, "the World").not_before < facts.not_before - std::chrono::hours(24) * 366);
  const auto put = [&](const char* object, const KeyPair& pair) {
    objects.at(object).at("data")["tls.crt"] = base64_encode(pair.certificate);
    objects.at(object).at("data")["tls.key"] = base64_encode(pair.key.reveal());
  };
  put("secret/raibid-redis-ca", ca);
  put("secret/raibid-redis-tls", aged);
  objects.at("secret/raibid-redis-tls").at("data")["ca.crt"] = base64_encode(ca.certificate);
  objects.at("configmap/raibid-redis-ca").at("data")["ca.crt"] = ca.certificate;
  state["served"] = aged.certificate;
  std::ofstream(world.state()) << state.dump();
}

/// A Secret with a certificate of someone else's, and an Issuer of cert-manager with the CA that it issues by.
void bring_certificate(const World& world) {
  json state = json::parse(read_file(world.state(), 64 << 20).value());
  const WallTime now = FakeClock().wall() + std::chrono::milliseconds(state.at("now").get<long long>());
  const KeyPair ca = make_ca("their CA", now - std::chrono::hours(24), now + std::chrono::hours(24 * 1000));
  CertificateRequest request;
  request.common_name = "theirs";
  request.names = {"raibid-redis-master.raibid-redis.svc.cluster.local"};
  request.server = true;
  request.client = true;
  request.from = now - std::chrono::hours(1);
  request.until = now + std::chrono::hours(24 * 90);
  const KeyPair pair = issue_certificate(ca, request, "the World");
  state["issuer"] = {{"certificate", ca.certificate}, {"key", ca.key.reveal()}};
  state["objects"]["issuer.cert-manager.io/ca"] = {
      {"apiVersion", "cert-manager.io/v1"}, {"kind", "Issuer"}, {"metadata", {{"name", "ca"}, {"uid", "7"}}}};
  state["objects"]["secret/mine"] = {{"kind", "Secret"},
                                     {"metadata", {{"name", "mine"}, {"uid", "8"}, {"resourceVersion", "8"}}},
                                     {"data",
                                      {{"tls.crt", base64_encode(pair.certificate)},
                                       {"tls.key", base64_encode(pair.key.reveal())},
                                       {"ca.crt", base64_encode(ca.certificate)}}}};
  std::ofstream(world.state()) << state.dump();
}

/// What a run must not leave: "" when it has left nothing.
std::string left_behind(const World& world) {
  static const std::set<std::string> allowed = {"redis-credentials.json", "journal", "evidence"};
  for (const fs::path& folder : {world.home(), world.home() / "journal", world.folder.path() / "tmp"}) {
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(folder, none)) {
      if (!allowed.contains(entry.path().filename())) return "left " + entry.path().filename().string();
    }
  }
  return "";
}

/// "" when the world is as it was before or as it is when all went well, password and file included.
std::string judge(const World& world, const json& before, const json& complete, int code) {
  const json now = contents(world);
  const bool is_before = without_password(now) == without_password(before);
  const bool is_complete = without_password(now) == without_password(complete);
  if (!is_before && !is_complete)
    return fmt::format("neither before nor complete; to before: {}; to complete: {}",
                       json::diff(without_password(before), without_password(now)).dump(),
                       json::diff(without_password(complete), without_password(now)).dump());
  if (code == 0 && !is_complete) return "exit code 0 and not complete";
  if ((code == 3 || code == 4) && !is_before) return fmt::format("exit code {} and not as before", code);
  // a store's password takes the place of the one of before
  const bool rotates = complete.value("password", "") != before.value("password", "");
  const bool known = now.value("password", "") == before.value("password", "") || (rotates && is_complete) ||
                     (complete.contains("someone else's") && now.value("password", "") == complete["password"]);
  if (before.contains("password") && now.contains("password") && !known) return "another password";
  const std::string secret = now.contains("password") ? base64_decode(now["password"].get<std::string>()) : "";
  if (secret != password_in_file(world)) return "credentials and Secret differ";
  return left_behind(world);
}

struct Row {
  const char* name;
  Words arguments;
  const World& start;

  /// What makes it whole after a kill. A rotation that has ended is not done twice.
  Words again() const { return arguments.front() == "tls" ? Words{"setup", "redis", "-v"} : arguments; }
};

struct Column {
  const char* name;
  std::vector<Kind> kinds;
};

const std::vector<Column>& columns() {
  static const std::vector<Column> all = {{"exit 1", {Kind::exits}},
                                          {"hang", {Kind::hangs}},
                                          {"killed", {Kind::killed}},
                                          {"garbage", {Kind::garbage}},
                                          {"INT", {Kind::sigint}},
                                          {"TERM", {Kind::sigterm}},
                                          {"kill -9", {Kind::kill_before, Kind::kill_during, Kind::kill_after}},
                                          {"disk full", {Kind::disk_full}},
                                          {"read-only", {Kind::read_only}}};
  return all;
}

/// What can happen to a step that has no child.
bool concerns_us(Kind kind) {
  return kind == Kind::sigint || kind == Kind::sigterm || kind == Kind::kill_before || kind == Kind::kill_after ||
         kind == Kind::disk_full || kind == Kind::read_only;
}

/// The home on a file system of its own that is soon full. False where that may not be done.
bool give_small_home(const World& world) {
  const uid_t uid = ::getuid();
  if (::unshare(CLONE_NEWNS | (uid == 0 ? 0 : CLONE_NEWUSER)) != 0) return false;
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  const World kept(world);
  if (::mount("tmpfs", world.home().c_str(), "tmpfs", 0, "size=512k,mode=0700") != 0) return false;
  fs::copy(kept.home(), world.home(), fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  return true;
}

void fill(const fs::path& home) {
  std::ofstream filler(home / "filler", std::ios::binary);
  const std::string block(4096, 'x');
  while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
  }
}

/// False where a file is open for writing: so it is once the journal is.
bool make_read_only(const fs::path& home) {
  return ::mount("tmpfs", home.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr) == 0;
}
void make_writable(const fs::path& home) { ::mount("tmpfs", home.c_str(), "tmpfs", MS_REMOUNT, nullptr); }

/// `credentials sync` is tried with these alone: without its one way to Redis it ends with what remains, and its lease
/// runs out by itself.
bool kills_us(Kind kind) { return kind == Kind::kill_before || kind == Kind::kill_during || kind == Kind::kill_after; }

std::string try_case(const World& world, const Row& row, Fault fault, const json& before, const json& complete) {
  const Words& arguments = row.arguments;
  const Kind kind = fault.kind;
  const bool needs_disk = kind == Kind::disk_full || kind == Kind::read_only;
  if (needs_disk && !give_small_home(world)) return "skipped";
  fault.disk = [&world, kind] {
    if (kind == Kind::disk_full) fill(world.home());
    if (kind == Kind::read_only && !make_read_only(world.home())) ::_exit(98);
  };
  Ran ran = run(world, arguments, fault);
  if (ran.alive != 0) return fmt::format("{} children left", ran.alive);
  if (ran.code == 99) return "crashed: " + ran.err;
  if (ran.code == 98) return "skipped";
  if (needs_disk) make_writable(world.home());
  fs::remove(world.home() / "filler");
  const bool killed = ran.code == 128 + SIGKILL;
  const bool teardown = arguments.front() == "teardown";
  // after a kill, and in the middle of a teardown (5: it says to run it again), one more run makes it whole
  if (killed || (teardown && ran.code != 0)) {
    if (killed && kind == Kind::disk_full) return "killed";
    ran = run(world, killed ? row.again() : arguments);
    // a second rotation finds that the killed one had come to its end
    if (ran.err.find("passwords are already valid") != std::string::npos) ran.code = 0;
    if (ran.code != 0) return fmt::format("the run after it ended with {}: {}", ran.code, ran.err);
  } else if (ran.code == 5) {
    return "it says that something remains: " + ran.err;
  }
  // what makes a rotation whole after a kill takes it back, or finds it done
  const bool either = killed && row.again() != arguments;
  const std::string wrong = judge(world, before, complete, either ? 128 + SIGKILL : ran.code);
  return wrong.empty() ? "" : wrong + fmt::format(" (exit code {})\n", ran.code) + ran.err;
}

/// The same in a process of its own: a mount namespace is for the rest of a process's life.
class Fork {
 public:
  explicit Fork(const std::function<std::string()>& work) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    m_child = ::fork();
    if (m_child == 0) {
      std::string text;
      try {
        text = work();
      } catch (const std::exception& error) {
        text = std::string("threw: ") + error.what();
      }
      [[maybe_unused]] const auto written = ::write(ends[1], text.data(), std::min<std::size_t>(text.size(), 60000));
      ::_exit(0);
    }
    ::close(ends[1]);
    m_end = ends[0];
  }

  /// Waits for its end.
  std::string result() const {
    std::string said;
    char buffer[4096];
    for (ssize_t count = 0; (count = ::read(m_end, buffer, sizeof buffer)) > 0;)
      said.append(buffer, static_cast<std::size_t>(count));
    ::close(m_end);
    ::waitpid(m_child, nullptr, 0);
    return said;
  }

 private:
  pid_t m_child = -1;
  int m_end = -1;
};

/// Does all the work in child processes, and hands over each result in order. Twice as many run at once as there are
/// processors, so that no processor is idle while the oldest child is waited for.
void in_forks(std::size_t count, const std::function<std::string(std::size_t)>& work,
              const std::function<void(std::size_t, const std::string&)>& take) {
  const std::size_t at_once = 2 * std::max(1u, std::thread::hardware_concurrency());
  std::deque<Fork> running;
  std::size_t taken = 0;
  for (std::size_t next = 0; taken < count; ++taken) {
    for (; next < count && running.size() < at_once; ++next) running.emplace_back([&] { return work(next); });
    take(taken, running.front().result());
    running.pop_front();
  }
}

}  // namespace

TEST_CASE("a setup without a password, whose plan lacks that step, comes to its end") {
  World world;
  const Words setup = {"setup", "redis", "-v", "--no-auth"};
  const Ran first = run(world, setup);
  INFO(first.err);
  CHECK(first.code == 0);
  const Ran second = run(world, setup);
  CHECK(second.code == 0);
  CHECK(second.err.find("unchanged: release") != std::string::npos);
  CHECK(run(world, {"teardown", "redis", "--yes", "--delete-data"}).code == 0);
}

TEST_CASE("a lock whose removal fails once is given up all the same") {
  World installed;
  REQUIRE(run(installed, {"setup", "redis", "-v"}).code == 0);
  const Words rotate = {"credentials", "rotate", "redis", "-v"};
  const auto last = static_cast<int>(run(World(installed), rotate).steps.size());
  for (const Kind kind : {Kind::exits, Kind::killed}) {
    const World world(installed);
    const Ran ran = run(world, rotate, {kind, last});
    INFO(ran.err);
    CHECK(ran.code == 0);
    for (const json& object : contents(world).at("objects"))
      CHECK_FALSE(object.get<std::string>().starts_with("lease/"));
  }
}

TEST_CASE("a certificate of cert-manager comes and goes with the user that has it read again") {
  World world;
  REQUIRE(run(world, {"setup", "redis", "-v"}).code == 0);
  bring_certificate(world);
  const auto has_user = [&world] {
    const json now = contents(world);
    const json& keys = now.at("secret");
    const bool has_password = std::find(keys.begin(), keys.end(), json("tls-password")) != keys.end();
    CHECK(has_password == now.at("users").contains("tls"));
    return has_password;
  };
  CHECK_FALSE(has_user());
  const Ran issued = run(world, {"setup", "redis", "-v", "--tls-issuer", "ca", "--restart"});
  INFO(issued.err);
  CHECK(issued.code == 0);
  CHECK(has_user());
  const Ran own = run(world, {"setup", "redis", "-v", "--tls", "--restart", "--yes"});
  INFO(own.err);
  CHECK(own.code == 0);
  CHECK_FALSE(has_user());
}

TEST_CASE("backups go when they are asked for, also when Redis has gone before") {
  World world;
  REQUIRE(run(world, {"setup", "redis", "-v", "--backup-schedule", "@daily"}).code == 0);
  const auto has_claim = [&world] {
    const json objects = contents(world).at("objects");
    return std::find(objects.begin(), objects.end(), json("persistentvolumeclaim/raibid-redis-backup")) !=
           objects.end();
  };
  REQUIRE(run(world, {"teardown", "redis", "-v", "--yes", "--delete-data"}).code == 0);
  CHECK(has_claim());
  REQUIRE(run(world, {"teardown", "redis", "-v", "--yes"}).code == 0);
  CHECK(has_claim());
  const Ran gone = run(world, {"teardown", "redis", "-v", "--yes", "--delete-backups"});
  INFO(gone.err);
  CHECK(gone.code == 0);
  CHECK_FALSE(has_claim());
}

TEST_CASE("backups do not go into the claim of the data") {
  World world;
  REQUIRE(run(world, {"setup", "redis", "-v"}).code == 0);
  const Ran ran = run(world, {"setup", "redis", "-v", "--backup-schedule", "@daily", "--backup-to",
                              "claim:redis-data-raibid-redis-master-0"});
  CHECK(ran.code == 3);
  CHECK(ran.err.find("has the data of this Redis") != std::string::npos);
}

TEST_CASE("tls rotate --ca --finish after a killed one takes that back, and finishes") {
  World two_cas;
  REQUIRE(run(two_cas, {"setup", "redis", "-v", "--tls"}).code == 0);
  REQUIRE(run(two_cas, {"tls", "rotate", "redis", "-v", "--ca"}).code == 0);
  const Words finish = {"tls", "rotate", "redis", "-v", "--ca", "--finish", "--yes"};
  for (const char* step : {"certificate", "credentials"}) {
    const World world(two_cas);
    CHECK(run(world, finish, {Kind::kill_after, 0, step}).code == 137);
    const Ran ran = run(world, finish);
    INFO(step << ": " << ran.err);
    CHECK(ran.code == 0);
    const json now = contents(world);
    CHECK(now.at("certificate").at("cas") == 1);
    for (const json& object : now.at("objects")) CHECK_FALSE(object.get<std::string>().starts_with("lease/"));
    CHECK(left_behind(world).empty());
  }
}

TEST_CASE("errors of the API server's own do not end a rollback") {
  struct Start {
    Words arguments;
    bool installed;
  };
  for (const Start& start : {Start{{"setup", "redis", "-v"}, false},
                             Start{{"setup", "redis", "-v", "--memory-limit", "768Mi", "--restart"}, true}}) {
    World clean;
    if (start.installed) REQUIRE(run(clean, {"setup", "redis", "-v"}).code == 0);
    const json before = start.installed ? contents(clean) : json();
    // the child whose failure leaves most to undo
    Fault fault{Kind::exits};
    for (int child = static_cast<int>(run(World(clean), start.arguments).steps.size()); child > 0; --child) {
      fault.child = child;
      if (run(World(clean), start.arguments, fault).code == 4) break;
    }
    REQUIRE(run(World(clean), start.arguments, fault).code == 4);
    int tried = 0;
    for (fault.rollback_child = 1; fault.rollback_child < 40; ++fault.rollback_child) {
      const World world(clean);
      fault.server_errors = 2;
      const Ran ran = run(world, start.arguments, fault);
      INFO(fault.rollback_child << ": " << ran.err);
      CHECK(ran.code == 4);
      const json now = contents(world);
      CHECK(start.installed ? without_password(now) == without_password(before) : now.at("release").is_null());
      CHECK(left_behind(world).empty());
      if (ran.err.find("rollback") != std::string::npos) ++tried;
    }
    CHECK(tried > 10);
  }
}

TEST_CASE("fault matrix: whatever goes wrong in any step, the cluster is as before or complete") {
  const Words setup = {"setup", "redis", "-v"};
  World empty;
  World installed;
  REQUIRE(run(installed, setup).code == 0);
  World untrimmed;
  REQUIRE(run(untrimmed, {"setup", "redis", "-v", "--max-length", "0"}).code == 0);
  World encrypted;
  REQUIRE(run(encrypted, {"setup", "redis", "-v", "--tls"}).code == 0);
  World several;
  REQUIRE(run(several, {"setup", "redis", "-v", "--ha"}).code == 0);
  World five;
  REQUIRE(run(five, {"setup", "redis", "-v", "--ha", "--replicas", "4"}).code == 0);
  const World old(encrypted);
  let_certificate_age(old);
  // a secret store keeps the password in a Secret of its own, and changes it
  const auto store = [](const World& world, const json& password) {
    json state = json::parse(read_file(world.state(), 64 << 20).value());
    const json present = state["objects"]["secret/raibid-redis"]["data"]["redis-password"];
    state["objects"]["secret/queue-password"] = {{"kind", "Secret"},
                                                 {"metadata", {{"name", "queue-password"}, {"uid", "9"}}},
                                                 {"data", {{"password", password.is_null() ? present : password}}}};
    std::ofstream(world.state()) << state.dump();
  };
  const Words from_store = {"setup", "redis", "-v", "--existing-secret", "queue-password/password"};
  const World offered(installed);
  store(offered, base64_encode("first-password"));
  const World stored(installed);
  store(stored, nullptr);
  const Ran taken = run(stored, from_store);
  REQUIRE_MESSAGE(taken.code == 0, taken.err);
  store(stored, base64_encode("second-password"));
  World two_cas(encrypted);
  REQUIRE(run(two_cas, {"tls", "rotate", "redis", "-v", "--ca"}).code == 0);
  // a certificate of the user's, and a CA that cert-manager issues by
  const World brought(installed);
  bring_certificate(brought);
  // data on the claim, and other data to come into their place
  const World with_data(installed);
  const TemporaryDirectory backup(fs::temp_directory_path());
  write_atomic(backup.path() / "new.rdb", "REDIS0010 the new data");
  fs::create_directories(with_data.folder.path() / "data/appendonlydir");
  write_atomic(with_data.folder.path() / "data/appendonlydir/appendonly.aof.1.base.rdb", "REDIS0010 the old data");
  write_atomic(with_data.folder.path() / "data/users.note", "of someone else's");
  const std::vector<Row> commands = {
      {"setup", setup, empty},
      {"tls", {"setup", "redis", "-v", "--tls"}, empty},
      {"tls on", {"setup", "redis", "-v", "--tls", "--restart"}, installed},
      {"tls renewed", setup, old},
      {"tls off", {"setup", "redis", "-v", "--tls=false", "--restart"}, encrypted},
      {"tls rotate", {"tls", "rotate", "redis", "-v"}, encrypted},
      {"tls rotate --ca", {"tls", "rotate", "redis", "-v", "--ca"}, encrypted},
      {"tls rotate --finish", {"tls", "rotate", "redis", "-v", "--ca", "--finish", "--yes"}, two_cas},
      {"tls secret", {"setup", "redis", "-v", "--tls-secret", "mine", "--restart"}, brought},
      {"tls issuer", {"setup", "redis", "-v", "--tls-issuer", "ca", "--restart"}, brought},
      {"tls teardown", {"teardown", "redis", "-v", "--yes", "--delete-data"}, encrypted},
      {"upgrade", {"setup", "redis", "-v", "--memory-limit", "768Mi", "--restart"}, installed},
      {"backups", {"setup", "redis", "-v", "--backup-schedule", "@daily"}, empty},
      {"backups on", {"setup", "redis", "-v", "--backup-schedule", "@daily"}, installed},
      {"trim on", {"setup", "redis", "-v", "--max-length", "1000"}, untrimmed},
      {"user", {"setup", "redis", "-v", "--user", "worker", "--yes"}, installed},
      {"rotate", {"credentials", "rotate", "redis", "-v"}, installed},
      {"nodes tls on", {"setup", "redis", "-v", "--ha", "--tls", "--restart"}, several},
      {"nodes more", {"setup", "redis", "-v", "--ha", "--replicas", "4", "--restart"}, several},
      {"nodes fewer", {"setup", "redis", "-v", "--ha", "--replicas", "2", "--restart"}, five},
      {"nodes teardown", {"teardown", "redis", "-v", "--yes", "--delete-data"}, several},
      {"nodes rotate", {"credentials", "rotate", "redis", "-v"}, several},
      {"nodes internal", {"credentials", "rotate", "redis", "-v", "--internal"}, several},
      {"store", from_store, offered},
      {"restore",
       {"restore", "redis", (backup.path() / "new.rdb").string(), "-v", "--yes", "--no-copy", "--no-verify"},
       with_data},
      {"sync", {"credentials", "sync", "-v"}, stored},
      {"teardown", {"teardown", "redis", "-v", "--yes", "--delete-data"}, installed}};

  std::string table = fmt::format("{:<24}{:>9}", "step", "children");
  for (const Column& column : columns()) table += fmt::format("{:>11}", column.name);
  table += "\n";
  int cases = 0;
  const char* const only = std::getenv("RAIBID_MATRIX");  // rows whose name has this, for someone who works on one
  for (const Row& command : commands) {
    if (only != nullptr && std::string_view(command.name).find(only) == std::string_view::npos) continue;
    const World clean(command.start);
    const json before = [&] {
      const World seen(command.start);
      {
        Signals signals;
        FakeCluster(seen.state(), signals).save();
      }
      return contents(seen);
    }();
    const Ran normal = run(clean, command.arguments);
    REQUIRE_MESSAGE(normal.code == 0, normal.err);
    const json complete = contents(clean);
    REQUIRE(judge(clean, before, complete, 0) == "");

    // every step that was reported, and those children that were started before the first
    std::vector<std::string> order = {"cluster"};
    for (const std::string& line : split(normal.err, '\n')) {
      if (!line.starts_with("started: ")) continue;
      const std::string step = line.substr(9);  // each claim has a step of this name
      if (std::find(order.begin(), order.end(), step) == order.end()) order.push_back(step);
    }
    std::map<std::string, std::vector<int>> children;
    for (std::size_t i = 0; i < normal.steps.size(); ++i) children[normal.steps[i]].push_back(static_cast<int>(i) + 1);
    struct Cell {
      std::string step;
      std::size_t column;
      Fault fault;
    };
    std::vector<Cell> cells;
    for (const std::string& step : order) {
      for (std::size_t at = 0; at < columns().size(); ++at) {
        for (const Kind kind : columns()[at].kinds) {
          if (command.name == std::string_view("sync") && !kills_us(kind)) continue;
          for (const int child : children[step]) cells.push_back({step, at, Fault{kind, child}});
          if (concerns_us(kind)) cells.push_back({step, at, Fault{kind, 0, step}});
        }
      }
    }
    std::map<std::string, std::vector<std::string>> marks;
    for (const std::string& step : order) marks[step] = std::vector<std::string>(columns().size(), "-");
    const auto try_fault = [&](std::size_t which) {
      const World world(command.start);
      return try_case(world, command, cells[which].fault, before, complete);
    };
    in_forks(cells.size(), try_fault, [&](std::size_t which, const std::string& wrong) {
      if (wrong == "skipped") return;
      const auto& [step, at, fault] = cells[which];
      ++cases;
      std::string& mark = marks[step][at];
      if (mark == "-") mark = "ok";
      if (wrong.empty()) return;
      mark = "WRONG";
      FAIL_CHECK(command.name << ", step " << step << ", child " << fault.child << ", " << columns()[at].name << " ("
                              << static_cast<int>(fault.kind) << "): " << wrong);
    });
    for (const std::string& step : order) {
      table += fmt::format("{:<24}{:>9}", fmt::format("{} {}", command.name, step), children[step].size());
      for (const std::string& mark : marks[step]) table += fmt::format("{:>11}", mark);
      table += "\n";
    }
  }
  MESSAGE(cases << " cases\n" << table);
}
