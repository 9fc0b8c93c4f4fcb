#include "components/redis/place/place.hpp"

#include "components/redis/place/kubernetes/kubernetes_place.hpp"
#include "components/redis/place/local/local_place.hpp"

namespace raibid {

std::unique_ptr<Place> open_place(Context& context, const RedisSettings& settings) {
  if (settings.target == Target::local) return std::make_unique<LocalPlace>(context, settings);
  return std::make_unique<KubernetesPlace>(context, settings);
}

}  // namespace raibid
