#include "store/hdf5.h"

#include "core/error.h"

namespace store {
namespace {

herr_t innermost(unsigned, const H5E_error2_t* entry, void* text) {
  if (entry->desc != nullptr) *static_cast<std::string*>(text) = entry->desc;
  return 0;
}

}  // namespace

std::unique_lock<std::recursive_mutex> hdf5_lock() {
  static std::recursive_mutex mutex;
  std::unique_lock lock(mutex);
  static const bool silent = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  (void)silent;
  return lock;
}

void hdf5_failed(const std::string& what) {
  std::string reason;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, innermost, &reason);
  H5Eclear2(H5E_DEFAULT);
  throw core::Error("cannot " + what + (reason.empty() ? "" : ": " + reason));
}

hid_t hdf5_type(volume::VoxelType type) {
  switch (type) {
    case volume::VoxelType::kUInt8:
      return H5T_STD_U8LE;
    case volume::VoxelType::kInt8:
      return H5T_STD_I8LE;
    case volume::VoxelType::kUInt16:
      return H5T_STD_U16LE;
    case volume::VoxelType::kInt16:
      return H5T_STD_I16LE;
    case volume::VoxelType::kUInt32:
      return H5T_STD_U32LE;
    case volume::VoxelType::kInt32:
      return H5T_STD_I32LE;
    case volume::VoxelType::kFloat32:
      return H5T_IEEE_F32LE;
    case volume::VoxelType::kFloat64:
      break;
  }
  return H5T_IEEE_F64LE;
}

}  // namespace store
