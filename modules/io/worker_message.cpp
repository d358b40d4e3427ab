#include "io/worker_message.h"

#include <unistd.h>

#include <cstring>
#include <type_traits>
#include <utility>

namespace io {
namespace {

enum class Answer : char { kCase, kLooks, kSeries, kNotes, kError };

core::Error damaged() { return core::Error("a message between gadolin and gadolin-worker is damaged"); }

// Every member, in order. A member that is added to one of these types and not here does not compile: it would be lost
// on the way.
template <class T, class F>
void each_field(T& value, F&& f) {
  using Plain = std::remove_const_t<T>;
  if constexpr (std::is_same_v<Plain, Refusal>) {
    auto& [code, story, hint] = value;
    f(code, story, hint);
  } else if constexpr (std::is_same_v<Plain, ChannelFile>) {
    auto& [name, modality, path, volume, volumes] = value;
    f(name, modality, path, volume, volumes);
  } else if constexpr (std::is_same_v<Plain, volume::Groups>) {
    auto& [patient, site, vendor] = value;
    f(patient, site, vendor);
  } else if constexpr (std::is_same_v<Plain, Entry>) {
    auto& [id, channels, label, groups, told, scalars, facts, keys, report, notes, files, attached, is_series, only,
           refused] = value;
    f(id, channels, label, groups, told, scalars, facts, keys, report, notes, files, attached, is_series, only,
      refused);
  } else if constexpr (std::is_same_v<Plain, Attachment>) {
    auto& [kind, name, file, alone, wanted] = value;
    f(kind, name, file, alone, wanted);
  } else if constexpr (std::is_same_v<Plain, AttachedLook>) {
    auto& [kind, refers, classes] = value;
    f(kind, refers, classes);
  } else if constexpr (std::is_same_v<Plain, volume::Channel>) {
    auto& [name, modality, image] = value;
    f(name, modality, image);
  } else if constexpr (std::is_same_v<Plain, volume::BoxTarget>) {
    auto& [low_mm, high_mm, label] = value;
    f(low_mm, high_mm, label);
  } else if constexpr (std::is_same_v<Plain, volume::Case>) {
    auto& [id, channels, label_map, scalars, boxes, report, groups, facts, notes] = value;
    f(id, channels, label_map, scalars, boxes, report, groups, facts, notes);
  } else if constexpr (std::is_same_v<Plain, DicomIdentity>) {
    auto& [series, patient, modality, site, vendor, keys, image, many, place, patient_link, site_link, attached] =
        value;
    f(series, patient, modality, site, vendor, keys, image, many, place, patient_link, site_link, attached);
  } else if constexpr (std::is_same_v<Plain, DeidLink>) {
    auto& [by, original, with] = value;
    f(by, original, with);
  } else if constexpr (std::is_same_v<Plain, DicomSeries>) {
    auto& [id, patient, modality, site, vendor, keys, files, several, only, facts] = value;
    f(id, patient, modality, site, vendor, keys, files, several, only, facts);
  } else if constexpr (std::is_same_v<Plain, FileLook>) {
    auto& [kind, who, why] = value;
    f(kind, who, why);
  } else if constexpr (std::is_same_v<Plain, WorkerLimits>) {
    auto& [cpu_s, wall_s, memory_bytes] = value;
    f(cpu_s, wall_s, memory_bytes);
  } else if constexpr (std::is_same_v<Plain, WorkerSetup>) {
    auto& [version, parent, limits] = value;
    f(version, parent, limits);
  } else {
    static_assert(std::is_same_v<Plain, WorkerRequest>);
    auto& [entry, label_names, files, key, series, burned_in, pixels] = value;
    f(entry, label_names, files, key, series, burned_in, pixels);
  }
}

template <class T>
constexpr bool kRaw = std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_same_v<T, volume::Point> ||
                      std::is_same_v<T, DeidKey::Bytes>;
template <class T>
constexpr bool kVector = false;
template <class T>
constexpr bool kVector<std::vector<T>> = true;
template <class T>
constexpr bool kMap = false;
template <class K, class V>
constexpr bool kMap<std::map<K, V>> = true;
template <class T>
constexpr bool kOptional = false;
template <class T>
constexpr bool kOptional<std::optional<T>> = true;

// A volume without its voxels.
struct Grid {
  volume::Shape shape;
  volume::VoxelType type;
  volume::Geometry geometry;
  double scale = 1, offset = 0;
  std::uint64_t begin = 0;  // of the voxels in their file
};
static_assert(std::is_trivially_copyable_v<Grid>);

class Packer {
 public:
  Message message;

  template <class T>
  void put(const T& value) {
    if constexpr (kRaw<T>) {
      raw(&value, sizeof value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      put(value.size());
      raw(value.data(), value.size());
    } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
      put(value.native());
    } else if constexpr (kVector<T>) {
      put(value.size());
      for (const auto& each : value) put(each);
    } else if constexpr (kMap<T>) {
      put(value.size());
      for (const auto& pair : value) put(pair.first), put(pair.second);
    } else if constexpr (kOptional<T>) {
      put(value.has_value());
      if (value) put(*value);
    } else if constexpr (std::is_same_v<T, volume::Volume>) {
      put_volume(value);
    } else {
      each_field(value, [this](const auto&... field) { (this->put(field), ...); });
    }
  }

 private:
  void raw(const void* from, std::size_t size) { message.bytes.append(static_cast<const char*>(from), size); }

  void put_volume(const volume::Volume& volume) {
    GADOLIN_CHECK(volume.memory().is_file());
    Grid grid;
    std::memset(static_cast<void*>(&grid), 0, sizeof grid);
    grid.shape = volume.shape(), grid.type = volume.type(), grid.geometry = volume.geometry;
    grid.scale = volume.scale, grid.offset = volume.offset;
    grid.begin = volume.memory().file_begin();
    raw(&grid, sizeof grid);
    message.files.emplace_back(volume.memory().handed_over());
  }
};

class Unpacker {
 public:
  explicit Unpacker(Message& message) : message_(message) {}

  template <class T>
  T get() {
    T value{};
    fill(value);
    return value;
  }

  template <class T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = get<char>() != 0;
    } else if constexpr (kRaw<T>) {
      std::memcpy(&value, take(sizeof value), sizeof value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      const std::size_t size = get<std::size_t>();
      value.assign(take(size), size);
    } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
      value = get<std::string>();
    } else if constexpr (kVector<T>) {
      for (std::size_t left = count(); left > 0; --left) fill(value.emplace_back());
    } else if constexpr (kMap<T>) {
      for (std::size_t left = count(); left > 0; --left) {
        const auto key = get<typename T::key_type>();
        fill(value[key]);
      }
    } else if constexpr (kOptional<T>) {
      if (get<bool>()) fill(value.emplace());
    } else if constexpr (std::is_same_v<T, volume::Volume>) {
      value = get_volume();
    } else {
      each_field(value, [this](auto&... field) { (this->fill(field), ...); });
    }
  }

  void finish() const {
    if (at_ != message_.bytes.size() || file_ != message_.files.size()) throw damaged();
  }

 private:
  const char* take(std::size_t size) {
    if (size > message_.bytes.size() - at_) throw damaged();
    at_ += size;
    return message_.bytes.data() + (at_ - size);
  }

  // Of things to follow, each of which takes a byte at least.
  std::size_t count() {
    const std::size_t all = get<std::size_t>();
    if (all > message_.bytes.size() - at_) throw damaged();
    return all;
  }

  volume::Volume get_volume() {
    Grid grid;
    std::memcpy(static_cast<void*>(&grid), take(sizeof grid), sizeof grid);
    if (file_ >= message_.files.size() || grid.type > volume::VoxelType::kFloat64) throw damaged();
    std::uint64_t bytes = volume::size_bytes(grid.type);
    for (int axis = 0; axis < 3; ++axis) {
      const std::int64_t side = grid.shape[axis];
      if (side <= 0 || __builtin_mul_overflow(bytes, static_cast<std::uint64_t>(side), &bytes)) throw damaged();
    }
    if (grid.begin % volume::size_bytes(grid.type) != 0) throw damaged();
    volume::Volume made(
        grid.shape, grid.type, grid.geometry,
        volume::VoxelMemory::of_file(message_.files[file_++].release(), static_cast<std::size_t>(grid.begin), bytes));
    made.scale = grid.scale;
    made.offset = grid.offset;
    return made;
  }

  Message& message_;
  std::size_t at_ = 0, file_ = 0;
};

template <class T>
Message answer(Answer kind, const T& value) {
  Packer packer;
  packer.put(kind);
  packer.put(value);
  return std::move(packer.message);
}

template <class T>
T whole(Message& message) {
  Unpacker unpacker(message);
  T value = unpacker.get<T>();
  unpacker.finish();
  return value;
}

template <class T>
T answered(Message& message, Answer expected) {
  Unpacker unpacker(message);
  const Answer kind = unpacker.get<Answer>();
  if (kind == Answer::kError) {
    const auto story = unpacker.get<std::string>(), hint = unpacker.get<std::string>();
    throw core::Error(story, hint, unpacker.get<core::Exit>());
  }
  if (kind != expected) throw damaged();
  T value = unpacker.get<T>();
  unpacker.finish();
  return value;
}

template <class T>
Message plain(const T& value) {
  Packer packer;
  packer.put(value);
  return std::move(packer.message);
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(number_, other.number_);
  return *this;
}

int Descriptor::release() { return std::exchange(number_, -1); }

Message packed(const WorkerSetup& setup) { return plain(setup); }
Message packed(const WorkerRequest& request) { return plain(request); }
Message packed(const volume::Case& one) { return answer(Answer::kCase, one); }
Message packed(const std::vector<FileLook>& looks) { return answer(Answer::kLooks, looks); }
Message packed(const std::vector<DicomSeries>& volumes) { return answer(Answer::kSeries, volumes); }

Message packed(const std::vector<std::string>& notes) { return answer(Answer::kNotes, notes); }

Message packed(const core::Error& error) {
  Packer packer;
  packer.put(Answer::kError);
  packer.put(error.story());
  packer.put(error.hint());
  packer.put(error.exit());
  return std::move(packer.message);
}

std::string packed_look(const FileLook& look) { return plain(look).bytes; }
FileLook look_in(const std::string& bytes) {
  Message message{bytes, {}};
  return whole<FileLook>(message);
}

WorkerSetup setup_in(Message message) { return whole<WorkerSetup>(message); }
WorkerRequest request_in(Message message) { return whole<WorkerRequest>(message); }
volume::Case case_in(Message message) { return answered<volume::Case>(message, Answer::kCase); }
std::vector<FileLook> looks_in(Message message) { return answered<std::vector<FileLook>>(message, Answer::kLooks); }
std::vector<DicomSeries> series_in(Message message) {
  return answered<std::vector<DicomSeries>>(message, Answer::kSeries);
}
std::vector<std::string> notes_in(Message message) {
  return answered<std::vector<std::string>>(message, Answer::kNotes);
}

}  // namespace io
