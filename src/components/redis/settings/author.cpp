#include "components/redis/settings/author.hpp"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace raibid {

std::string Author::text() const {
  if (user.empty() && host.empty()) return "";
  return (user.empty() ? "?" : user) + "@" + (host.empty() ? "?" : host);
}

Author this_author(const Environment& environment) {
  Author author;
  // who used sudo is the one to ask
  author.user = variable(environment, "SUDO_USER");
  if (author.user.empty()) {
    const passwd* const user = ::getpwuid(::geteuid());
    if (user != nullptr) author.user = user->pw_name;
  }
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) author.host = name.data();
  return author;
}

std::string as_label_value(std::string text) {
  constexpr std::size_t longest = 63;
  const auto is_plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
  if (text.size() > longest) text.resize(longest);
  for (char& c : text) {
    if (!is_plain(c) && c != '-' && c != '.') c = '_';
  }
  while (!text.empty() && !is_plain(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if(text.begin(), text.end(), is_plain));
  return text;
}

}  // namespace raibid
