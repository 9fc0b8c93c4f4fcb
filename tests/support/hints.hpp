#pragma once

#include <string>
#include <vector>

namespace raibid::test {

/// The commands in what the program said: behind "hint:" and the arrow of a check, each up to the end of its line, a
/// semicolon, or a middle dot.
std::vector<std::string> hinted_commands(const std::string& text);

/// Fails the test for a hint that cannot be typed: a command of ours that does not parse, or that acts on another Redis
/// than `arguments` did (target, kubeconfig, context, namespace, release, preset); one of kubectl's or helm's that the
/// program in KUBECTL or HELM4 does not know (not looked at where these are not set).
void check_hints(const std::vector<std::string>& arguments, const std::string& text);

}  // namespace raibid::test
