#include "io/report_text.h"

#include <gtest/gtest.h>

#include "io/report_words.h"

using io::scrub_report;

namespace {

const io::PatientWords kPatient{{"Müller-Lüdenscheidt^Hansjürgen^^Dr."}, {"PID-0047 11", "A20391"}, {"19560312"}};

std::string scrubbed(const std::string& text) { return scrub_report(text, kPatient).text; }

}  // namespace

TEST(ReportText, NoSpellingOfThePatientsWordsIsLeft) {
  const std::vector<std::string> planted{
      "Müller",       "MUELLER",       "muller",      "Müllers",       "M ü l l e r",    "Mül-\nler",
      "Lüdenscheidt", "LUEDENSCHEIDT", "Hansjuergen", "hansjürgen",    "HANSJÜRGENS",    "PID-004711",
      "PID 0047 11",  "pid004711",     "A20391",      "a 203-91",      "12.03.1956",     "12. 3. 1956",
      "1956-03-12",   "3/12/1956",     "12.3.56",     "12 March 1956", "March 12, 1956", "12. März 1956",
      "19560312",     "12031956",      "12 03 56",    "Mar 1956",      "Mu\xCC\x88ller"};
  std::int64_t survived = 0;
  for (const std::string& word : planted) {
    const io::ScrubbedText result = scrub_report("CT abdomen of " + word + ", liver normal.", kPatient);
    const bool left = result.text.find(word) != std::string::npos || result.taken == 0;
    survived += left && !result.doubtful;
    EXPECT_FALSE(left) << word << " -> " << result.text;
    EXPECT_NE(result.text.find("CT abdomen of "), std::string::npos) << result.text;
    EXPECT_NE(result.text.find(", liver normal."), std::string::npos) << result.text;
  }
  EXPECT_EQ(survived, 0);
}

TEST(ReportText, DatesNumbersPhonesAndMailGoWhoeverIsMeant) {
  EXPECT_EQ(scrubbed("Compared with 03.11.2021 and 2020-02-28."), "Compared with [DATE] and [DATE].");
  EXPECT_EQ(scrubbed("Seen on 4 July 2019, again in October 2020."), "Seen on [DATE], again in [DATE].");
  EXPECT_EQ(scrubbed("Order 8837465, sample X12345."), "Order [ID], sample [ID].");
  EXPECT_EQ(scrubbed("Call +49 89 1234-5678 or (030) 555 1234!"), "Call [PHONE] or ([PHONE]!");
  EXPECT_EQ(scrubbed("Write to jane.roe@clinic.org now"), "Write to [MAIL] now");
}

TEST(ReportText, NamesAfterTitlesAndLabelsGo) {
  EXPECT_EQ(scrubbed("Referred by Prof. med. Jane Roe for staging"),
            "Referred by Prof. med. [NAME] [NAME] for staging");
  EXPECT_EQ(scrubbed("Frau Schmidt-Ößmann klagt"), "Frau [NAME]-[NAME] klagt");
  EXPECT_EQ(scrubbed("Patient: John Smith, male"), "Patient: [NAME] [NAME], male");
  EXPECT_EQ(scrubbed("Mr Smith"), "Mr [NAME]");
}

TEST(ReportText, MeasuresLevelsAndSequencesStay) {
  for (const std::string text :
       {"MR Angiography of the aorta: 3.5 x 2.1 x 4.0 cm.", "MS plaques at C4/5 and L5-S1, b 1000, 1.5 T.",
        "Stable since 2019. T1w and T2w, TE 92 ms.", "Segments 5, 6 and 7; SUV 12.4; HU 40 to 60.",
        "Spleen 12 cm, kidneys 10.5 and 11 cm.", ""}) {
    EXPECT_EQ(scrubbed(text), text);
    EXPECT_FALSE(scrub_report(text, kPatient).doubtful) << text;
  }
}

TEST(ReportText, AWordThatIsNearlyTheNameIsDoubtfulAndSoIsATextThatIsTooLong) {
  EXPECT_TRUE(scrub_report("Seen: Mullerr", {{"Mueller^A"}, {}, {}}).doubtful ||
              scrub_report("Seen: Muellre", {{"Mueller^A"}, {}, {}}).doubtful);
  EXPECT_TRUE(scrub_report("Seen: Muelller today", {{"Mueller^A"}, {}, {}}).doubtful);
  EXPECT_FALSE(scrub_report("Seen: Miller today", {{"Mueller^A"}, {}, {}}).doubtful);
  EXPECT_TRUE(scrub_report(std::string(300'000, 'a'), {}).doubtful);
  EXPECT_FALSE(scrub_report(std::string(200'000, '1'), {}).doubtful);
}

TEST(ReportText, WordsAreFoldedAndComparedLetterByLetter) {
  EXPECT_EQ(io::folded("Ärztin Ñuñez Łódź Straße"), "arztin nunez lodz strasse");
  EXPECT_EQ(io::folded("Müller", true), "mueller");
  EXPECT_EQ(io::squeezed("P-00 12/b"), "p0012b");
  EXPECT_TRUE(io::one_letter_apart("meier", "meyer"));
  EXPECT_TRUE(io::one_letter_apart("meier", "meeir"));
  EXPECT_TRUE(io::one_letter_apart("meier", "meir"));
  EXPECT_FALSE(io::one_letter_apart("meier", "meier"));
  EXPECT_FALSE(io::one_letter_apart("meier", "mayr"));
}
