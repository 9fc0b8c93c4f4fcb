#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sys/clock.hpp"

namespace raibid {

/// One request to the Kubernetes API.
struct ApiRequest {
  std::string method = "GET";
  std::string path = {};          ///< with its query, escaped
  std::string content_type = {};  ///< of the body
  std::string body = {};          ///< may hold a secret
  std::string accept = "application/json";
  bool absent_is_fine = false;  ///< 404 of an object is an answer: it is left out
  /// For a list: what the API leaves out of its items, as members with a comma behind (`"kind":"Pod",…`).
  std::string item_members = {};
};

/// How the answers become Output::out.
enum class ApiAnswer {
  items,    ///< one List of all that was found
  each,     ///< each answer, which is JSON, on a line of its own
  text,     ///< as it came
  nothing,  ///< only whether it worked counts
  version,  ///< that of `kubectl version -o json`, whose own version it asks beside
  events,   ///< of one list: each item as an event, then what changes, as it comes and as long as it comes: a watch
};

/// What a Command means to the Kubernetes API (Command::api).
struct ApiRequests {
  ApiRequests() = default;
  ApiRequests(const ApiRequests&) = delete;
  ApiRequests& operator=(const ApiRequests&) = delete;
  ~ApiRequests();  ///< wipes the bodies

  std::vector<std::string> kubectl = {};  ///< kubectl with the flags that choose the cluster, for its proxy
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< of that proxy
  std::string prefix = {};                                            ///< of each path: that of the server's address
  std::vector<ApiRequest> requests = {};
  ApiAnswer answer = ApiAnswer::nothing;
  bool in_order = false;       ///< one after the other, going on after one that fails; else side by side
  bool body_is_input = false;  ///< Command::input, and what Process::feed adds, is the body of the only request
  bool stream = false;         ///< the only request becomes a WebSocket (ApiStream)
  Duration timeout{};          ///< of each request; zero: it may take as long as it likes
  Duration gone_within{};      ///< not zero: each request deletes an object, and it is over when that is gone
};

}  // namespace raibid
