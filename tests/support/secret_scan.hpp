#pragma once

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace raibid::test {

/// Looks, again and again while it lives, at what a secret must not show in: command line and environment of every
/// process of this machine (those of a cluster's pods on this machine are among them), and the files of some folders.
/// What it sees is kept, so that it can be searched for a password that was only made meanwhile. A process that lives
/// for less than a few milliseconds can be missed.
class SecretScan {
 public:
  /// `folders`: for instance the temporary files of a run.
  explicit SecretScan(std::vector<std::filesystem::path> folders = {});
  ~SecretScan();
  SecretScan(const SecretScan&) = delete;
  SecretScan& operator=(const SecretScan&) = delete;

  /// Ends the scan and gives where the secret, plain or in base64, was seen.
  std::vector<std::string> find(const std::string& secret);

  /// How often it has looked at everything.
  int rounds() const { return m_rounds; }
  /// How many different things it has seen: a scan that saw nothing proves nothing.
  std::size_t seen() const { return m_seen.size(); }

 private:
  void look();
  void stop();

  std::vector<std::filesystem::path> m_folders;
  std::set<std::string> m_seen;  ///< "where: content"
  std::atomic<int> m_rounds = 0;
  std::atomic<bool> m_stop = false;
  std::thread m_thread;
};

/// Both ways in which a secret stands in a text: as it is, and in base64 as Kubernetes' manifests have it.
bool shows(const std::string& text, const std::string& secret);

}  // namespace raibid::test
