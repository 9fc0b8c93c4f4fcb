#pragma once

namespace raibid {

/// Whether `fd` is a pipe or a socket whose other end was closed: nobody will read what is written to it (`| head`).
bool reader_gone(int fd);

}  // namespace raibid
