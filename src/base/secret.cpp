#include "base/secret.hpp"

#include <string.h>

#include <utility>

namespace raibid {

// a copy: moving a short string would leave its bytes behind
// NOLINTNEXTLINE(performance-move-constructor-init)
Secret::Secret(Secret&& other) noexcept : m_text(other.m_text) { other.wipe(); }

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    wipe();
    m_text = other.m_text;
    other.wipe();
  }
  return *this;
}

void Secret::wipe() noexcept {
  if (!m_text.empty()) {
    explicit_bzero(m_text.data(), m_text.size());
    m_text.clear();
  }
}

}  // namespace raibid
