#include "components/redis/place/local/undo_local.hpp"

#include <filesystem>

namespace raibid {

void keep_left_data(UndoTable& table, const LocalInstance& instance, const std::string& run,
                    const std::string& reason) {
  table["file.remove"] = [&instance, run, reason, remove = table.at("file.remove")](const auto& arguments) {
    const std::filesystem::path path = arguments.at("path");
    const auto made_by = arguments.find(run_argument);
    const bool recovery = made_by == arguments.end() || made_by->second != run;
    const bool holds_data = path == instance.folder() || path == instance.password_file();
    if (recovery && holds_data && instance.has_data()) throw Kept(reason);
    remove(arguments);
  };
}

}  // namespace raibid
