#include "cli/man_pages.hpp"
#include "unit/cli/fixture.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace raibid;
using raibid::test::CommandLine;

TEST_SUITE("cli: man pages") {
  TEST_CASE("a page for the program and for each command, with its options and examples") {
    const CommandTable table(components());
    const std::vector<ManPage> pages = man_pages(table);
    CHECK(pages.size() == table.rows().size() + 1);
    CHECK(pages.front().file == "raibid-cli.1");
    for (const CommandRow& row : table.rows()) {
      CAPTURE(row.name());
      std::string file = "raibid-cli-" + row.name() + ".1";
      std::replace(file.begin(), file.end(), ' ', '-');
      const auto page = std::find_if(pages.begin(), pages.end(), [&](const ManPage& one) { return one.file == file; });
      REQUIRE(page != pages.end());
      for (const char* part : {"\n.SH NAME\n", "\n.SH SYNOPSIS\n", "\n.SH DESCRIPTION\n", "\n.SH \"SEE ALSO\"\n"})
        CHECK(page->text.find(part) != std::string::npos);
      CHECK((page->text.find("\n.SH EXAMPLES\n") != std::string::npos) == !row.examples.empty());
    }
  }

  TEST_CASE("text that groff would read as its own is escaped") {
    const std::vector<Component> components = {
        {"redis",
         "a Redis",
         {{"setup",
           ".starts with a dot, has a \\ and a --flag",
           {{.name = "size", .help = "'of the claim'", .kind = OptionKind::bytes, .letter = 's'}},
           [](Context&, const std::vector<std::string>&) { return CommandResult{}; }}}}};
    const std::vector<ManPage> pages = man_pages(CommandTable(components));
    const std::string& text = pages.at(1).text;
    CHECK(text.find("\n\\&.starts with a dot, has a \\e and a \\-\\-flag.\n") != std::string::npos);
    CHECK(text.find(".TP\n\\fB\\-s, \\-\\-size\\fR \\fISIZE\\fR\n\\&'of the claim'") != std::string::npos);
  }

  TEST_CASE("man-pages writes them into a folder") {
    CommandLine run;
    const std::string folder = (run.folder / "man").string();
    CHECK(run({"man-pages", folder}) == 0);
    CHECK(std::filesystem::exists(folder + "/raibid-cli-setup-redis.1"));
    CHECK(run({"man-pages"}) == 2);
    CHECK(run.said("man-pages needs a folder"));
  }
}
