# Writes OUTPUT, a C++ source with every file below FOLDER as a byte array: the definition of assets().
# Run as a script: cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake
cmake_minimum_required(VERSION 3.20)

file(GLOB_RECURSE paths RELATIVE "${FOLDER}" "${FOLDER}/*")
# CMake's lists cannot hold every name (";", "["): such a file would be left out or torn apart without a word
if("${paths}" MATCHES "[^A-Za-z0-9._/;-]" OR "${paths}" MATCHES "^;|;;|;$")
  message(FATAL_ERROR "${FOLDER} has a file whose name holds more than letters, digits and . _ - (near '${CMAKE_MATCH_0}')")
endif()
list(SORT paths)

set(arrays "")
set(rows "")
set(number 0)
foreach(path IN LISTS paths)
  if(NOT EXISTS "${FOLDER}/${path}")
    message(FATAL_ERROR "${FOLDER} has a file whose name holds a ';' (near '${path}')")
  endif()
  file(READ "${FOLDER}/${path}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  # the closing zero keeps an empty file legal C++; it is not part of the content
  string(APPEND arrays "const unsigned char file_${number}[] = {${bytes}0};\n")
  string(APPEND rows "    Asset{\"${path}\", {reinterpret_cast<const char*>(file_${number}), sizeof(file_${number}) - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()

file(WRITE "${OUTPUT}" "#include \"assets/assets.hpp\"

#include <array>

namespace raibid {
namespace {
${arrays}}  // namespace

std::span<const Asset> assets() {
  static const std::array<Asset, ${number}> all = {
${rows}  };
  return all;
}

}  // namespace raibid
")
