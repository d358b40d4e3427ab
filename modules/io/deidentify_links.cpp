#include "io/deidentify_links.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <set>

#include "core/error.h"

namespace io {
namespace {

constexpr std::string_view kHead = "pseudonym,by,original,with\n";

std::string cell(const std::string& text) {
  static constexpr char kDigits[] = "0123456789ABCDEF";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 32 || byte == 127) {
      quoted += "\\x";
      quoted += kDigits[byte >> 4];
      quoted += kDigits[byte & 15];
      continue;
    }
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + "\"";
}

// The table, open and ours alone until it is closed.
class LockedTable {
 public:
  explicit LockedTable(const std::filesystem::path& path)
      : name_(path.filename().string()), number_(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
    if (number_ < 0) throw problem("cannot open");
    if (::flock(number_, LOCK_EX) != 0) {
      const core::Error why = problem("cannot lock");
      ::close(number_);
      throw core::Error(why);
    }
  }
  ~LockedTable() { ::close(number_); }
  LockedTable(const LockedTable&) = delete;
  LockedTable& operator=(const LockedTable&) = delete;

  // All whole lines; what follows the last of them is cut off.
  std::string whole_lines() {
    std::string text;
    char buffer[1 << 16];
    for (ssize_t n; (n = ::read(number_, buffer, sizeof buffer)) != 0;) {
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw problem("cannot read");
      text.append(buffer, static_cast<std::size_t>(n));
    }
    const std::size_t end = text.rfind('\n') + 1;  // 0 where there is none
    if (end != text.size() && ::ftruncate(number_, static_cast<off_t>(end)) != 0) throw problem("cannot mend");
    text.resize(end);
    return text;
  }

  void append(const std::string& text) {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = ::write(number_, text.data() + done, text.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) throw problem("cannot write");
      done += static_cast<std::size_t>(n);
    }
    if (::fsync(number_) != 0) throw problem("cannot write to disk");
  }

 private:
  core::Error problem(const std::string& what) const {
    const int number = errno;
    return core::Error(what + " the link table " + name_ + ": " + std::strerror(number),
                       number == ENOSPC || number == EDQUOT ? "the disk is full; free space and run the command again"
                                                            : "its folder must be writable: it lies beside the key");
  }
  std::string name_;
  int number_;
};

std::set<std::string> pseudonyms_in(const std::string& text) {
  std::set<std::string> known;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    known.insert(text.substr(begin, std::min(text.find(',', begin), end) - begin));
    begin = end + 1;
  }
  return known;
}

}  // namespace

DeidLink patient_link(const std::string& id, const std::string& issuer, const std::string& name,
                      const std::string& birth_date, const std::string& study) {
  if (!id.empty()) return {"PatientID", id, issuer};
  if (!name.empty()) return {"PatientName", name, birth_date};
  return {"StudyInstanceUID", study, ""};
}

void append_links(const std::filesystem::path& path, const DeidLinks& links) {
  if (links.empty()) return;
  LockedTable table(path);
  const std::string there = table.whole_lines();
  if (!there.empty() && !there.starts_with(kHead))
    throw core::Error(path.filename().string() + " is no link table", "it lies where the link table would be; move it");
  const std::set<std::string> known = pseudonyms_in(there);
  std::string rows;
  for (const auto& [pseudonym, link] : links) {
    if (known.contains(pseudonym)) continue;
    rows += pseudonym + "," + link.by + "," + cell(link.original) + "," + cell(link.with) + "\n";
  }
  if (rows.empty()) return;
  table.append(there.empty() ? std::string(kHead) + rows : rows);
}

}  // namespace io
