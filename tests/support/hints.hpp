#pragma once

#include <string>
#include <vector>

namespace raibid::test {

/// The commands in what the program said: behind "hint:" and the arrow of a check, each up to the end of its line, a
/// semicolon, or a middle dot.
std::vector<std::string> hinted_commands(const std::string& text);

/// Fails the test for a hint of ours that cannot be typed: it does not parse, or acts on another Redis than `arguments`
/// did (target, kubeconfig, context, namespace, release, preset, stream, queue).
void check_hints(const std::vector<std::string>& arguments, const std::string& text);

/// Fails the test for a hint that kubectl or helm does not understand: asked of the programs in KUBECTL and HELM4, once
/// for each command; not looked at where these are not set.
void check_hints_for_others(const std::string& text);

}  // namespace raibid::test
