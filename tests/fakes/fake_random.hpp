#pragma once

#include "sys/random.hpp"

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <span>

namespace raibid {

/// The bytes that a test named, then 0, 1, 2 … 255, 0 …
class FakeRandom final : public Random {
 public:
  FakeRandom() = default;
  FakeRandom(std::initializer_list<std::uint8_t> first) : m_first(first) {}

  void fill(std::span<std::uint8_t> bytes) override {
    for (std::uint8_t& byte : bytes) {
      if (m_first.empty()) {
        byte = m_next++;
      } else {
        byte = m_first.front();
        m_first.pop_front();
      }
    }
  }

 private:
  std::deque<std::uint8_t> m_first;
  std::uint8_t m_next = 0;
};

}  // namespace raibid
