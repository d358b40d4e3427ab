#pragma once
// The pages of a study.

#include <string>

#include "pipelines/study_table.h"

namespace pipelines {

// One HTML file that can be mailed. `cells`: cells_table().
std::string study_page(const StudyHead& head, const StudyTable& table, const core::Table& cells,
                       const std::string& title);
// The same in short, as Markdown that a repository can keep; `figure` is the file of curves_svg().
std::string study_markdown(const StudyHead& head, const StudyTable& table, const std::string& title,
                           const std::string& figure);

}  // namespace pipelines
