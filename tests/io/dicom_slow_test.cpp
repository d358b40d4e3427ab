// The tests of damaged DICOM files at every byte.
#include "dicom_series.h"

TEST(DicomSlow, AFileCutAtAnyByteIsAnErrorWithACode) { expect_cuts_refused(1); }

TEST(DicomSlow, ADamagedByteIsAnErrorOrAnImageButNeverACrash) { expect_damage_survived(1); }
