#include "components/redis/server/credentials.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "support/thrown.hpp"
#include "sys/files.hpp"

using namespace raibid;
using namespace raibid::test;

namespace {

constexpr const char* uid = "0f5c1a52-3e0c-4f0f-9d3c-2f8e6f1f1a11";

Credentials some_credentials() {
  Credentials credentials;
  credentials.host = "raibid-redis-master.raibid-redis.svc.cluster.local";
  credentials.password = Secret("swordfish-swordfish");
  credentials.name_space = "raibid-redis";
  credentials.stream = "raibid:jobs";
  credentials.consumer_group = "raibid-workers";
  credentials.context = "k3s-dev";
  credentials.cluster_uid = uid;
  credentials.release = "raibid-redis";
  credentials.target = "kubernetes";
  credentials.username = "default";
  return credentials;
}

struct Home {
  TemporaryDirectory folder{std::filesystem::temp_directory_path()};
  Paths paths{folder.path() / "home", folder.path(), folder.path()};

  fs::path file(const std::string& name) const { return paths.home / name; }
  void write(const std::string& name, const std::string& content) const {
    make_private_directory(paths.home);
    write_atomic(file(name), content);
  }
  fs::path save(const Credentials& credentials) const {
    const fs::path path = credentials_path(paths, credentials, "raibid");
    save_credentials(Files(ChangeGuard(false)), credentials, path);
    return path;
  }
};

mode_t mode_of(const fs::path& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("the credentials file has the six keys of the documented form first, in its order") {
  const auto object = nlohmann::ordered_json::parse(to_json(some_credentials()));
  std::vector<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  CHECK(keys == std::vector<std::string>{"host", "port", "password", "namespace", "stream", "consumer_group", "context",
                                         "cluster_uid", "release", "target", "username"});
  CHECK(object["host"] == "raibid-redis-master.raibid-redis.svc.cluster.local");
  CHECK(object["port"] == 6379);
  CHECK(object["password"] == "swordfish-swordfish");
  CHECK(object["namespace"] == "raibid-redis");
  CHECK(object["stream"] == "raibid:jobs");
  CHECK(object["consumer_group"] == "raibid-workers");
}

TEST_CASE("credentials come back as they were saved, and nobody else can read them") {
  const Home home;
  const Credentials credentials = some_credentials();
  const mode_t before = ::umask(0);  // nothing of the mode may depend on it
  const fs::path path = home.save(credentials);
  ::umask(before);
  CHECK(path == home.file("redis-credentials.json"));
  CHECK(mode_of(path) == 0600);
  CHECK(mode_of(home.paths.home) == 0700);
  const auto read = read_credentials(path);
  REQUIRE(read);
  CHECK(to_json(*read) == to_json(credentials));
  CHECK(read->path == path);
  CHECK(std::distance(fs::directory_iterator(home.paths.home), fs::directory_iterator()) ==
        1);  // no temporary file stays
}

TEST_CASE("whether credentials are saved already") {
  const Home home;
  Credentials credentials = some_credentials();
  const fs::path path = home.file("redis-credentials.json");
  CHECK_FALSE(credentials_are_saved(credentials, path));
  save_credentials(Files(ChangeGuard(false)), credentials, path);
  CHECK(credentials_are_saved(credentials, path));
  fs::permissions(path, fs::perms::group_read, fs::perm_options::add);
  CHECK_FALSE(credentials_are_saved(credentials, path));
  save_credentials(Files(ChangeGuard(false)), credentials, path);
  CHECK(mode_of(path) == 0600);
  credentials.port = 6380;
  CHECK_FALSE(credentials_are_saved(credentials, path));
}

TEST_CASE("a file of the six keys alone is read") {
  const Home home;
  home.write(
      "redis-credentials.json",
      R"({"host":"h","port":6379,"password":"p","namespace":"n","stream":"s","consumer_group":"g","comment":["kept by hand"]})");
  const auto credentials = read_credentials(home.file("redis-credentials.json"));
  REQUIRE(credentials);
  CHECK(credentials->host == "h");
  CHECK(credentials->password.reveal() == "p");
  CHECK(credentials->release.empty());
  CHECK(credentials->target.empty());
}

TEST_CASE("no file, no credentials") {
  const Home home;
  CHECK_FALSE(read_credentials(home.file("redis-credentials.json")));
  CHECK(all_credentials(home.paths).empty());
  CHECK_FALSE(find_credentials(home.paths, "kubernetes", uid, "raibid-redis", "raibid-redis"));
}

TEST_CASE("a damaged file is named with the place, kept, and its content not shown") {
  const Home home;
  const fs::path path = home.file("redis-credentials.json");
  const auto refusal = [&](const std::string& content) {
    home.write("redis-credentials.json", content);
    const Error error = error_of([&] { read_credentials(path); });
    CHECK(error.code() == ExitCode::preflight);
    CHECK(has(error.message(), path.string()));
    CHECK(has(error.hint(), "mv " + path.string()));
    CHECK_FALSE(has(error.message() + error.hint(), "hunter2"));
    CHECK(error_of([&] { credentials_path(home.paths, some_credentials(), "raibid"); }).code() == ExitCode::preflight);
    CHECK(read_file(path) == content);
    return error.message();
  };
  const std::string good =
      R"({"host":"h","port":6379,"password":"hunter2","namespace":"n","stream":"s","consumer_group":"g"})";
  const auto with = [&](const std::string& from, const std::string& to) {
    return std::string(good).replace(good.find(from), from.size(), to);
  };
  CHECK(has(refusal(""), "line 1, column 1"));
  CHECK(has(refusal("{\n  \"host\": \"h\",\n  \"password\": hunter2\n}"), "line 3, column 15"));
  CHECK(has(refusal("{\"password\": \"hunter2"), "line 1, column 22"));
  CHECK(has(refusal(good + "x"), "is not JSON"));
  CHECK(has(refusal(R"({"port": 1e9999})"), "out of range"));
  CHECK(has(refusal("{\"password\": \"hunter2\xff\"}"), "is not JSON"));
  CHECK(has(refusal("[\"hunter2\"]"), "no JSON object"));
  CHECK(has(refusal(with("\"host\":\"h\",", "")), "\"host\" is missing"));
  CHECK(has(refusal(with("\"hunter2\"", "[\"hunter2\"]")), "\"password\" is not a string"));
  CHECK(has(refusal(with("6379", "\"6379\"")), "\"port\" is not a number"));
  CHECK(has(refusal(with("6379", "65536")), "\"port\" is not a number"));
  CHECK(has(refusal(with("6379", "6379.5")), "\"port\" is not a number"));
  CHECK(has(refusal(with("\"stream\"", "\"release\":7,\"stream\"")), "\"release\" is not a string"));
  CHECK(has(refusal(std::string(600 * 1024, '[')), "cannot be read"));
  CHECK(has(refusal(std::string(60 * 1024, '[')), "nested too deeply"));
}

TEST_CASE("a folder where the file should be") {
  const Home home;
  fs::create_directories(home.file("redis-credentials.json"));
  CHECK(error_of([&] { all_credentials(home.paths); }).code() == ExitCode::preflight);
}

TEST_CASE("what belongs to another cluster, target or release is never the path") {
  const Home home;
  const Credentials first = some_credentials();
  CHECK(credentials_path(home.paths, first, "mirai") == home.file("redis-credentials.raibid-redis@k3s-dev.json"));
  CHECK(home.save(first) == home.file("redis-credentials.json"));
  CHECK(credentials_path(home.paths, first, "raibid") == home.file("redis-credentials.json"));

  Credentials release = first;
  release.release = "other-redis";
  CHECK(home.save(release) == home.file("redis-credentials.other-redis@k3s-dev.json"));
  CHECK(credentials_path(home.paths, release, "raibid") == home.file("redis-credentials.other-redis@k3s-dev.json"));

  Credentials local = first;
  local.target = "local";
  local.context = "local";
  local.cluster_uid.clear();
  CHECK(home.save(local) == home.file("redis-credentials.raibid-redis@local.json"));

  Credentials context = first;
  context.context = "arn:aws:eks:eu/prod cluster";
  context.cluster_uid = "another-uid";
  CHECK(home.save(context) == home.file("redis-credentials.raibid-redis@arn-aws-eks-eu-prod-cluster.json"));
  CHECK(all_credentials(home.paths).size() == 4);
  CHECK(read_credentials(home.file("redis-credentials.json"))->cluster_uid == uid);
}

TEST_CASE("contexts of the same name are told apart") {
  const Home home;
  Credentials credentials = some_credentials();
  credentials.context = "default";
  std::vector<std::string> names;
  const auto save = [&](const std::string& name_space, const std::string& cluster) {
    credentials.name_space = name_space;
    credentials.cluster_uid = cluster;
    names.push_back(home.save(credentials).filename());
  };
  save("a", "uid-1");
  save("a", "uid-2");
  save("b", "uid-1");
  save("b", "uid-2");
  CHECK(names == std::vector<std::string>{"redis-credentials.json", "redis-credentials.raibid-redis@default.json",
                                          "redis-credentials.raibid-redis@default.b.json",
                                          "redis-credentials.raibid-redis@default.b.uid-2.json"});
  CHECK(all_credentials(home.paths).size() == 4);
}

TEST_CASE("a release keeps the file it has, also when the first name becomes free") {
  const Home home;
  const Credentials first = some_credentials();
  Credentials second = first;
  second.release = "second-redis";
  const fs::path first_path = home.save(first);
  const fs::path second_path = home.save(second);
  fs::remove(first_path);
  CHECK(credentials_path(home.paths, second, "raibid") == second_path);
  CHECK(credentials_path(home.paths, first, "raibid") == first_path);
}

TEST_CASE("a file of the six keys says nothing of whose it is, and is nobody's to overwrite") {
  const Home home;
  home.write("redis-credentials.json",
             R"({"host":"h","port":6379,"password":"p","namespace":"n","stream":"s","consumer_group":"g"})");
  CHECK(credentials_path(home.paths, some_credentials(), "raibid") ==
        home.file("redis-credentials.raibid-redis@k3s-dev.json"));
}

TEST_CASE("credentials are found by target, cluster, namespace and release") {
  const Home home;
  const Credentials credentials = some_credentials();
  home.save(credentials);
  home.write("redis-credentials.json.previous", "not one of ours");
  home.write("config.yaml", "size: 1Gi");
  const auto found = find_credentials(home.paths, "kubernetes", uid, "raibid-redis", "raibid-redis");
  REQUIRE(found);
  CHECK(found->password.reveal() == "swordfish-swordfish");
  CHECK(found->path == home.file("redis-credentials.json"));
  CHECK_FALSE(find_credentials(home.paths, "local", uid, "raibid-redis", "raibid-redis"));
  CHECK_FALSE(find_credentials(home.paths, "kubernetes", "another", "raibid-redis", "raibid-redis"));
  CHECK_FALSE(find_credentials(home.paths, "kubernetes", uid, "another", "raibid-redis"));
  CHECK_FALSE(find_credentials(home.paths, "kubernetes", uid, "raibid-redis", "another"));
}

TEST_CASE("credentials behind a symbolic link, of another user or open to others are refused and left alone") {
  const Home home;
  make_private_directory(home.paths.home);
  const fs::path file = home.file("redis-credentials.json");
  const fs::path elsewhere = home.folder.path() / "elsewhere.json";
  const std::string text = to_json(some_credentials());
  write_atomic(elsewhere, text, 0644);
  Credentials changed = some_credentials();
  changed.port = 6380;
  const auto refused = [&](const std::string& why) {
    CHECK(has(error_of([&] { read_credentials(file); }).message(), why));
    CHECK(has(error_of([&] { all_credentials(home.paths); }).message(), why));
    CHECK(has(error_of([&] { home.save(changed); }).message(), why));
    CHECK(error_of([&] { read_credentials(file); }).code() == ExitCode::preflight);
  };
  fs::create_symlink(elsewhere, file);
  refused("is a symbolic link");
  CHECK(has(error_of([&] { save_credentials(Files(ChangeGuard(false)), changed, file); }).message(),
            "is a symbolic link"));
  fs::create_symlink("nowhere", home.file("redis-credentials.x@y.json"));  // a dangling one would be made
  CHECK(has(error_of([&] {
              save_credentials(Files(ChangeGuard(false)), changed, home.file("redis-credentials.x@y.json"));
            }).message(),
            "link"));
  fs::remove(home.file("redis-credentials.x@y.json"));
  CHECK(read_file(elsewhere) == text);
  CHECK(mode_of(elsewhere) == 0644);

  fs::remove(file);
  write_atomic(file, text, 0622);
  refused("can be written by other users");
  if (::geteuid() != 0) return;
  write_atomic(file, text);
  REQUIRE(::chown(file.c_str(), 65534, 65534) == 0);
  refused("belongs to user");
}

TEST_CASE("connection URLs") {
  const std::string host = "raibid-redis-master.raibid-redis.svc.cluster.local";
  CHECK(redis_url(host, 6379, Secret("Abc123")) == "redis://default:Abc123@" + host + ":6379");
  CHECK(redis_url(host, 6379, Secret("Abc123"), "") == "redis://:Abc123@" + host + ":6379");
  CHECK(redis_url(host, 6379, Secret()) == "redis://" + host + ":6379");
  CHECK(redis_url("127.0.0.1", 21000, Secret("p@ss:w/rd?#[]%~-._")) ==
        "redis://default:p%40ss%3Aw%2Frd%3F%23%5B%5D%25~-._@127.0.0.1:21000");
  CHECK(redis_url("::1", 6379, Secret("x")) == "redis://default:x@[::1]:6379");
}
