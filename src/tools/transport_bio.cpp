#include "tools/transport_bio.hpp"

#include <openssl/bio.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <new>
#include <span>
#include <string_view>
#include <utility>

namespace raibid {

namespace {

TransportBio& of(BIO* bio) { return *static_cast<TransportBio*>(BIO_get_data(bio)); }

int read_bytes(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  bool again = false;
  const int count = of(bio).read(data, size, again);
  if (again) BIO_set_retry_read(bio);
  return count;
}

int write_bytes(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  bool again = false;
  const int count = of(bio).write(data, size, again);
  if (again) BIO_set_retry_write(bio);
  return count;
}

long control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_FLUSH) return 1;  // a Transport sends by itself
  return command == BIO_CTRL_EOF && of(bio).ended() ? 1 : 0;
}

BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    BIO_METHOD* const bytes = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "transport");
    if (bytes == nullptr) throw std::bad_alloc();
    BIO_meth_set_read(bytes, read_bytes);
    BIO_meth_set_write(bytes, write_bytes);
    BIO_meth_set_ctrl(bytes, control);
    return bytes;
  }();
  return made;
}

}  // namespace

void TransportBio::attach(ssl_st* session) {
  BIO* const bio = BIO_new(method());
  if (bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);  // which owns it
}

void TransportBio::rethrow() {
  if (m_thrown) std::rethrow_exception(std::exchange(m_thrown, nullptr));
}

int TransportBio::read(char* data, int size, bool& again) {
  try {
    const Transport::Read read = m_transport.read(std::span<char>(data, static_cast<std::size_t>(size)));
    if (read.bytes > 0) return static_cast<int>(read.bytes);
    again = !read.closed;
    m_ended = read.closed && read.error == 0;
    errno = read.error;
    return m_ended ? 0 : -1;
  } catch (...) {
    m_thrown = std::current_exception();  // OpenSSL's own frames are between
    return -1;
  }
}

int TransportBio::write(const char* data, int size, bool& again) {
  try {
    const std::size_t taken = m_transport.write(std::string_view(data, static_cast<std::size_t>(size)));
    again = taken == 0;
    return again ? -1 : static_cast<int>(taken);
  } catch (...) {
    m_thrown = std::current_exception();
    return -1;
  }
}

}  // namespace raibid
