#pragma once

#include <vector>

#include "components/context.hpp"
#include "components/redis/place/kubernetes/node_ways.hpp"
#include "components/redis/place/kubernetes/release_certificates.hpp"
#include "tools/kubectl.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// How several nodes are brought to another certificate while they run. Connections between them go on.
struct NodeCertificates {
  Context& context;
  const Kubectl& kubectl;
  NodeWays& ways;  ///< knows the passwords
  const ReleaseCertificates& certificates;

  /// Each node that runs serves `content` (ReleaseCertificates::serve). Then the sentinels start again, one after the
  /// other: a sentinel reads its certificate at its start alone. Where clients have to show one, the proxies do too,
  /// for what their checks show is read at their start. `known`: how to speak TLS to what may be served until then.
  /// Throws Error (failure).
  void serve(const SecretContent& content, const std::vector<TlsClient>& known, bool client_certificates,
             TimePoint until) const;

 private:
  void start_sentinel_again(int node, const std::vector<TlsClient>& known, const std::string& fingerprint,
                            TimePoint until) const;
  void start_proxies_again(const std::string& fingerprint, TimePoint until) const;
};

}  // namespace raibid
