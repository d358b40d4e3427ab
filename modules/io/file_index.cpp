#include "io/file_index.h"

#include <algorithm>
#include <mutex>
#include <optional>

#include "core/hash.h"
#include "io/database.h"
#include "io/worker_message.h"

namespace io {
namespace {

namespace fs = std::filesystem;

constexpr const char* kTables = R"(
  CREATE TABLE IF NOT EXISTS about (name BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS folders (id INTEGER PRIMARY KEY, path BLOB UNIQUE);
  CREATE TABLE IF NOT EXISTS looks (id INTEGER PRIMARY KEY, bytes BLOB UNIQUE);
  CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY, folder INTEGER, name BLOB, size INTEGER, changed INTEGER,
    walk INTEGER, kind INTEGER, series BLOB, place INTEGER, many INTEGER, look INTEGER, UNIQUE (folder, name));
  CREATE INDEX IF NOT EXISTS files_of_series ON files (series) WHERE series IS NOT NULL;
  CREATE TABLE IF NOT EXISTS volumes (id BLOB, file INTEGER, PRIMARY KEY (id, file)) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS hashes (folder INTEGER, name BLOB, size INTEGER, changed INTEGER, sha256 BLOB,
    PRIMARY KEY (folder, name)) WITHOUT ROWID;
)";

// Tells apart what other builds wrote: the version, the tables, and how a look is packed.
std::string build_text() {
  const FileLook look;
  return std::string(GADOLIN_VERSION) + "\n" + kTables + "\n" + core::sha256_hex(packed_look(look));
}

constexpr auto kOther = static_cast<std::int64_t>(FileLook::Kind::kOther);
constexpr auto kImage = static_cast<std::int64_t>(FileLook::Kind::kImage);
constexpr auto kDamaged = static_cast<std::int64_t>(FileLook::Kind::kDamaged);
constexpr auto kAttached = static_cast<std::int64_t>(FileLook::Kind::kAttached);

// -1 is the time of no file.
std::int64_t stamp(const WalkedFile& file) { return file.settled ? file.changed_ns : -1; }

}  // namespace

struct FileIndex::State {
  explicit State(const fs::path& file) : database(file) {
    database.run(kTables);
    forget_others_of("build", build_text());
    Statement last(database, "SELECT max(walk) FROM files");
    if (last.next()) walk = last.number(0);
    prepare();
  }

  // All is forgotten that was found under another value; hashes of bytes stay true.
  void forget_others_of(const std::string& name, const std::string& value) {
    Statement was(database, "SELECT value FROM about WHERE name = ?1");
    if (was.with(name).next() && was.text(0) == value) return;
    database.gather();
    for (const char* sql : {"DELETE FROM files", "DELETE FROM looks", "DELETE FROM volumes"}) database.run(sql);
    Statement(database, "INSERT OR REPLACE INTO about VALUES (?1, ?2)").with(name, value).run();
  }

  void prepare() {
    const auto make = [this](std::optional<Statement>& statement, const char* sql) {
      statement.emplace(database, sql);
    };
    make(find_folder, "SELECT id FROM folders WHERE path = ?1");
    make(add_folder, "INSERT INTO folders (path) VALUES (?1) RETURNING id");
    make(find_look, "SELECT id FROM looks WHERE bytes = ?1");
    make(add_look, "INSERT INTO looks (bytes) VALUES (?1) RETURNING id");
    make(find_file, "SELECT id FROM files WHERE folder = ?1 AND name = ?2 AND size = ?3 AND changed = ?4");
    make(meet_file, "UPDATE files SET walk = ?2 WHERE id = ?1");
    make(add_file,
         "INSERT OR REPLACE INTO files (folder, name, size, changed, walk, kind, look, series, place, many) "
         "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE ?6 WHEN 1 THEN ?8 END, ?9, ?10)");
    make(find_hash, "SELECT sha256 FROM hashes WHERE folder = ?1 AND name = ?2 AND size = ?3 AND changed = ?4");
    make(add_hash, "INSERT OR REPLACE INTO hashes VALUES (?1, ?2, ?3, ?4, ?5)");
  }

  static std::int64_t id_of(Statement& find, Statement& add, const std::string& text) {
    Statement& found = find.with(text).next() ? find : add.with(text);
    if (&found == &add) found.next();
    const std::int64_t id = found.number(0);
    found.run();
    return id;
  }

  std::int64_t folder_of(const fs::path& file) {
    const fs::path folder = fs::absolute(file).parent_path();
    if (folder != last_folder) {
      last_folder_id = id_of(*find_folder, *add_folder, folder.native());
      last_folder = folder;
    }
    return last_folder_id;
  }

  void add(const WalkedFile& file, const FileLook& look) {
    FileLook kept = look;
    kept.who.place = 0;  // the one thing in which slices of a series differ
    const std::int64_t id = id_of(*find_look, *add_look, packed_look(kept));
    add_file
        ->with(folder_of(file.path), file.path.filename().native(), file.size_bytes, stamp(file), walk,
               static_cast<std::int64_t>(look.kind), id, look.who.series, static_cast<std::int64_t>(look.who.place),
               std::int64_t{look.who.many})
        .run();
  }

  FileLook look_at(std::int64_t id) {
    Statement ask(database, "SELECT bytes FROM looks WHERE id = ?1");
    GADOLIN_CHECK(ask.with(id).next());
    return look_in(ask.text(0));
  }

  // Files of a kind and what they are, in their order; of damaged ones those that no series was given.
  std::vector<std::pair<fs::path, FileLook>> looked(std::int64_t kind) {
    const std::scoped_lock hold(mutex);
    std::vector<std::pair<fs::path, FileLook>> all;
    Statement ask(database,
                  "SELECT path, name, look FROM files JOIN folders ON folders.id = folder "
                  "WHERE walk = ?1 AND kind = ?2 AND series IS NULL ORDER BY path, name");
    for (ask.with(walk, kind); ask.next();)
      all.emplace_back(fs::path(ask.text(0)) / ask.text(1), look_at(ask.number(2)));
    return all;
  }

  // At most so many; -1: all.
  std::vector<fs::path> files_of(const std::string& id, std::int64_t most) {
    const std::scoped_lock hold(mutex);
    std::vector<fs::path> files;
    Statement kept(database,
                   "SELECT path, name FROM volumes JOIN files ON files.id = file JOIN folders ON folders.id = folder "
                   "WHERE volumes.id = ?1 ORDER BY path, name LIMIT ?2");
    for (kept.with(id, most); kept.next();) files.push_back(fs::path(kept.text(0)) / kept.text(1));
    if (!files.empty()) return files;
    Statement all(database,
                  "SELECT path, name FROM files JOIN folders ON folders.id = folder "
                  "WHERE series = ?1 AND walk = ?2 ORDER BY path, name LIMIT ?3");
    for (all.with(id, walk, most); all.next();) files.push_back(fs::path(all.text(0)) / all.text(1));
    return files;
  }

  Database database;
  std::int64_t walk = 0;
  std::optional<Statement> find_folder, add_folder, find_look, add_look, find_file, meet_file, add_file, find_hash,
      add_hash;
  fs::path last_folder;
  std::int64_t last_folder_id = 0;
  std::mutex mutex;  // of all above
};

FileIndex::FileIndex() : FileIndex(fs::path()) {}

FileIndex::FileIndex(const fs::path& file) {
  try {
    state_ = std::make_unique<State>(file);
  } catch (const DatabaseDamaged&) {
    fs::remove(file);
    fs::remove(fs::path(file) += "-journal");
    state_ = std::make_unique<State>(file);
  }
}

FileIndex::~FileIndex() = default;

void FileIndex::begin_walk(const DeidKey& key) {
  const std::scoped_lock hold(state_->mutex);
  State& state = *state_;
  state.forget_others_of("key", key.fingerprint());
  state.database.gather();
  state.database.run("DELETE FROM volumes");
  state.database.run("UPDATE files SET series = NULL WHERE kind = 2 AND series IS NOT NULL");
  ++state.walk;
}

bool FileIndex::meet(const WalkedFile& file) {
  if (!file.settled) return false;
  const std::scoped_lock hold(state_->mutex);
  State& state = *state_;
  state.database.gather();
  Statement& found = state.find_file->with(state.folder_of(file.path), file.path.filename().native(), file.size_bytes,
                                           file.changed_ns);
  if (!found.next()) return false;
  const std::int64_t id = found.number(0);
  found.run();
  state.meet_file->with(id, state.walk).run();
  return true;
}

void FileIndex::add(std::span<const WalkedFile> files, std::span<const FileLook> looks) {
  GADOLIN_CHECK(files.size() == looks.size());
  const std::scoped_lock hold(state_->mutex);
  state_->database.gather();
  for (std::size_t i = 0; i < files.size(); ++i) state_->add(files[i], looks[i]);
}

void FileIndex::end_walk() {
  const std::scoped_lock hold(state_->mutex);
  State& state = *state_;
  state.database.gather();
  std::vector<std::pair<std::int64_t, std::string>> given;
  Statement damaged(state.database, "SELECT id, folder, look FROM files WHERE walk = ?1 AND kind = ?2 ORDER BY folder");
  Statement near(state.database,
                 "SELECT count(DISTINCT series), min(series) FROM files WHERE folder = ?1 AND walk = ?2 AND kind = ?3");
  std::int64_t folder = -1;
  std::string only;
  for (damaged.with(state.walk, kDamaged); damaged.next();) {
    if (state.look_at(damaged.number(2)).why.code == "NOT_DICOM") continue;
    if (damaged.number(1) != folder) {
      folder = damaged.number(1);
      near.with(folder, state.walk, kImage).next();
      only = near.number(0) == 1 ? near.text(1) : "";
    }
    if (!only.empty()) given.emplace_back(damaged.number(0), only);
  }
  Statement give(state.database, "UPDATE files SET series = ?2 WHERE id = ?1");
  for (const auto& [file, series] : given) give.with(file, series).run();
  state.database.settle();
}

std::vector<DicomSeries> FileIndex::series() const {
  const std::scoped_lock hold(state_->mutex);
  State& state = *state_;
  using First = std::pair<std::string, std::string>;  // folder, name
  std::vector<std::pair<First, DicomSeries>> found;
  Statement all(state.database,
                "SELECT series, max(many), sum(place <> 0) - count(DISTINCT nullif(place, 0)) FROM files "
                "WHERE series IS NOT NULL AND walk = ?1 AND kind = ?2 GROUP BY series");
  Statement first(state.database,
                  "SELECT path, name, look FROM files JOIN folders ON folders.id = folder "
                  "WHERE series = ?1 AND walk = ?2 AND kind = ?3 ORDER BY path, name LIMIT 1");
  for (all.with(state.walk, kImage); all.next();) {
    first.with(all.text(0), state.walk, kImage).next();
    DicomIdentity who = state.look_at(first.number(2)).who;
    DicomSeries one;
    one.id = std::move(who.series);
    one.patient = std::move(who.patient);
    one.modality = std::move(who.modality);
    one.site = std::move(who.site);
    one.vendor = std::move(who.vendor);
    one.keys = std::move(who.keys);
    one.several = all.number(1) != 0 || all.number(2) != 0;
    found.emplace_back(First(first.text(0), first.text(1)), std::move(one));
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<DicomSeries> series;
  for (auto& [place, one] : found) series.push_back(std::move(one));
  return series;
}

std::vector<DicomDamage> FileIndex::damaged() const {
  std::vector<DicomDamage> all;
  for (auto& [file, look] : state_->looked(kDamaged)) all.push_back({file, std::move(look.why)});
  return all;
}

std::vector<DicomAttached> FileIndex::attached() const {
  std::vector<DicomAttached> all;
  for (auto& [file, look] : state_->looked(kAttached))
    all.push_back({file, std::move(look.who.attached), std::move(look.who.keys)});
  return all;
}

std::int64_t FileIndex::others() const {
  const std::scoped_lock hold(state_->mutex);
  Statement ask(state_->database, "SELECT count(*) FROM files WHERE walk = ?1 AND kind = ?2");
  ask.with(state_->walk, kOther).next();
  return ask.number(0);
}

DeidLinks FileIndex::links() const {
  const std::scoped_lock hold(state_->mutex);
  DeidLinks links;
  Statement ask(state_->database, "SELECT DISTINCT look FROM files WHERE walk = ?1 AND kind = ?2");
  for (ask.with(state_->walk, kImage); ask.next();) {
    const DicomIdentity who = state_->look_at(ask.number(0)).who;
    links.emplace(who.patient, who.patient_link);
    if (!who.site.empty()) links.emplace(who.site, who.site_link);
  }
  return links;
}

std::vector<fs::path> FileIndex::files_of(const std::string& id) const { return state_->files_of(id, -1); }

fs::path FileIndex::first_file_of(const std::string& id) const {
  const std::vector<fs::path> first = state_->files_of(id, 1);
  return first.empty() ? fs::path() : first.front();
}

void FileIndex::keep_volume(const std::string& volume, std::span<const fs::path> files) {
  const std::scoped_lock hold(state_->mutex);
  State& state = *state_;
  state.database.gather();
  Statement keep(state.database,
                 "INSERT OR IGNORE INTO volumes SELECT ?1, id FROM files WHERE folder = ?2 AND name = ?3");
  for (const fs::path& file : files) keep.with(volume, state.folder_of(file), file.filename().native()).run();
}

std::string FileIndex::sha256_hex(const fs::path& path) {
  const WalkedFile file = file_at(path);
  const std::string name = path.filename().native();
  {
    const std::scoped_lock hold(state_->mutex);
    state_->database.gather();
    Statement& known = state_->find_hash->with(state_->folder_of(path), name, file.size_bytes, file.changed_ns);
    if (file.settled && known.next()) return known.text(0);
  }
  std::string hash = core::sha256_file_hex(path);
  const WalkedFile now = file_at(path);
  if (now.size_bytes != file.size_bytes || now.changed_ns != file.changed_ns) throw changed_meanwhile();
  if (!file.settled) return hash;
  const std::scoped_lock hold(state_->mutex);
  state_->database.gather();
  state_->add_hash->with(state_->folder_of(path), name, file.size_bytes, file.changed_ns, hash).run();
  return hash;
}

}  // namespace io
