#include "pipelines/deid_names.h"

#include "core/error.h"
#include "core/log.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

fs::path links_beside(fs::path key_file) {
  return key_file.extension() == ".key" ? key_file.replace_extension(".links.csv") : key_file += ".links.csv";
}

void require_outside(const fs::path& file, const fs::path& target) {
  if (lies_within(file, target))
    throw core::usage_error("the key would lie within the folder whose names it protects",
                            "keep it somewhere else: who gets the folder must not get the key");
}

}  // namespace

bool lies_within(const fs::path& path, const fs::path& folder) {
  const fs::path inside = fs::weakly_canonical(path).lexically_relative(fs::weakly_canonical(folder));
  return !inside.empty() && *inside.begin() != "..";
}

fs::path beside_store(const fs::path& store, const std::string& ending) {
  fs::path plain = fs::absolute(store).lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();
  if (!plain.has_relative_path())
    throw core::usage_error("nothing can lie beside " + store.string(), "name a folder in it");
  return plain += ending;
}

DeidNames::DeidNames() = default;

std::string DeidNames::how_to_make_one() {
  return "make one: (echo gadolin deid key 1; openssl rand -hex 32) > FILE; chmod 600 FILE";
}

DeidNames::DeidNames(const fs::path& target, const std::string& key_file, const std::string& fingerprint) {
  key_file_ = key_file.empty() ? beside_store(target, ".key") : fs::path(key_file);
  links_file_ = links_beside(key_file_);
  require_outside(key_file_, target);
  const std::string name = key_file_.filename().string();
  if (fs::exists(key_file_)) {
    key_ = io::DeidKey::read(key_file_);
    if (!fingerprint.empty() && key_.fingerprint() != fingerprint)
      throw core::usage_error("the key " + name + " is not the one that the names there were made with",
                              "--deid-key FILE gives the right one; another would name every patient anew");
    return;
  }
  if (!fingerprint.empty())
    throw core::usage_error("the key " + name + " is not there, and the names there were made with it",
                            "bring it back or give it with --deid-key FILE; a new one would name every patient anew");
  if (!key_file.empty()) throw core::usage_error("there is no key " + name, how_to_make_one());
  is_new_ = true;
}

void DeidNames::keep(const io::DeidLinks& links) {
  if (is_new_) {
    try {
      key_.save(key_file_);
    } catch (const core::Error& error) {
      throw core::Error("a key must lie beside the output, and it cannot: " + error.story(),
                        "the folder above must be writable: name a folder one level deeper (/out/NAME)");
    }
    core::log_info("a new key is in " + key_file_.string() + ": keep it, and keep it apart from the data");
    is_new_ = false;
  }
  if (!links.empty()) io::append_links(links_file_, links);
}

}  // namespace pipelines
