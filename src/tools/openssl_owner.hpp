#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

namespace raibid {

/// Frees an object of OpenSSL by its own function.
template <auto free>
struct OpensslFree {
  template <typename Object>
  void operator()(Object* object) const {
    free(object);
  }
};
template <typename Object, auto free>
using OpensslOwner = std::unique_ptr<Object, OpensslFree<free>>;

using OpensslBio = OpensslOwner<BIO, BIO_free_all>;
using OpensslCertificate = OpensslOwner<X509, X509_free>;
using OpensslKey = OpensslOwner<EVP_PKEY, EVP_PKEY_free>;

}  // namespace raibid
