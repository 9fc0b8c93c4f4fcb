#include "support/secret_scan.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "base/strings.hpp"

namespace raibid::test {

namespace {

namespace fs = std::filesystem;

// A process may end, and a file go, between two reads: what was read so far counts.
std::string content_of(const fs::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  std::string text;
  std::array<char, 16384> buffer;
  while (file) {
    const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), file.get());
    text.append(buffer.data(), count);
    if (count < buffer.size()) break;
  }
  return text;
}

bool is_process(const fs::path& folder) {
  const std::string name = folder.filename().string();
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

bool shows(const std::string& text, const std::string& secret) {
  return text.find(secret) != std::string::npos || text.find(base64_encode(secret)) != std::string::npos;
}

SecretScan::SecretScan(std::vector<fs::path> folders) : m_folders(std::move(folders)) {
  m_thread = std::thread([this] {
    while (!m_stop) {
      look();
      ++m_rounds;
    }
  });
}

SecretScan::~SecretScan() { stop(); }

void SecretScan::stop() {
  m_stop = true;
  if (m_thread.joinable()) m_thread.join();
}

void SecretScan::look() {
  std::error_code gone;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", gone)) {
    if (!is_process(entry.path())) continue;
    for (const char* file : {"cmdline", "environ"}) {
      const fs::path path = entry.path() / file;
      if (std::string text = content_of(path); !text.empty()) m_seen.insert(path.string() + ": " + text);
    }
  }
  for (const fs::path& folder : m_folders) {
    auto file = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied, gone);
    for (; !gone && file != fs::recursive_directory_iterator(); file.increment(gone)) {
      if (file->is_regular_file(gone)) m_seen.insert(file->path().string() + ": " + content_of(file->path()));
    }
  }
}

std::vector<std::string> SecretScan::find(const std::string& secret) {
  stop();
  std::vector<std::string> places;
  for (const std::string& text : m_seen) {
    if (!shows(text, secret)) continue;
    std::string place = text.substr(0, 300);
    std::replace(place.begin(), place.end(), '\0', ' ');
    places.push_back(place);
  }
  return places;
}

}  // namespace raibid::test
