#pragma once

#include <string_view>

namespace raibid {

/// Whether brackets stand more than 200 deep in a JSON text. What is parsed from it is copied and written by functions
/// that call themselves for each level (nlohmann_json), so that a text made for it would exhaust the stack; Kubernetes'
/// own objects have some twenty levels. For what is not JSON the answer means nothing.
bool nested_too_deeply(std::string_view json);

}  // namespace raibid
