#pragma once
// A file of SQLite, for one process at a time: it takes no lock of its own, so that it works on network disks that have
// none. Changes gather and come to the disk together, every two seconds or sooner; a killed process loses what gathered
// and nothing else. Of one thread at a time.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "core/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace io {

// The file holds no database, or a damaged one.
struct DatabaseDamaged : core::Error {
  using core::Error::Error;
};

class Database {
 public:
  // Made with mode 0600 where it is not there. Empty: a file without a name in the folder for temporary files (TMPDIR),
  // gone with the object, which is made only when memory does not hold it. Throws Error, as all below does: a full
  // disk, a folder that cannot be written, DatabaseDamaged.
  explicit Database(const std::filesystem::path& file);
  ~Database();  // what gathered comes to the disk, if it can
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void run(const char* sql);
  // Call before each change.
  void gather();
  void settle();  // brings what gathered to the disk

 private:
  friend class Statement;
  [[noreturn]] void fail(int code) const;
  sqlite3* handle_ = nullptr;
  bool gathering_ = false;
  std::chrono::steady_clock::time_point since_;
};

// One question or change, asked again and again. Values are bound from the left, from 1 on; text is bytes, compared as
// such.
class Statement {
 public:
  Statement(Database& database, const char* sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Starts anew with these values.
  template <class... Values>
  Statement& with(const Values&... values) {
    restart();
    int place = 0;
    (bind(++place, values), ...);
    return *this;
  }
  bool next();  // to the next row; false when there is none
  void run();   // to the end

  // Of the row at hand, from 0 on.
  std::int64_t number(int column) const;
  std::string text(int column) const;
  bool empty(int column) const;

 private:
  void restart();
  void bind(int place, std::int64_t number);
  void bind(int place, std::string_view text);
  Database& database_;
  sqlite3_stmt* handle_ = nullptr;
};

}  // namespace io
