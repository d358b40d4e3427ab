// metrics.csv and TensorBoard's event files.
#include <gtest/gtest.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "core/error.h"
#include "small_run.h"
#include "train/event_file.h"
#include "train/metrics.h"

namespace {

TEST(Metrics, NumbersReadBackToTheSameBits) {
  const small::Folder folder;
  const std::vector<double> values{0.1, 1.0 / 3, 1e-300, -2.5e17, 5};
  train::MetricsFile file(folder / "metrics.csv", 0);
  for (std::size_t i = 0; i < values.size(); ++i) file.add(static_cast<std::int64_t>(i), "a", values[i]);
  file.add(9, "odd,\"name\"", 1);
  file.flush();
  file.sync();
  const auto columns = train::read_metrics(folder / "metrics.csv");
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(std::bit_cast<std::uint64_t>(columns.at("a")[i].second), std::bit_cast<std::uint64_t>(values[i]));
  }
  EXPECT_EQ(columns.at("odd__name_").size(), 1u);
}

TEST(Metrics, RowsAfterTheLastCheckpointAndHalfARowGo) {
  const small::Folder folder;
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "metrics.csv") << "step,name,value\n5,loss,1\n10,loss,2\n15,loss,3\n15,le";
  train::MetricsFile(folder / "metrics.csv", 10).flush();
  EXPECT_EQ(small::bytes_of(folder / "metrics.csv"), "step,name,value\n5,loss,1\n10,loss,2\n");
  std::ofstream(folder / "metrics.csv") << "a,b\n1,2\n";
  EXPECT_THROW(train::read_metrics(folder / "metrics.csv"), core::Error);
}

// CRC-32C bit by bit, another way than the product's table.
std::uint32_t slow_crc(std::string_view bytes) {
  std::uint32_t crc = ~0u;
  for (const unsigned char byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78u : crc >> 1;
  }
  return ~crc;
}

template <class T>
T number_at(const std::string& bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

// The records of a TFRecord file, each sum checked.
std::vector<std::string> records(const std::string& file) {
  const auto sum_of = [](std::string_view bytes) {
    const std::uint32_t crc = slow_crc(bytes);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
  };
  std::vector<std::string> all;
  for (std::size_t at = 0; at < file.size();) {
    const auto length = number_at<std::uint64_t>(file, at);
    EXPECT_EQ(number_at<std::uint32_t>(file, at + 8), sum_of(file.substr(at, 8)));
    if (at + 16 + length > file.size()) break;
    all.push_back(file.substr(at + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(file, at + 12 + length), sum_of(all.back()));
    at += 16 + length;
  }
  return all;
}

// Field `number` of a protobuf message: its bytes, or the varint's value as text; "none" when there is none.
std::string field_of(const std::string& message, std::uint64_t number) {
  std::size_t at = 0;
  const auto varint = [&] {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      const auto byte = static_cast<unsigned char>(message.at(at++));
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.size()) {
    const std::uint64_t key = varint();
    std::string content;
    if (key % 8 == 0) {
      content = std::to_string(varint());
    } else {
      const std::size_t length = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : varint();
      content = message.substr(at, length);
      at += length;
    }
    if (key / 8 == number) return content;
  }
  return "none";
}

TEST(EventFile, TheChecksumIsTheOneOfTheStandard) {
  EXPECT_EQ(train::crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(slow_crc("123456789"), 0xe3069283u);
  EXPECT_EQ(train::crc32c(std::string(32, '\0')), 0x8a9136aau);
}

TEST(EventFile, HoldsVersionNamesStepsAndValuesAsTensorBoardReadsThem) {
  const small::Folder folder;
  train::EventFile file(folder, 0);
  file.scalar("loss", 300, 0.625);
  file.scalar("rate", 301, -2);
  file.flush();
  const auto events = records(small::bytes_of(file.path()));
  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(field_of(events[0], 3), "brain.Event:2");
  EXPECT_EQ(field_of(events[1], 2), "300");
  const std::string value = field_of(field_of(events[1], 5), 1);
  EXPECT_EQ(field_of(value, 1), "loss");
  EXPECT_EQ(number_at<float>(field_of(value, 2), 0), 0.625f);
  EXPECT_EQ(field_of(field_of(field_of(events[2], 5), 1), 1), "rate");
  EXPECT_TRUE(file.path().filename().string().starts_with("events.out.tfevents."));
}

TEST(EventFile, APictureHasItsSizeAndTheBytesOfItsPng) {
  const small::Folder folder;
  train::EventFile file(folder, 0);
  const std::string png("\x89PNG\0\x0a rest", 11);
  file.picture("views", 300, 40, 30, png);
  file.flush();
  const auto events = records(small::bytes_of(file.path()));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(field_of(events[1], 2), "300");
  const std::string value = field_of(field_of(events[1], 5), 1);
  EXPECT_EQ(field_of(value, 1), "views");
  const std::string image = field_of(value, 4);
  EXPECT_EQ(field_of(image, 1), "30");
  EXPECT_EQ(field_of(image, 2), "40");
  EXPECT_EQ(field_of(image, 3), "3");
  EXPECT_EQ(field_of(image, 4), png);
}

TEST(EventFile, TensorBoardItselfReadsScalarsAndPictures) {
  const auto python = std::filesystem::path(__FILE__).parent_path() / "../bench/.venv/bin/python";
  if (!std::filesystem::exists(python)) GTEST_SKIP() << "no Python of the peers here";
  const small::Folder folder;
  train::EventFile file(folder, 0);
  file.scalar("loss", 3, 0.625);
  file.scalar("loss", 4, 0.5);
  // Bytes are told by their number and sum: TensorBoard hands them through.
  file.picture("views", 4, 2, 1, std::string("\x89PNG") + std::string(300, 'x'));
  file.flush();
  std::ofstream(folder / "read.py") << R"(
import sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1], size_guidance={'images': 0, 'scalars': 0})
events.Reload()
assert [(e.step, e.value) for e in events.Scalars('loss')] == [(3, 0.625), (4, 0.5)], events.Scalars('loss')
image = events.Images('views')[0]
assert (image.step, image.width, image.height) == (4, 2, 1), image
assert image.encoded_image_string == b'\x89PNG' + b'x' * 300, image
)";
  const std::string imported = python.string() + " -c 'import tensorboard' 2>/dev/null";
  if (std::system(imported.c_str()) != 0) GTEST_SKIP() << "the peers' Python has no tensorboard";
  const std::filesystem::path where = folder;
  EXPECT_EQ(std::system((python.string() + " " + (folder / "read.py").string() + " " + where.string()).c_str()), 0);
}

TEST(EventFile, ARunThatGoesOnTellsFromWhichStepItReplacesEarlierFiles) {
  const small::Folder folder;
  train::EventFile first(folder, 0), second(folder, 120);
  second.flush();
  EXPECT_NE(first.path(), second.path());
  const auto events = records(small::bytes_of(second.path()));
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(field_of(events[1], 2), "120");
  EXPECT_EQ(field_of(field_of(events[1], 7), 1), "1");  // SessionLog.START
}

}  // namespace
