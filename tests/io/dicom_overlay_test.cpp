// Words of 16 bits with less than that stored: whatever else lies in them, overlays (PS3.5 8.1.2, PS3.3 C.9.2) or dirt,
// does not reach a voxel.
#include "dicom_series.h"

namespace {

constexpr int kStored = 12;

volume::Volume values(bool is_signed) {
  volume::Volume v({5, 16, 20}, is_signed ? volume::VoxelType::kInt16 : volume::VoxelType::kUInt16, {});
  volume::with_type(v.type(), [&]<class T>(T) {
    if constexpr (sizeof(T) == 2) {
      auto voxels = v.voxels<T>();
      for (std::size_t i = 0; i < voxels.size(); ++i)
        voxels[i] = static_cast<T>(static_cast<int>(i * 37 % 4096) - (is_signed ? 2048 : 0));
    }
  });
  return v;
}

// In the upper four bits of each word something else each time; two overlays are said to be there.
void soil(DcmDataset& data, bool overlays) {
  const Uint16* words = nullptr;
  unsigned long count = 0;
  ASSERT_TRUE(data.findAndGetUint16Array(DCM_PixelData, words, &count).good());
  std::vector<Uint16> soiled(words, words + count);
  for (std::size_t i = 0; i < soiled.size(); ++i)
    soiled[i] = static_cast<Uint16>((soiled[i] & 0x0FFF) | ((i * 2654435761U >> 7) & 0xF) << kStored);
  data.putAndInsertUint16Array(DCM_PixelData, soiled.data(), soiled.size());
  data.putAndInsertUint16(DCM_BitsStored, kStored);
  data.putAndInsertUint16(DCM_HighBit, kStored - 1);
  for (Uint16 overlay = 0; overlays && overlay < 2; ++overlay) {
    const auto group = static_cast<Uint16>(0x6000 + 2 * overlay);
    data.putAndInsertUint16(DcmTag(group, 0x0010, EVR_US), 16);
    data.putAndInsertUint16(DcmTag(group, 0x0011, EVR_US), 20);
    data.putAndInsertString(DcmTag(group, 0x0040, EVR_CS), "G");
    const Sint16 origin[] = {1, 1};
    data.putAndInsertSint16Array(DcmTag(group, 0x0050, EVR_SS), origin, 2);
    data.putAndInsertUint16(DcmTag(group, 0x0100, EVR_US), 16);
    data.putAndInsertUint16(DcmTag(group, 0x0102, EVR_US), static_cast<Uint16>(kStored + 2 * overlay));
  }
}

}  // namespace

TEST(DicomOverlay, BitsAboveTheStoredOnesAreMaskedOffInEveryEncoding) {
  std::vector<std::pair<E_TransferSyntax, const DcmRepresentationParameter*>> syntaxes = written_syntaxes();
  syntaxes.emplace_back(EXS_LittleEndianExplicit, nullptr);
  for (const bool is_signed : {false, true}) {
    const volume::Volume expected = values(is_signed);
    for (const auto& [syntax, how] : syntaxes) {
      if (syntax == EXS_JPEGLSLossless) continue;  // its encoder keeps the stored bits alone
      for (const bool overlays : {true, false}) {
        SCOPED_TRACE(std::string(DcmXfer(syntax).getXferName()) + (is_signed ? ", signed" : ", unsigned"));
        const Scratch folder;
        const Files files = written(folder / "s", expected);
        for (const auto& file : files)
          edit(
              file, [&, with = overlays](DcmDataset& data) { soil(data, with); }, syntax, how);
        const io::DicomVolume read = io::read_dicom(files);
        EXPECT_EQ(read.image.type(), expected.type());
        expect_same_picture(read.image, expected);
        EXPECT_EQ(std::count(read.notes.begin(), read.notes.end(), "OVERLAY"), overlays ? 1 : 0);
      }
    }
  }
}
