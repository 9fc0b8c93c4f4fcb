#pragma once

#include <functional>
#include <string>

#include "components/redis/server/certificates.hpp"
#include "components/redis/server/users.hpp"
#include "plan/step.hpp"

namespace raibid {

/// Where the certificates of one Redis are kept (see server/certificates.hpp for the keys).
class CertificateStore {
 public:
  virtual ~CertificateStore() = default;
  virtual SecretContent read() = 0;
  /// Gives these keys these values; an empty value removes the key. The other keys stay.
  virtual void write(const SecretContent& changes) = 0;
};

/// Makes every running server read the files again: waits until they have arrived, then CONFIG SET of certificate, key
/// and CA in one command with the same paths (reload_certificates). Does nothing where none runs. Throws Error.
using ReloadCertificates = std::function<void(const SecretContent& content)>;

/// What the content of the store becomes; asked when it is about to change. Throws Error (preflight) to refuse.
using CertificateChange = std::function<SecretContent(const SecretContent& present)>;

/// A change of certificates while Redis runs, as a run of its own.
struct CertificatesPlan {
  std::string operation;  ///< "tls rotate"
  std::string what;       ///< for people: "a new server certificate"
  std::function<SecretContent(const SecretContent& present, const CertificateSpec& spec)> change;
};

/// Changes the certificates: what was there before stays in the store (previous_certificates_key) until
/// `forget_previous_certificates`; then the new ones are written, and the running servers read them. Open connections
/// go on. `run` is the id of the run, without which nothing is taken back.
void change_certificates(CertificateStore& store, const ReloadCertificates& reload, const CertificateChange& change,
                         const std::string& run);

/// Takes back what change_certificates of that run did, whole or in part; can run twice. Throws Kept when another run
/// has changed them since.
void restore_certificates(CertificateStore& store, const ReloadCertificates& reload, const std::string& run);

/// The run has ended well. What cannot be removed now is removed by the next run.
void forget_previous_certificates(CertificateStore& store);

/// A step that changes the certificates, with its undo, "certificates.restore". `by_hand` is what a person would type
/// instead of the undo.
Step certificates_step(CertificateStore& store, const ReloadCertificates& reload, const CertificateChange& change,
                       const std::string& what, const std::string& run, const std::string& by_hand);

/// What "certificates.restore" does.
void add_certificates_undo(UndoTable& table, CertificateStore& store, const ReloadCertificates& reload);

/// CONFIG SET of certificate, key and CA in one command, with the paths that the server has. Throws Error (failure) in
/// Redis' words; it goes on with the old ones then.
void reload_certificates(RedisConnection& redis);

}  // namespace raibid
