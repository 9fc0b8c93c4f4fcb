#pragma once

#include <nlohmann/json_fwd.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "components/context.hpp"
#include "components/redis/place/kubernetes/certificates.hpp"
#include "components/redis/run/certificates.hpp"
#include "components/redis/settings/naming.hpp"
#include "plan/step.hpp"
#include "tools/kubectl.hpp"
#include "tools/redis_client.hpp"

namespace raibid {

/// The certificates of a release while a run makes or changes them: Secret F-tls, Secret F-ca and ConfigMap F-ca. What
/// is not there is made; the rest gets a merge patch, from standard input.
class ReleaseCertificates final : public CertificateStore {
 public:
  /// `run` stamps what is made; "" stamps nothing.
  ReleaseCertificates(Context& context, const Kubectl& kubectl, const RedisNames& names, std::string release,
                      std::string run, std::function<TimePoint()> deadline);

  SecretContent read() override;
  void write(const SecretContent& changes) override;

  /// Creates those of the three that `content` has something for and `present` has not, side by side. Throws Error when
  /// there is one of a name: nothing is overwritten.
  void create(const SecretContent& content, const TlsObjects& present) const;
  /// ConfigMap F-ca alone.
  void write_trust(const std::string& certificates) const;

  /// Lets the running Redis of this pod serve `content`: an annotation on the pod makes the kubelet look at once (else
  /// it takes up to a minute or two), CONFIG SET loads the files without cutting a connection, and a new connection
  /// shows the certificate. `redis` may change the configuration (nullptr: ask `connect`); `connect` opens another
  /// connection, which shows a certificate itself where that is asked for: a handshake that fails ends the
  /// port-forward, and `redis` with it, so `connect` has to find the way to a server that still serves the old one as
  /// well. Throws Error (failure) when another certificate is served at the end.
  void serve(const std::string& pod, RedisConnection* redis, const SecretContent& content,
             const std::function<std::unique_ptr<RedisConnection>()>& connect) const;

  /// cert-manager's Certificate gets the spec (JSON) that it had; "": it goes, when the run has made it.
  void restore_issued(const std::string& spec, const std::string& run) const;

 private:
  nlohmann::ordered_json manifest(const char* kind, const std::string& name, const SecretContent& data) const;
  Command make(const nlohmann::ordered_json& manifest) const;
  void change(const char* kind, const std::string& name, const SecretContent& data) const;
  void remove(const std::string& secret) const;

  Context& m_context;
  const Kubectl& m_kubectl;
  RedisNames m_names;
  std::string m_release;
  std::string m_run;
  std::function<TimePoint()> m_deadline;
};

/// Undos of what is made otherwise than by certificates_step: "kubernetes.restore_trust", "kubernetes.restore_issued".
/// A CA's certificate is no secret, so the journal may hold it.
Undo undo_trust(const std::string& certificates, const std::string& by_hand);
Undo undo_issued_certificate(const Kubectl& kubectl, const RedisNames& names, const std::string& spec,
                             const std::string& by_hand);
void add_release_certificates_undos(UndoTable& table, const ReleaseCertificates& store);

}  // namespace raibid
