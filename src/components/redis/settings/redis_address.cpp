#include "components/redis/settings/redis_address.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

constexpr const char* url_form =
    "the form is redis://[USER@]HOST[:PORT][/DATABASE], for instance redis://10.0.0.5:6379";
constexpr int largest_port = 65535;
constexpr int largest_database = 1'000'000;

/// What of one URL is read; each refusal says where it stands.
class UrlReader {
 public:
  UrlReader(std::string_view text, const std::string& what) : m_rest(text), m_what(what) {}

  [[noreturn]] void refuse(const std::string& why, const std::string& hint = url_form) const {
    throw Error(ExitCode::usage, fmt::format("{}: {}", m_what, why), hint);
  }

  /// "redis" or "rediss".
  bool take_scheme() {
    const std::size_t end = m_rest.find("://");
    if (end == std::string_view::npos) refuse("this is not a URL of a Redis");
    const std::string scheme = to_lower(m_rest.substr(0, end));
    if (scheme != "redis" && scheme != "rediss") refuse("only redis:// and rediss:// are URLs of a Redis");
    m_rest.remove_prefix(end + 3);
    return scheme == "rediss";
  }

  /// What stands before the last @: a password that nobody encoded may hold one, and a slash.
  std::optional<std::string_view> take_user() {
    const std::size_t end = m_rest.rfind('@');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view user = m_rest.substr(0, end);
    m_rest.remove_prefix(end + 1);
    return user;
  }

  std::string take_host() {
    const bool bracket = m_rest.starts_with('[');
    const std::size_t end = bracket ? m_rest.find(']') : std::min(m_rest.find_first_of(":/?#"), m_rest.size());
    if (end == std::string_view::npos) refuse("the [ of an IPv6 address has no ]");
    const std::string host(m_rest.substr(bracket ? 1 : 0, bracket ? end - 1 : end));
    m_rest.remove_prefix(bracket ? end + 1 : end);
    const auto fits = [bracket](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
             c == '_' || (bracket && (c == ':' || c == '%'));
    };
    if (host.empty()) refuse("the host is missing");
    if (!std::all_of(host.begin(), host.end(), fits)) refuse("the host is not a name or an address");
    return host;
  }

  int take_port() {
    if (!m_rest.starts_with(':')) return 6379;
    m_rest.remove_prefix(1);
    const std::optional<int> port = take_number(largest_port);
    if (!port || *port == 0) refuse("the port is not a number from 1 to 65535");
    return *port;
  }

  int take_database() {
    if (m_rest.empty() || m_rest == "/") return 0;
    if (!m_rest.starts_with('/')) refuse("a query or fragment (? or #) is not supported");
    m_rest.remove_prefix(1);
    const std::optional<int> database = take_number(largest_database);
    if (!database || !m_rest.empty()) refuse("the path after the host is not a database number");
    return *database;
  }

  /// RFC 3986, section 2.1.
  std::string decoded(std::string_view text) const {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
      if (text[at] != '%') {
        out += text[at];
        continue;
      }
      unsigned value = 0;
      const std::string_view digits = text.substr(at + 1, 2);
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
      if (digits.size() < 2 || error != std::errc() || end != digits.data() + 2)
        refuse("a % is not followed by two hexadecimal digits", "write %25 for a percent sign");
      out += static_cast<char>(value);
      at += 2;
    }
    return out;
  }

 private:
  std::optional<int> take_number(int most) {
    int number = 0;
    const char* const begin = m_rest.data();
    const std::size_t size = std::min(m_rest.find_first_of("/?#"), m_rest.size());
    const auto [end, error] = std::from_chars(begin, begin + size, number);
    if (error != std::errc() || end != begin + size || number < 0 || number > most) return std::nullopt;
    m_rest.remove_prefix(size);
    return number;
  }

  std::string_view m_rest;
  const std::string& m_what;
};

std::string bracketed(const std::string& host) { return host.find(':') == std::string::npos ? host : "[" + host + "]"; }

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace

std::string RedisAddress::text() const {
  return fmt::format("{}:{}{}", bracketed(host), port, database == 0 ? "" : fmt::format("/{}", database));
}

std::string RedisAddress::url() const {
  return fmt::format("{}://{}{}{}", tls ? "rediss" : "redis", encoded(username), username.empty() ? "" : "@", text());
}

RedisAddress parse_redis_url(std::string_view text, const std::string& what, PasswordInUrl password) {
  UrlReader reader(text, what);
  RedisAddress address;
  address.tls = reader.take_scheme();
  if (const auto user = reader.take_user()) {
    const std::size_t colon = user->find(':');
    address.username = reader.decoded(user->substr(0, colon));
    if (colon != std::string_view::npos) address.password = Secret(reader.decoded(user->substr(colon + 1)));
  }
  if (!address.password.empty() && password == PasswordInUrl::refused) {
    reader.refuse(
        "a password has no place in it: others can read arguments and files of settings",
        "remove the password from the URL, and give it by --password-file FILE, by the variable REDIS_URL, or "
        "when you are asked for it");
  }
  address.host = reader.take_host();
  address.port = reader.take_port();
  address.database = reader.take_database();
  // the default user by its name is the default user
  if (address.username == "default") address.username.clear();
  return address;
}

}  // namespace raibid
