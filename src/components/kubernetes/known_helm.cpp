#include "components/kubernetes/known_helm.hpp"

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/json.hpp"
#include "sys/environment.hpp"
#include "sys/files.hpp"
#include "sys/programs.hpp"

namespace raibid {

namespace {

using nlohmann::json;

fs::path helm_file(const Context& context) { return context.paths.home / "helm.json"; }

}  // namespace

KnownHelm::KnownHelm(const Context& context) : m_context(context) {
  const fs::path program = find_program("helm", variable(context.environment, "PATH"));
  struct stat status {};
  if (program.empty() || ::stat(program.c_str(), &status) != 0 || !is_binary(program)) return;
  m_path = program;
  m_size = static_cast<std::uint64_t>(status.st_size);
  m_changed = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
  try {
    const json known = try_parse_json(read_own_file(helm_file(context)).value_or(""));
    if (known.is_object() && known.value("path", "") == m_path && known.value("size", std::uint64_t{0}) == m_size &&
        known.value("changed", std::int64_t{0}) == m_changed)
      m_said = known.value("said", "");
    if (m_said && m_said->empty()) m_said.reset();
  } catch (const std::exception&) {
    m_said.reset();  // a file that is not ours, or damaged: helm is asked
  }
}

void KnownHelm::remember(const std::string& said) const {
  if (m_path.empty() || said.empty() || m_context.guard.dry_run() || !fs::is_directory(m_context.paths.home)) return;
  try {
    const nlohmann::ordered_json known = {{"path", m_path}, {"size", m_size}, {"changed", m_changed}, {"said", said}};
    m_context.files.write_own_file(helm_file(m_context), json_text(known) + "\n");
  } catch (const Error&) {
    return;  // asked again next time
  }
}

}  // namespace raibid
