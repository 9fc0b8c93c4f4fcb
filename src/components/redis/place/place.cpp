#include "components/redis/place/place.hpp"

#include "components/redis/place/kubernetes/kubernetes_installer.hpp"
#include "components/redis/place/kubernetes/kubernetes_place.hpp"
#include "components/redis/place/local/local_installer.hpp"
#include "components/redis/place/local/local_place.hpp"

namespace raibid {

std::unique_ptr<Place> open_place(Context& context, const RedisSettings& settings) {
  if (settings.target == Target::local) return std::make_unique<LocalPlace>(context, settings);
  return std::make_unique<KubernetesPlace>(context, settings);
}

std::unique_ptr<Installer> open_installer(Context& context, const RedisSettings& settings) {
  if (settings.target == Target::local) return std::make_unique<LocalInstaller>(context, settings);
  return std::make_unique<KubernetesInstaller>(context, settings);
}

}  // namespace raibid
