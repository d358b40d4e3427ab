#pragma once
// The link table: which pseudonym stands for whom, the one place where originals are kept. A CSV file of mode 0600 that
// lies beside the key and never in a store: pseudonym, by (the attribute that named it), original, with (the issuer of
// a PatientID; the birth date beside a name).

#include <filesystem>
#include <map>
#include <string>

namespace io {

// What a pseudonym stands for. A plain value; never for a message.
struct DeidLink {
  std::string by, original, with;
  std::string text() const { return by + "\n" + with + "\n" + original; }  // what the pseudonym is made from
};
using DeidLinks = std::map<std::string, DeidLink>;  // by pseudonym

// Whose images these are: by PatientID where there is one, else by name and birth date, else by the study.
DeidLink patient_link(const std::string& id, const std::string& issuer, const std::string& name,
                      const std::string& birth_date, const std::string& study);

// Appends those that the table lacks, makes it where it is not there, and returns when they are on the disk. Several
// processes may do so at once. A row that a killed process left unfinished goes. Control characters are written \xHH.
// Throws Error.
void append_links(const std::filesystem::path& table, const DeidLinks& links);

}  // namespace io
