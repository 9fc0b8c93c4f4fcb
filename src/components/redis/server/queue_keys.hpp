#pragma once

#include <string>

namespace raibid {

/// The keys beside a stream that make it a queue.
inline std::string dead_letters_key(const std::string& stream) { return stream + ":dead"; }
/// There while nobody should take jobs; its text says since when and why.
inline std::string pause_key(const std::string& stream) { return stream + ":paused"; }
/// How far an upload has come: a hash of token, line and digest.
inline std::string upload_key(const std::string& stream, const std::string& upload) {
  return stream + ":upload:" + upload;
}

}  // namespace raibid
