#pragma once
// Closed contours as voxels: a voxel is inside when a line from its centre to the left crosses them an odd number of
// times, or when its centre lies on one of them (tools draw contours through the centres of the outermost voxels).
// Contours of one region in one plane are so holes in each other; a line there and back, as to a hole ("keyhole") or to
// the next island, cancels itself.

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace io {

inline constexpr double kOnLineVoxels = 0.02;  // files round their millimetres

// On a plane of rows and columns; point {row, column} in voxels, whole numbers are centres.
class ContourFill {
 public:
  using Point = std::array<double, 2>;

  ContourFill(std::int64_t rows, std::int64_t columns) : rows_(rows), columns_(columns) {}
  // The last point is joined to the first.
  void add(std::span<const Point> contour);
  // Sets to 1 what is inside of all contours added since; what is set stays.
  void paint(std::vector<std::uint8_t>& mask);

 private:
  using Line = std::pair<Point, Point>;  // from the lesser point to the greater
  void cross(const Line& line, std::vector<std::uint8_t>& crossed) const;
  void touch(const Line& line, std::vector<std::uint8_t>& mask) const;

  std::int64_t rows_, columns_;
  std::vector<Line> lines_;
};

}  // namespace io
