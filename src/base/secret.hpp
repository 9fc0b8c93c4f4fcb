#pragma once

#include <string>
#include <string_view>

#include <fmt/format.h>

namespace raibid {

/// A password or anything made from one. It prints as ***; only `reveal` gives the text, so every place that lets a
/// secret out can be found by that word. The memory is wiped when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : m_text(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&& other) noexcept;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&& other) noexcept;
  ~Secret() { wipe(); }

  const std::string& reveal() const { return m_text; }
  bool empty() const { return m_text.empty(); }
  bool operator==(const Secret& other) const = default;

 private:
  void wipe() noexcept;

  std::string m_text;
};

}  // namespace raibid

template <>
struct fmt::formatter<raibid::Secret> : fmt::formatter<std::string_view> {
  template <typename Context>
  auto format(const raibid::Secret&, Context& context) const {
    return fmt::formatter<std::string_view>::format("***", context);
  }
};
