#include "components/redis/place/kubernetes/server_files.hpp"

#include <nlohmann/json.hpp>

#include "base/strings.hpp"
#include "components/kubernetes/json_view.hpp"

namespace raibid {

namespace {

bool names_acl_file(const std::string& conf) {
  for (const std::string& line : split(conf, '\n')) {
    if (to_lower(trim(line)).starts_with("aclfile ")) return true;
  }
  return false;
}

}  // namespace

ServerFiles server_files(const nlohmann::json& manifest, const RedisNames& names) {
  ServerFiles files;
  for (const nlohmann::json& object : manifest) {
    if (text_at(object, {"kind"}) != "ConfigMap" ||
        text_at(object, {"metadata", "name"}) != names.full + "-configuration")
      continue;
    const std::string conf = text_at(object, {"data", "redis.conf"});
    if (conf.empty()) continue;
    files.directives = parse_redis_conf(text_at(object, {"data", "nodes.conf"}) + "\n" + conf + "\n" +
                                        text_at(object, {"data", "master.conf"}));
    files.has_acl = names_acl_file(conf);
  }
  return files;
}

}  // namespace raibid
