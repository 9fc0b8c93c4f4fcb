# Writes OUTPUT, a C++ source with every file below FOLDER as a byte array: the definition of assets().
# Run as a script: cmake -DFOLDER=… -DOUTPUT=… -P embed.cmake
file(GLOB_RECURSE paths RELATIVE "${FOLDER}" "${FOLDER}/*")
list(SORT paths)
set(arrays "")
set(rows "")
set(number 0)
foreach(path IN LISTS paths)
  file(READ "${FOLDER}/${path}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  # the closing zero keeps an empty file legal C++; it is not part of the content
  string(APPEND arrays "const unsigned char file_${number}[] = {${bytes}0};\n")
  string(APPEND rows "    Asset{\"${path}\", {reinterpret_cast<const char*>(file_${number}), sizeof(file_${number}) - 1}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUTPUT}" "#include \"assets/assets.hpp\"

namespace raibid {
namespace {
${arrays}}  // namespace

std::span<const Asset> assets() {
  static const Asset all[] = {
${rows}  };
  return all;
}

}  // namespace raibid
")
