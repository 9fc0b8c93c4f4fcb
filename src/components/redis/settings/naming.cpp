#include "components/redis/settings/naming.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/characters.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

/// Helm's own limit (pkg/chart/common/util: ValidateReleaseName).
constexpr std::size_t longest_release = 53;
/// The pods' label controller-revision-hash is "<full>-master-<10 characters>", and a label's value holds 63.
constexpr std::size_t longest_full_name = 45;
constexpr std::size_t longest_label = 63;
constexpr std::size_t longest_subdomain = 253;

[[noreturn]] void refuse(const Settings& settings, std::string_view option, const std::string& why,
                         const std::string& hint) {
  throw Error(ExitCode::usage,
              fmt::format("{}: \"{}\" {}", named(settings, option), printable(settings.text(option)), why), hint);
}

/// A preset of the user's need not name one.
void require(const Settings& settings, std::string_view option, const std::string& flag) {
  if (!settings.text(option).empty()) return;
  throw Error(ExitCode::usage, fmt::format("{}: there is no {}", named(settings, option), option),
              fmt::format("name one with {}, or under settings of the preset", flag));
}

constexpr const char* name_rule = "use lower-case letters, digits and -, with a letter or digit first and last";

}  // namespace

RedisNames::RedisNames(const std::string& release, const std::string& name_space, const std::string& cluster_domain)
    : full(release.find("redis") == std::string::npos ? release + "-redis" : release),
      workload(full + "-master"),
      pod(workload + "-0"),
      claim("redis-data-" + pod),
      proxy(full + "-proxy"),
      backup(full + "-backup"),
      host(fmt::format("{}.{}.svc.{}", workload, name_space, cluster_domain)),
      selector(fmt::format("app.kubernetes.io/name=redis,app.kubernetes.io/instance={}", release)),
      certificate(full + "-tls"),
      authority(full + "-ca") {}

std::string RedisNames::pod_of(int node) const { return fmt::format("{}-{}", workload, node); }

std::vector<std::string> RedisNames::pods(int nodes) const {
  std::vector<std::string> all;
  for (int node = 0; node < nodes; ++node) all.push_back(pod_of(node));
  return all;
}

std::vector<std::string> RedisNames::pod_objects(int nodes) const {
  std::vector<std::string> all = pods(nodes);
  for (std::string& name : all) name.insert(0, "pod/");
  return all;
}

std::string RedisNames::claim_of(int node) const { return "redis-data-" + pod_of(node); }

int RedisNames::node_of(std::string_view name) const {
  constexpr int most_nodes = 10;  // one digit: more are not set up
  for (int node = 0; node < most_nodes; ++node) {
    if (name == pod_of(node) || name == claim_of(node)) return node;
  }
  return -1;
}

std::string RedisNames::way_to_master(bool ha) const { return ha ? "deployment/" + proxy : pod; }

std::string named(const Settings& settings, std::string_view option) {
  const std::string flag = fmt::format("--{}", option);
  const std::string& where = settings.origin(option).where;
  return where.empty() || where == flag ? flag : fmt::format("{} ({})", flag, where);
}

bool is_dns_label(std::string_view text) {
  return !text.empty() && text.size() <= longest_label && is_lower_or_digit(text.front()) &&
         is_lower_or_digit(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) {
  if (text.empty() || text.size() > longest_subdomain) return false;
  const auto labels = split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](const std::string& label) { return is_dns_label(label); });
}

bool is_service_name(std::string_view text) { return is_dns_label(text) && is_lower_case(text.front()); }

std::string namespace_of(const Settings& settings) {
  require(settings, "namespace", "-n");
  const std::string name = settings.text("namespace");
  if (name.size() > longest_label) {
    refuse(settings, "namespace", fmt::format("has {} characters; Kubernetes allows {}", name.size(), longest_label),
           "choose a shorter name");
  }
  if (!is_dns_label(name))
    refuse(settings, "namespace", "is not a name that Kubernetes takes for a namespace", name_rule);
  return name;
}

std::string release_of(const Settings& settings) {
  require(settings, "release", "--release");
  const std::string name = settings.text("release");
  if (name.size() > longest_release) {
    refuse(settings, "release", fmt::format("has {} characters; Helm allows {}", name.size(), longest_release),
           "choose a shorter name");
  }
  if (!is_dns_label(name)) refuse(settings, "release", "is not a name that Helm and Kubernetes take", name_rule);
  if (!is_service_name(name))
    refuse(settings, "release", "begins the name of a Service, which must begin with a letter", name_rule);
  const std::string full = RedisNames(name, "").full;
  if (full.size() > longest_full_name) {
    refuse(settings, "release",
           fmt::format("is too long: \"{}\" has {} characters, and its StatefulSet's pods can carry {}", full,
                       full.size(), longest_full_name),
           fmt::format("choose a name of at most {} characters that contains \"redis\"", longest_full_name));
  }
  return name;
}

}  // namespace raibid
