#pragma once

#include <string>
#include <string_view>

#include "sys/process.hpp"
#include "tools/http_exchange.hpp"

namespace raibid {

/// Why the API refused, from its answer (not 2xx). An answer that is the proxy's own, because it reached nobody, has
/// code 0 and says what kubectl says.
ApiFailure failure_of(HttpExchange& answer);

/// In kubectl's words: a line for standard error.
std::string in_words(const ApiFailure& failure);

/// Adds the items of a List to `items`, separated by commas; each gets `members` first ("\"kind\":\"Pod\","), which the
/// API leaves out there.
void append_items(std::string_view list, std::string_view members, std::string& items);

/// The text of a Warning header (RFC 7234, 5.5): `299 - "text"`.
std::string warning_text(std::string_view header);

}  // namespace raibid
