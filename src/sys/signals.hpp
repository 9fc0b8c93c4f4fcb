#pragma once

namespace raibid {

/// SIGINT, SIGTERM and SIGHUP turned into something a poll loop can wait for. The first ends what is being done (an
/// Error from `check`) and starts the rollback; `acknowledge` lets the rollback run until the next one. The same signal
/// again within 50 ms is the same one: timeout(1) and many wrappers send it to us and to our process group.
/// SIGPIPE is ignored meanwhile; SIGHUP stays ignored under nohup. The destructor puts back what was there before.
/// One object at a time: the handlers need a process-wide pipe.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  /// Readable when a signal has come that nobody acknowledged.
  int fd() const { return m_read; }

  /// The signal that came and was not acknowledged, or 0.
  int pending() const;

  /// Throws Interrupted when a signal is pending.
  void check() const;

  void acknowledge();

 private:
  int m_read = -1;
  int m_write = -1;
};

}  // namespace raibid
