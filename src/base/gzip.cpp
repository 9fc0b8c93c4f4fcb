#include "base/gzip.hpp"

#include <zlib.h>

#include "base/error.hpp"

namespace raibid {

std::string gzip(std::string text) {
  constexpr int gzip_only = 16 + MAX_WBITS;  // zlib.h, deflateInit2
  constexpr int memory_level = 8;            // zlib's default
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_only, memory_level, Z_DEFAULT_STRATEGY) != Z_OK)
    throw Error(ExitCode::failure, "there is no memory to pack with gzip");
  std::string packed(::deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(text.data());
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int result = ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  if (result != Z_STREAM_END) throw Error(ExitCode::failure, "gzip does not end");
  return packed;
}

}  // namespace raibid
