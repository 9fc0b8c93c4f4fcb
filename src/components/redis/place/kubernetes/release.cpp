#include "components/redis/place/kubernetes/release.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace raibid {

const Release::Service* Release::service(const std::string& name) const {
  const auto found =
      std::find_if(services.begin(), services.end(), [&](const Service& service) { return service.name == name; });
  return found == services.end() ? nullptr : &*found;
}

namespace {

/// That of a node; one of another name is the first's.
template <typename Thing>
const Thing* thing_of(const std::vector<Thing>& things, const RedisNames& names, int node) {
  const auto found = std::find_if(things.begin(), things.end(),
                                  [&](const Thing& thing) { return std::max(names.node_of(thing.name), 0) == node; });
  return found == things.end() ? nullptr : &*found;
}

}  // namespace

const Release::Pod* Release::pod(int node) const { return thing_of(pods, names(), node); }

const Release::Claim* Release::claim(int node) const { return thing_of(claims, names(), node); }

int Release::nodes() const {
  try {
    return parse_spec(workload ? workload->spec : recorded_spec()).replicas + 1;
  } catch (const Error&) {
    return 1;  // who needs the record says what is wrong with it
  }
}

bool Release::of_other_chart() const {
  try {
    const std::string chart = parse_spec(recorded_spec()).chart;
    return !chart.empty() && chart != "embedded";
  } catch (const Error&) {
    return false;  // who needs the record says what is wrong with it
  }
}

bool Release::leads_here(const std::string& name) const {
  const Service* const found = service(name);
  if (!found) return false;
  return found->is_other_name ? found->other_name == names().host : found->instance == id.name;
}

std::vector<std::string> Release::unlike_pods() const {
  std::vector<std::string> names;
  if (!workload || workload->replicas <= 1) return names;
  for (const Pod& pod : pods) {
    if (!pod.being_deleted && pod.way_to_talk != workload->way_to_talk) names.push_back(pod.name);
  }
  return names;
}

bool Release::redis_runs() const {
  return std::any_of(pods.begin(), pods.end(), [](const Pod& pod) { return pod.redis_runs; });
}

std::vector<Deletion> Release::blocking_deletions() const {
  std::vector<Deletion> blocking = deletions;
  std::erase_if(blocking, [](const Deletion& deletion) {
    return deletion.object.starts_with("pod/") || deletion.object.starts_with("namespace/");
  });
  return blocking;
}

TlsChoice Release::tls_choice() const {
  try {
    return spec().tls;
  } catch (const Error&) {
    return {};  // who needs the record says what is wrong with it
  }
}

std::optional<TlsClient> Release::tls_client() const {
  const TlsChoice choice = tls_choice();
  if (!choice.enabled()) return std::nullopt;
  const TlsObjects::Object* const mounted = tls.mounted(choice);
  SecretContent content = choice.from == TlsChoice::From::own ? tls.content() : SecretContent();
  if (mounted != nullptr) content.insert(mounted->content.begin(), mounted->content.end());
  if (choice.from != TlsChoice::From::own) content = with_earlier_trust(std::move(content), tls.trust);
  // the Secret is lost: Redis goes on with what it has read, and its CA is written down once more
  if (content.empty() && tls.trust) content = tls.trust->content;
  return release_tls(content, choice, names());
}

std::string Release::recorded_spec() const {
  if (workload && record) return workload->spec;
  // beside a release, or a StatefulSet that helm left, it would be an older one
  return !workload && !record && claim() ? claim()->spec : "";
}

}  // namespace raibid
