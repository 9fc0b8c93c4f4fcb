#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "components/redis/settings/redis_conf.hpp"
#include "components/redis/settings/settings.hpp"
#include "components/redis/settings/tls.hpp"

namespace raibid {

/// The annotation of the chart's objects that holds it.
inline constexpr const char* spec_annotation = "raibid-cli/spec";

/// What a Redis was asked to be: kept as an annotation of everything the chart makes, so that status on another
/// machine, with another preset or none, knows what to hold it against. Never holds a secret.
struct Spec {
  std::string preset;
  std::string chart;  ///< "embedded", "bitnami", or what helm was told
  std::vector<StreamSpec> streams;
  Directives directives;
  bool auth = true;
  std::string user;  ///< the application's, "" for `default`
  bool metrics = true;
  bool persistence = true;
  std::string size;
  std::string storage_class;
  std::string memory_request, memory_limit, cpu_request, cpu_limit;
  std::vector<std::string> clients;  ///< as --allow-from
  std::vector<std::string> services;
  std::string image, exporter_image;  ///< "" for the chart's own
  std::string security_context;       ///< as chosen, "" for the chart's own
  std::string preset_file;            ///< "" for a built-in preset, or of an older version
  TlsChoice tls;
  int replicas = 0;         ///< nodes beside the master
  std::string proxy_image;  ///< "" for the chart's own
  Choices chosen;

  bool ha() const { return replicas > 0; }
  int nodes() const { return replicas + 1; }
  bool operator==(const Spec&) const;
};

Spec spec_of(const RedisSettings& settings);

/// The same without folders of this machine, which say nothing to others: what a cluster keeps. Setup from another
/// folder changes nothing.
Spec spec_for_cluster(const RedisSettings& settings);

/// `record` with the folders that `known`, a record of this machine, has for the same files.
Spec with_folders(Spec record, const Spec& known);

/// One line of JSON without "{{", which charts would read as a template.
std::string to_json(const Spec& spec);

/// An empty Spec for "" (nothing of ours, or a chart that drops annotations). Keys that are missing or unknown are
/// those of another version of raibid-cli, and fine. Throws Error (failure) for anything that to_json cannot have
/// written.
Spec parse_spec(std::string_view annotation);

}  // namespace raibid
