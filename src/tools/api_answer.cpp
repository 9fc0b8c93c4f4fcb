#include "tools/api_answer.hpp"

#include "base/json.hpp"
#include "base/strings.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <charconv>

namespace raibid {

using nlohmann::json;

namespace {

constexpr int not_found = 404, too_many_requests = 429, server_error = 500, bad_gateway = 502;

std::string string_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

Duration seconds_of(std::string_view text) {
  int seconds = 0;
  std::from_chars(text.data(), text.data() + text.size(), seconds);
  return std::chrono::seconds(std::max(seconds, 0));
}

Duration retry_after(const HttpExchange& answer, const json& status) {
  if (const auto& header = answer.header("retry-after"); !header.empty()) return seconds_of(header.front());
  const auto details = status.is_object() ? status.find("details") : status.end();
  if (!status.is_object() || details == status.end() || !details->is_object()) return Duration(0);
  const auto seconds = details->find("retryAfterSeconds");
  if (seconds == details->end() || !seconds->is_number_integer()) return Duration(0);
  return std::chrono::seconds(std::max(seconds->get<int>(), 0));
}

/// kubectl's proxy says itself whom it could not reach. What comes from an API server has the number of its audit.
bool is_the_proxys(const HttpExchange& answer) {
  return (answer.code() == server_error || answer.code() == bad_gateway) && answer.header("audit-id").empty();
}

}  // namespace

ApiFailure failure_of(HttpExchange& answer) {
  const std::string text(trim(answer.body()));
  const json status = text.starts_with('{') ? try_parse_json(text) : json();
  ApiFailure failure{answer.code(), {}, {}, retry_after(answer, status)};
  if (status.is_object() && string_of(status, "kind") == "Status") {
    failure.reason = string_of(status, "reason");
    failure.message = string_of(status, "message");
    if (failure.message.empty()) failure.message = failure.reason.empty() ? "unknown" : failure.reason;
    return failure;
  }
  if (is_the_proxys(answer)) {
    failure.code = 0;
    failure.message = text;
  } else if (failure.code == 401) {
    failure.message = "Unauthorized";
  } else if (failure.code == not_found) {
    failure.reason = "NotFound";
    failure.message = "the server could not find the requested resource";
  } else if (failure.code == too_many_requests) {
    failure.reason = "TooManyRequests";
    failure.message = "the server has received too many requests";
  } else if (failure.code >= server_error) {
    failure.message = fmt::format("an error on the server ({}) has prevented the request from succeeding",
                                  in_quotes(text.substr(0, 200)));
  } else {
    failure.code = 0;
    failure.message = "the server rejected our request for an unknown reason";
  }
  return failure;
}

std::string in_words(const ApiFailure& failure) {
  if (failure.code == 0) return "Unable to connect to the server: " + failure.message;
  if (failure.code == 401) return fmt::format("error: You must be logged in to the server ({})", failure.message);
  if (failure.reason.empty()) return "Error from server: " + failure.message;
  return fmt::format("Error from server ({}): {}", failure.reason, failure.message);
}

void append_items(std::string_view list, std::string_view members, std::string& items) {
  int depth = 0;
  bool in_string = false, escaped = false, in_items = false, any = false;
  std::size_t from = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const char c = list[i];
    if (in_string) {
      if (!escaped && c == '"') in_string = false;
      escaped = !escaped && c == '\\';
      continue;
    }
    if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (depth == 1 && c == '[') {
        in_items = true;
        from = i + 1;
      } else if (in_items && depth == 2 && c == '{') {
        if (!any && !items.empty()) items += ',';
        any = true;
        items.append(list.substr(from, i + 1 - from)).append(members);
        from = i + 1;
      }
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
      if (in_items && depth == 1) {
        if (any) items.append(list.substr(from, i - from));
        return;  // a list has no other array
      }
    }
  }
}

std::string warning_text(std::string_view header) {
  const std::size_t begin = header.find('"');
  std::string text;
  for (std::size_t i = begin == std::string_view::npos ? header.size() : begin + 1; i < header.size(); ++i) {
    if (header[i] == '"') break;
    if (header[i] == '\\' && i + 1 < header.size()) ++i;
    text += header[i];
  }
  return text;
}

}  // namespace raibid
