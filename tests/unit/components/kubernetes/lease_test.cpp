#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "components/kubernetes/lease.hpp"

#include <unistd.h>

using namespace raibid;
using nlohmann::json;
using std::chrono::minutes;

namespace {

const WallTime noon = std::chrono::system_clock::from_time_t(1769860800);

LeaseHolder holder(const std::string& machine, WallTime until) {
  return {"setup redis", "web-1", machine, 42, "start", rfc3339(noon), until};
}

}  // namespace

TEST_CASE("a lease says who holds it, and is read as it was written") {
  const LeaseHolder self = this_process("setup redis", noon, noon + minutes(6));
  CHECK(self.pid == ::getpid());
  CHECK_FALSE(self.process.empty());
  CHECK(self.machine.find("pid:[") != std::string::npos);
  json object = json::parse(lease_manifest("raibid-cli-r", "space", self).dump());
  CHECK(object["spec"]["leaseDurationSeconds"] == 360);
  CHECK(object["spec"]["acquireTime"] == "2026-01-31T12:00:00.000000Z");
  object["metadata"]["uid"] = "u";
  object["metadata"]["resourceVersion"] = "7";
  const Lease read = parse_lease(object);
  CHECK(read.uid == "u");
  CHECK(read.resource_version == "7");
  CHECK(read.holder.operation == self.operation);
  CHECK(read.holder.host == self.host);
  CHECK(read.holder.machine == self.machine);
  CHECK(read.holder.pid == self.pid);
  CHECK(read.holder.process == self.process);
  CHECK(read.holder.since == "2026-01-31T12:00:00Z");
  CHECK(read.holder.until == self.until);
}

TEST_CASE("a lease counts until it runs out, or its process on this machine is gone") {
  const auto runs = [](int pid, const std::string& process) { return pid == 42 && process == "start"; };
  const auto nobody = [](int, const std::string&) { return false; };
  const LeaseHolder here = holder("here", noon + minutes(1));
  CHECK(lease_state(here, "here", noon, runs) == LeaseState::held);
  CHECK(lease_state(here, "here", noon, nobody) == LeaseState::dead);
  CHECK(lease_state(here, "here", noon + minutes(1), runs) == LeaseState::expired);
  // of another machine, or before this one's last start, nothing is known but its time
  CHECK(lease_state(here, "elsewhere", noon, nobody) == LeaseState::held);
  CHECK(lease_state(here, "elsewhere", noon + minutes(1), nobody) == LeaseState::expired);
}

TEST_CASE("a lease that says nothing has expired") {
  for (const char* text :
       {"{}", R"({"spec": null})", R"({"spec": {"renewTime": "yesterday", "leaseDurationSeconds": "long"}})", "[]"}) {
    CHECK(lease_state(parse_lease(json::parse(text)).holder, "here", noon,
                      [](int, const std::string&) { return true; }) == LeaseState::expired);
  }
}
