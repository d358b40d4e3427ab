#pragma once
// Closed contours as voxels: a voxel is inside when a line from its centre to the left crosses them an odd number of
// times. Contours of one region in one plane are so holes in each other, and the way to a hole and back ("keyhole")
// cancels itself.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace io {

// On a plane of rows and columns; point {row, column} in voxels, whole numbers are centres. A centre exactly on a line
// is inside when the inside lies towards growing index.
class ContourFill {
 public:
  ContourFill(std::int64_t rows, std::int64_t columns) : rows_(rows), columns_(columns) {}
  // The last point is joined to the first.
  void add(std::span<const std::array<double, 2>> contour);
  // Sets to 1 what is inside of all contours added since; what is set stays.
  void paint(std::vector<std::uint8_t>& mask);

 private:
  std::int64_t rows_, columns_;
  std::vector<std::uint8_t> crossed_;  // an odd number of crossings before this centre; one column more than the plane
};

}  // namespace io
