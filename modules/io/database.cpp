#include "io/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace io {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kGathered = std::chrono::seconds(2);

void make_private(const std::filesystem::path& file) {
  const int number = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (number < 0)
    throw core::Error("cannot write " + file.filename().string() + ": " + std::strerror(errno),
                      "the folder above the store must be writable");
  ::close(number);
}

}  // namespace

Database::Database(const std::filesystem::path& file) {
  if (!file.empty()) make_private(file);
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int code = ::sqlite3_open_v2(file.c_str(), &handle_, flags, file.empty() ? nullptr : "unix-none");
  try {
    if (code != SQLITE_OK) fail(code);
    run("PRAGMA synchronous=NORMAL");
    run("PRAGMA cache_size=-16384");  // KiB
  } catch (...) {
    ::sqlite3_close(handle_);
    throw;
  }
}

Database::~Database() {
  try {
    settle();
  } catch (const core::Error&) {  // what is lost is found again
  }
  ::sqlite3_close(handle_);
}

void Database::fail(int code) const {
  const int kind = code & 0xff;
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB)
    throw DatabaseDamaged("the index of files is damaged", "remove it (STORE.index.sqlite): it is made anew");
  throw core::Error(std::string("the index of files cannot be kept: ") + ::sqlite3_errstr(code),
                    kind == SQLITE_FULL ? "the disk is full; free space and run the same command again"
                                        : "it lies beside the store, or in TMPDIR: is that folder writable?");
}

void Database::run(const char* sql) {
  const int code = ::sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) fail(code);
}

void Database::gather() {
  if (gathering_ && Clock::now() - since_ > kGathered) settle();
  if (gathering_) return;
  run("begin");
  gathering_ = true;
  since_ = Clock::now();
}

void Database::settle() {
  if (!gathering_) return;
  gathering_ = false;
  run("commit");
}

Statement::Statement(Database& database, const char* sql) : database_(database) {
  const int code = ::sqlite3_prepare_v3(database.handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
  if (code != SQLITE_OK) database.fail(code);
}

Statement::~Statement() { ::sqlite3_finalize(handle_); }

void Statement::restart() {
  ::sqlite3_reset(handle_);
  ::sqlite3_clear_bindings(handle_);
}

void Statement::bind(int place, std::int64_t number) { ::sqlite3_bind_int64(handle_, place, number); }

void Statement::bind(int place, std::string_view text) {
  ::sqlite3_bind_blob64(handle_, place, text.data() == nullptr ? "" : text.data(), text.size(), SQLITE_TRANSIENT);
}

bool Statement::next() {
  const int code = ::sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  ::sqlite3_reset(handle_);
  if (code != SQLITE_DONE) database_.fail(code);
  return false;
}

void Statement::run() {
  while (next()) {
  }
}

std::int64_t Statement::number(int column) const { return ::sqlite3_column_int64(handle_, column); }

std::string Statement::text(int column) const {
  const void* bytes = ::sqlite3_column_blob(handle_, column);
  const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(handle_, column));
  return bytes == nullptr ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

bool Statement::empty(int column) const { return ::sqlite3_column_type(handle_, column) == SQLITE_NULL; }

}  // namespace io
