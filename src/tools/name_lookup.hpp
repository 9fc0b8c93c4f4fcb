#pragma once

#include <netdb.h>

#include <functional>
#include <memory>
#include <string>

#include "sys/process.hpp"

namespace raibid {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;
/// As getaddrinfo: 0, or an error of gai_strerror.
using NameLookup = std::function<int(const char* host, const char* port, const addrinfo* hints, addrinfo** found)>;

/// The addresses of a host, by getaddrinfo. That has no deadline and cannot be ended, so it runs in a thread of its
/// own, which is left behind when `deadline` passes or a signal comes. (getaddrinfo_a would start threads, too, cannot
/// be ended either, and is glibc's alone.) Throws Error (failure) when there is none, or no answer in time.
Addresses look_up(const std::string& host, int port, Runner& runner, TimePoint deadline,
                  const NameLookup& lookup = ::getaddrinfo);

}  // namespace raibid
