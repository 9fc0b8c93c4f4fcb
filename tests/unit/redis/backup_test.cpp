// What a backup says of itself, what is compared, what goes, and the pod that brings one in.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/strings.hpp"
#include "components/redis/commands/backup/backup.hpp"
#include "components/redis/place/kubernetes/restore_pod.hpp"
#include "components/redis/place/restore.hpp"
#include "support/thrown.hpp"

namespace raibid::backup_test {

namespace {

DataCounts counts() {
  DataCounts all;
  all.databases = {{0, {10, 2}}, {3, {1, 0}}};
  all.streams = {{0, "jobs", 5, "7-0", {"workers"}, false}};
  return all;
}

StoredBackup taken(const std::string& at, bool verified = true) {
  BackupManifest manifest;
  manifest.taken = at;
  manifest.verified = verified;
  return {"r-" + at + ".rdb", 0, manifest, ""};
}

std::vector<std::string> times(const std::vector<StoredBackup>& backups) {
  std::vector<std::string> all;
  for (const StoredBackup& one : backups) all.push_back(one.manifest ? one.manifest->taken : one.name);
  return all;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("backup: a manifest says what it was given, names that are no text included") {
  BackupManifest manifest;
  manifest.file = "a.rdb";
  manifest.taken = "2026-01-31T09:08:07Z";
  manifest.target = "local";
  manifest.release = "r";
  manifest.preset = "raibid";
  manifest.bytes = 12;
  manifest.sha256 = "abc";
  manifest.exact = true;
  manifest.counts = counts();
  manifest.counts.streams.push_back({2, std::string("\xff\0x", 3), 1, "1-1", {std::string("g\xfe")}, true});
  manifest.verified = true;
  manifest.verified_with = "redis-server 7.0.15";
  const auto read = parse_backup_manifest(to_json(manifest), "a.json");
  REQUIRE(read);
  CHECK(read->counts == manifest.counts);
  CHECK(read->file == "a.rdb");
  CHECK(read->exact);
  CHECK(read->verified);
  CHECK(read->owner() == manifest.owner());
  CHECK(to_json(*read) == to_json(manifest));
}

TEST_CASE("backup: what is no manifest of ours, and what is damaged") {
  for (const char* text : {"", "[]", "{}", R"({"kind": "something else"})", "REDIS0010"})
    CHECK_FALSE(parse_backup_manifest(text, "x"));
  for (const char* text :
       {R"({"kind": "raibid-cli backup"})",
        R"({"kind": "raibid-cli backup", "file": "../x.rdb", "taken": "2026-01-31T09:08:07Z", "bytes": 1, "sha256": "",
            "counts": {"databases": {}, "streams": []}})",
        R"({"kind": "raibid-cli backup", "file": "x.rdb", "taken": "yesterday", "bytes": 1, "sha256": "",
            "counts": {"databases": {}, "streams": []}})",
        R"({"kind": "raibid-cli backup", "file": "x.rdb", "taken": "2026-01-31T09:08:07Z", "bytes": "many",
            "sha256": "", "counts": {"databases": {}, "streams": []}})",
        R"({"kind": "raibid-cli backup", "file": "x.rdb", "taken": "2026-01-31T09:08:07Z", "bytes": 1, "sha256": "",
            "counts": {"databases": {"x": 1}, "streams": []}})"}) {
    CHECK(test::error_of([&] { parse_backup_manifest(text, "x.json"); }).message().starts_with("x.json is damaged"));
  }
}

TEST_CASE("backup: names") {
  CHECK(backup_name("raibid-redis", *parse_rfc3339("2026-01-31T09:08:07Z")) == "raibid-redis-20260131T090807Z");
  CHECK(is_backup_name("raibid-redis-20260131T090807Z.rdb"));
  CHECK(is_backup_name("raibid-redis-20260131T090807Z.json", "raibid-redis"));
  for (const char* name : {"dump.rdb", "raibid-redis.rdb", "-20260131T090807Z.rdb", "a-20260131T090807.rdb",
                           "a-2026013XT090807Z.rdb", "a-20260131T090807Z.txt", "a20260131T090807Z.rdb", ".rdb"})
    CHECK_MESSAGE(!is_backup_name(name), name);
  CHECK_FALSE(is_backup_name("raibid-redis-20260131T090807Z.rdb", "raibid"));
}

TEST_CASE("backup: versions of RDB files and of servers") {
  CHECK(rdb_version("REDIS0010\xfa") == 10);
  CHECK(rdb_version("VALKEY080") == 80);
  for (const char* first : {"", "REDIS", "REDIS00x0", "PK\3\4aaaaa"}) CHECK(rdb_version(first) == 0);
  CHECK(newest_rdb_version("6.2.14") == 9);
  CHECK(newest_rdb_version("7.0.15") == 10);
  CHECK(newest_rdb_version("7.2.4") == 11);
  CHECK(newest_rdb_version("valkey 8.0.1") == 11);
  CHECK(newest_rdb_version("8.2.1") == 0);
  CHECK(newest_rdb_version("") == 0);
}

TEST_CASE("backup: what a loaded copy lacks") {
  CHECK(missing_data(counts(), counts()).empty());
  DataCounts seen = counts();
  seen.databases[0].keys = 8;  // those with a time to live have gone
  CHECK(missing_data(counts(), seen).empty());
  seen.databases[0].keys = 7;
  CHECK(missing_data(counts(), seen) == Words{"database 0 has 7 keys instead of 10 (2 of them expire)"});
  seen = counts();
  seen.databases.erase(3);
  CHECK(missing_data(counts(), seen) == Words{"database 3 has 0 keys instead of 1"});
  seen = counts();
  seen.databases[5].keys = 1;
  CHECK(missing_data(counts(), seen) == Words{"database 5 has 1 key instead of none"});
  seen = counts();
  seen.streams[0].length = 4;
  CHECK(missing_data(counts(), seen) == Words{"stream jobs has 4 entries instead of 5"});
  seen = counts();
  seen.streams[0].groups.clear();
  CHECK(missing_data(counts(), seen) == Words{"stream jobs lacks group workers"});
  seen = counts();
  seen.streams.clear();
  CHECK(missing_data(counts(), seen) == Words{"stream jobs is missing"});
}

TEST_CASE("backup: a copy of a server that was written to lies between what was there before and after") {
  DataCounts after = counts();
  after.databases[0].keys = 20;
  after.streams[0].last_id = "10-0";
  DataCounts seen = counts();
  seen.databases[0].keys = 15;
  seen.streams[0].last_id = "9-5";
  seen.streams[0].length = 6;
  CHECK(missing_between(counts(), after, seen).empty());
  seen.streams[0].last_id = "6-9";
  CHECK(missing_between(counts(), after, seen) ==
        Words{"stream jobs ends with 6-9, which is not between 7-0 and 10-0"});
  seen.streams[0].last_id = "10-1";
  CHECK(missing_between(counts(), after, seen).size() == 1);
  seen.streams.clear();
  CHECK(missing_between(counts(), after, seen) == Words{"stream jobs is missing"});
  seen = counts();
  seen.databases.erase(3);
  CHECK(missing_between(counts(), after, seen) == Words{"database 3 is missing"});
  // nothing was written: the counts are exact
  CHECK(missing_between(counts(), counts(), seen).size() == 1);
}

TEST_CASE("backup: what prune takes away") {
  const std::vector<StoredBackup> all = {taken("2026-01-31T12:00:00Z", false), taken("2026-01-31T06:00:00Z"),
                                         taken("2026-01-30T12:00:00Z"),        taken("2026-01-29T12:00:00Z"),
                                         taken("2026-01-25T12:00:00Z"),        taken("2026-01-18T12:00:00Z"),
                                         {"unknown.rdb", 5, {}, "no manifest"}};
  CHECK(times(surplus(all, {7, 0, 0})).empty());
  // a newest one that is damaged takes no good one's place, though its manifest says that it was verified
  std::vector<StoredBackup> damaged = {taken("2026-01-31T12:00:00Z"), taken("2026-01-30T12:00:00Z"),
                                       taken("2026-01-29T12:00:00Z")};
  damaged.front().manifest->bytes = 10;
  CHECK(times(surplus(damaged, {1, 0, 0})) == Words{"2026-01-29T12:00:00Z"});
  // the newest, and the newest that is verified
  CHECK(times(surplus(all, {1, 0, 0})) ==
        Words{"2026-01-30T12:00:00Z", "2026-01-29T12:00:00Z", "2026-01-25T12:00:00Z", "2026-01-18T12:00:00Z"});
  // 31st, 30th, 29th
  CHECK(times(surplus(all, {0, 3, 0})) == Words{"2026-01-25T12:00:00Z", "2026-01-18T12:00:00Z"});
  // 2026-01-25 is a Sunday: of the week before that of the 26th
  CHECK(times(surplus(all, {0, 0, 2})) ==
        Words{"2026-01-30T12:00:00Z", "2026-01-29T12:00:00Z", "2026-01-18T12:00:00Z"});
}

TEST_CASE("backup: the newest of a place that several Redis of one name share is that of this one") {
  const auto of = [](const std::string& at, const std::string& name_space) {
    StoredBackup backup = taken(at);
    backup.manifest->release = "r";
    backup.manifest->name_space = name_space;
    backup.manifest->subject = "release r in namespace " + name_space;
    return backup;
  };
  const auto owner_in = [&](const std::string& name_space) {
    return [owner = of("2026-01-01T00:00:00Z", name_space).manifest->owner()] { return owner; };
  };
  const auto nobody = []() -> std::string { throw std::logic_error("nobody is to be asked"); };
  const std::vector<StoredBackup> both = {of("2026-01-31T12:00:00Z", "staging"), of("2026-01-30T12:00:00Z", "jobs"),
                                          of("2026-01-29T12:00:00Z", "jobs")};
  const auto newest = [](const std::vector<StoredBackup>& all, const std::function<std::string()>& owner) {
    return newest_backup(all, "r", owner, "the store", ExitCode::usage).manifest->taken;
  };
  CHECK(newest(both, owner_in("jobs")) == "2026-01-30T12:00:00Z");
  CHECK(newest(both, owner_in("staging")) == "2026-01-31T12:00:00Z");
  // a new cluster: where all backups are of one Redis, that one is meant
  CHECK(newest({both[1], both[2]}, nobody) == "2026-01-30T12:00:00Z");
  const Error error = test::error_of([&] { newest(both, owner_in("new")); });
  CHECK(error.code() == ExitCode::usage);
  CHECK(error.message().find("release r in namespace jobs; release r in namespace staging") != std::string::npos);
}

TEST_CASE("backup: where backups are") {
  using Kind = BackupAddress::Kind;
  CHECK(parse_backup_address("-").kind == Kind::output);
  CHECK(parse_backup_address("x/y.rdb").kind == Kind::file);
  CHECK(parse_backup_address("/nowhere/backups").kind == Kind::folder);
  CHECK(parse_backup_address("rclone:store:redis").kind == Kind::rclone_folder);
  CHECK(parse_backup_address("rclone:store:redis/a.rdb").kind == Kind::rclone_file);
  for (const char* text : {"", "rclone:", "rclone:store", "rclone:--config=x:y", "/etc/passwd"})
    CHECK(test::error_of([&] { parse_backup_address(text); }).code() == ExitCode::usage);
}

TEST_CASE("backup: a claim as the place") {
  using Kind = BackupAddress::Kind;
  CHECK(parse_backup_address("claim").kind == Kind::claim_folder);
  CHECK(parse_backup_address("claim").path.empty());
  CHECK(parse_backup_address("claim:safe").kind == Kind::claim_folder);
  CHECK(parse_backup_address("claim:safe").path == "safe");
  CHECK(parse_backup_address("claim:safe/a.rdb").kind == Kind::claim_file);
  CHECK(parse_backup_address("claim:safe/a.rdb").is_one_file());
  for (const char* const bad : {"claim:", "claim:a/b", "claim:a/b/c.rdb", "claim:../x", "claim:/x.rdb", "claim:a.rdb"})
    CHECK_THROWS_AS(parse_backup_address(bad), Error);
}

TEST_CASE("restore: the pod has the claim, the image and the user of Redis, and no label of a Service") {
  const auto workload = nlohmann::json::parse(R"({
    "metadata": {"namespace": "jobs"},
    "spec": {
      "template": {"metadata": {"labels": {"app": "redis"}}, "spec": {
        "securityContext": {"runAsUser": 999, "fsGroup": 999},
        "nodeSelector": {"disk": "fast"},
        "containers": [
          {"name": "metrics", "image": "exporter:1"},
          {"name": "redis", "image": "redis:7", "securityContext": {"runAsNonRoot": true},
           "env": [{"name": "A", "value": "b"}], "resources": {"limits": {"memory": "1Gi"}},
           "volumeMounts": [{"name": "configuration", "mountPath": "/etc/redis"}, {"name": "redis-data", "mountPath": "/data"}]}]}},
      "volumeClaimTemplates": [{"metadata": {"name": "redis-data"}}]}})");
  const auto volume = data_volume_of(workload, "r-master-0");
  REQUIRE(volume);
  CHECK(volume->claim == "redis-data-r-master-0");
  CHECK(volume->folder == "/data");
  CHECK(volume->container == "redis");
  const auto pod = restore_pod_manifest(workload, *volume, "r-restore", "abc");
  const auto& spec = pod.at("spec");
  CHECK(spec.at("containers").size() == 1);
  CHECK(spec.at("containers")[0].at("image") == "redis:7");
  CHECK(spec.at("containers")[0].at("securityContext").at("runAsNonRoot") == true);
  CHECK_FALSE(spec.at("containers")[0].contains("env"));
  CHECK(spec.at("securityContext").at("runAsUser") == 999);
  CHECK(spec.at("nodeSelector").at("disk") == "fast");
  CHECK(spec.at("volumes")[0].at("persistentVolumeClaim").at("claimName") == "redis-data-r-master-0");
  CHECK(spec.at("automountServiceAccountToken") == false);
  CHECK_FALSE(pod.at("metadata").at("labels").contains("app"));
  auto without = workload;
  without["spec"].erase("volumeClaimTemplates");
  CHECK_FALSE(data_volume_of(without, "r-master-0"));
}

TEST_CASE("restore: where the file goes") {
  DataFiles files;
  CHECK(files.name() == "appendonlydir");
  CHECK(files.rdb() == "appendonlydir/appendonly.aof.1.base.rdb");
  CHECK(aof_manifest("appendonly.aof") == "file appendonly.aof.1.base.rdb seq 1 type b\n");
  files.folder.clear();  // before Redis 7
  CHECK(files.name() == "appendonly.aof");
  CHECK(files.rdb() == "appendonly.aof");
  files.aof = false;
  CHECK(files.name() == "dump.rdb");
  CHECK(files.rdb() == "dump.rdb");
}

}  // namespace raibid::backup_test
