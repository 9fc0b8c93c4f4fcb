// Image references in the grammar of github.com/distribution/reference, without regular expressions: those recurse on
// long input.
#include "components/redis/settings/image.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "base/characters.hpp"
#include "base/error.hpp"
#include "base/strings.hpp"

namespace raibid {

namespace {

constexpr std::string_view docker_hub = "docker.io";
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;
constexpr std::size_t sha256_digits = 64;
constexpr std::size_t fewest_digest_digits = 32;

bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

template <typename Predicate>
bool all(std::string_view text, Predicate predicate) {
  return !text.empty() && std::all_of(text.begin(), text.end(), predicate);
}

/// Letters and digits, separated by one dot, one or two underscores, or any number of dashes.
bool is_path_component(std::string_view text) {
  if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) return false;
  for (std::size_t at = 0; at < text.size();) {
    if (is_lower_or_digit(text[at])) {
      ++at;
      continue;
    }
    const std::size_t end = std::min(text.find_first_not_of(text[at], at), text.size());
    const std::size_t length = end - at;
    const bool separates = text[at] == '-' || (text[at] == '.' && length == 1) || (text[at] == '_' && length <= 2);
    if (!separates || !is_lower_or_digit(text[end])) return false;
    at = end;
  }
  return true;
}

bool is_host_label(std::string_view text) {
  return all(text, [](char c) { return is_alphanumeric(c) || c == '-'; }) && text.front() != '-' && text.back() != '-';
}

bool is_registry(std::string_view text) {
  std::string_view host = text;
  const std::size_t bracket = text.rfind(']');
  const std::size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  if (colon != std::string_view::npos) {
    host = text.substr(0, colon);
    if (!all(text.substr(colon + 1), is_digit)) return false;
  }
  if (host.starts_with('[')) {
    return host.ends_with(']') && all(host.substr(1, host.size() - 2), [](char c) { return is_hex(c) || c == ':'; });
  }
  const auto labels = split(host, '.');
  return std::all_of(labels.begin(), labels.end(), [](const std::string& label) { return is_host_label(label); });
}

/// Docker's own rule for telling "localhost/redis" and "my.registry/redis" from "valkey/valkey".
bool looks_like_registry(std::string_view component) {
  return component == "localhost" || component.find_first_of(".:[") != std::string_view::npos ||
         std::any_of(component.begin(), component.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_tag(std::string_view text) {
  return text.size() <= longest_tag &&
         all(text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; }) &&
         (is_alphanumeric(text.front()) || text.front() == '_');
}

bool is_digest(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view algorithm = text.substr(0, colon);
  const std::string_view digits = text.substr(colon + 1);
  if (!all(digits, is_hex) || digits.size() < fewest_digest_digits) return false;
  if (algorithm == "sha256" && digits.size() != sha256_digits) return false;
  return all(algorithm, [](char c) { return is_alphanumeric(c) || c == '-' || c == '_' || c == '+' || c == '.'; }) &&
         !is_digit(algorithm.front()) && is_alphanumeric(algorithm.front()) && is_alphanumeric(algorithm.back());
}

class ImageParser {
 public:
  ImageParser(const std::string& text, const std::string& what) : m_text(text), m_what(what) {}

  ImageReference parse() const {
    ImageReference image;
    std::string_view rest = m_text;
    if (const std::size_t at = rest.find('@'); at != std::string_view::npos) {
      image.digest = rest.substr(at + 1);
      rest = rest.substr(0, at);
      if (!is_digest(image.digest)) refuse("the digest after @ must be sha256: and 64 hexadecimal digits");
    }
    if (const std::size_t colon = rest.rfind(':');
        colon != std::string_view::npos && rest.find('/', colon) == std::string_view::npos) {
      image.tag = rest.substr(colon + 1);
      rest = rest.substr(0, colon);
      if (!is_tag(image.tag)) refuse("the tag after : must be letters, digits, _, . and -, 128 at most");
    }
    parse_name(rest, image);
    if (image.tag.empty() && image.digest.empty()) image.tag = "latest";  // as Docker reads it
    return image;
  }

 private:
  void parse_name(std::string_view name, ImageReference& image) const {
    image.registry = docker_hub;
    if (const std::size_t slash = name.find('/');
        slash != std::string_view::npos && looks_like_registry(name.substr(0, slash))) {
      image.registry = name.substr(0, slash);
      name = name.substr(slash + 1);
      if (!is_registry(image.registry)) refuse("the registry before the first / is not a host name");
    }
    if (image.registry == "index.docker.io") image.registry = docker_hub;
    const auto components = split(name, '/');
    if (std::any_of(components.begin(), components.end(),
                    [](const std::string& part) { return !is_path_component(part); })) {
      refuse("the repository must be lower-case letters and digits, separated by ., _, - and /");
    }
    image.repository =
        image.registry == docker_hub && components.size() == 1 ? fmt::format("library/{}", name) : std::string(name);
    if (image.registry.size() + 1 + image.repository.size() > longest_name)
      refuse("the name has more than 255 characters");
  }

  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(
        ExitCode::usage, fmt::format("{}: \"{}\" is not an image reference: {}", m_what, printable(m_text), why),
        "the form is [REGISTRY/]REPOSITORY[:TAG][@DIGEST], for instance redis:8.2-alpine or ghcr.io/team/redis:1");
  }

  const std::string& m_text;
  const std::string& m_what;
};

}  // namespace

ImageReference parse_image(const std::string& text, const std::string& what) { return ImageParser(text, what).parse(); }

}  // namespace raibid
