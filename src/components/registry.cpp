#include "components/component.hpp"
#include "components/redis/redis.hpp"

namespace raibid {

const std::vector<Component>& components() {
  static const std::vector<Component> table = {redis_component()};
  return table;
}

}  // namespace raibid
