#include "report/page.h"

#include <gtest/gtest.h>

#include <regex>

#include "report/plot.h"
#include "report/png.h"

namespace report {
namespace {

std::string base64_of(std::string_view text) { return base64(std::as_bytes(std::span(text))); }

Page full_page() {
  Page page("Run <1>", "scratch & pretrained");
  page.section("Result");
  page.paragraph("Dice < 1");
  page.note("few cases");
  page.warning("two cases failed");
  core::Table table{{"arm", "Dice"}, {}};
  table.add({"<scratch>", "0.85 [0.83, 0.87]"});
  table.add({"simclr", "0.86 [0.84, 0.88]"});
  page.table(table, "Over 60 patients", "simclr");
  page.section("Pictures");
  page.figure_svg(
      line_plot({.title = "Loss", .series = {{.name = "a", .x = {0, 1}, .y = {1, 0}, .low = {}, .high = {}}}}),
      "The loss");
  page.figure(Picture(3, 2, 3, 90), "A \"slice\"");
  page.gallery({{png_bytes(Picture(5, 5, 1)), "one", "first view"}, {png_bytes(Picture(5, 5, 1)), "two", ""}});
  page.folded_gallery("Cases 1 to 1", {{png_bytes(Picture(5, 5, 1)), "three", ""}});
  page.plots({histogram_plot({.edges = {0, 1}, .counts = {1}}), histogram_plot({.edges = {0, 1}, .counts = {2}})},
             "Two");
  page.section("How");
  page.subsection("Machine");
  page.facts({{"command", "gadolin report --out \"x\""}, {"seed", "7"}});
  page.code("a < b\n");
  page.folded("resolved.yaml", "lr: 1.0e-3\n");
  return page;
}

TEST(Page, EscapesWhatItIsGiven) {
  const std::string html = full_page().html();
  EXPECT_NE(html.find("<h1>Run &lt;1&gt;</h1>"), std::string::npos);
  EXPECT_NE(html.find("scratch &amp; pretrained"), std::string::npos);
  EXPECT_NE(html.find("<td>&lt;scratch&gt;</td><td class=\"n\">0.85 [0.83, 0.87]</td>"), std::string::npos);
  EXPECT_NE(html.find("<tr class=\"strong\"><td>simclr"), std::string::npos);
  EXPECT_NE(html.find("alt=\"A &quot;slice&quot;\""), std::string::npos);
  EXPECT_NE(html.find("alt=\"first view\""), std::string::npos);
  EXPECT_NE(html.find("<pre tabindex=\"0\">a &lt; b\n</pre>"), std::string::npos);
  EXPECT_EQ(html.find("<scratch>"), std::string::npos);
}

TEST(Page, FetchesNothingAndRunsNothing) {
  const std::string html = full_page().html();
  EXPECT_FALSE(std::regex_search(html, std::regex("<(script|link|iframe|object|embed|base)[ >]")));
  EXPECT_FALSE(std::regex_search(html, std::regex("(url\\(|@import|src=\"(?!data:)|href=\"(?!#))")));
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(Page, EveryElementThatIsOpenedIsClosed) {
  const std::string html = full_page().html();
  const std::regex tag("<(/?)([a-z][a-z0-9]*)[^>]*?(/?)>");
  std::vector<std::string> open;
  for (std::sregex_iterator it(html.begin(), html.end(), tag), end; it != end; ++it) {
    const std::string name = (*it)[2];
    if ((*it)[3] == "/" || name == "meta" || name == "img") continue;
    if ((*it)[1] == "") {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << name;
    EXPECT_EQ(open.back(), name);
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(Page, EveryPictureSaysWhatItShows) {
  const std::string html = full_page().html();
  EXPECT_FALSE(std::regex_search(html, std::regex("<img(?![^>]*alt=\"[^\"]+\")")));
  EXPECT_FALSE(std::regex_search(html, std::regex("<svg xmlns[^>]*class=\"plot\"(?![^>]*aria-label=\"[^\"]+\")")));
  EXPECT_NE(html.find("<img width=\"3\" height=\"2\""), std::string::npos);
}

TEST(Page, ContentsAppearFromThreeSectionsOn) {
  EXPECT_NE(full_page().html().find("<a href=\"#s3\">How</a>"), std::string::npos);
  Page small("x");
  small.section("one");
  EXPECT_EQ(small.html().find("<nav"), std::string::npos);
}

TEST(Page, Base64IsThatOfRfc4648) {
  EXPECT_EQ(base64_of(""), "");
  EXPECT_EQ(base64_of("f"), "Zg==");
  EXPECT_EQ(base64_of("fo"), "Zm8=");
  EXPECT_EQ(base64_of("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64_of("\xFF\xFE\xFD"), "//79");
}

}  // namespace
}  // namespace report
