#!/usr/bin/env python3
"""Writes labels/ beside this file: a small series with label objects and a report as public peers write them, for
tests/io/label_golden_test.cpp. The masks are formulas that both sides compute.

python3 -m venv v && v/bin/pip install highdicom==0.28.2 pydicom==3.0.2 rt-utils==1.2.7 numpy && v/bin/python labels.py
"""
import pathlib
import shutil

import highdicom as hd
import numpy as np
import pydicom
from highdicom.sr import (CodeContentItem, CodedConcept, ContainerContentItem, ContentSequence, NumContentItem,
                          PnameContentItem, RelationshipTypeValues, TextContentItem)
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from rt_utils import RTStructBuilder

# Square pixels: rt-utils 1.2.7 takes the distance of rows for that of columns.
DEPTH, ROWS, COLUMNS = 6, 18, 21
HERE = pathlib.Path(__file__).parent / "labels"


def uid(name):
    return generate_uid(prefix="2.25.", entropy_srcs=["gadolin labels", name])


def image(d):
    one = pydicom.Dataset()
    one.file_meta = pydicom.dataset.FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    one.file_meta.MediaStorageSOPClassUID = one.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID = uid(f"image {d}")
    one.StudyInstanceUID, one.SeriesInstanceUID, one.FrameOfReferenceUID = uid("study"), uid("series"), uid("frame")
    one.Modality, one.PatientID, one.PatientName = "CT", "G4711", "Planted^Paula"
    one.PatientBirthDate, one.PatientSex, one.StudyID, one.AccessionNumber = "19650312", "F", "1", "A1"
    one.StudyDate, one.StudyTime, one.ReferringPhysicianName = "20240131", "120000", "Sender^Sam"
    one.SeriesNumber, one.InstanceNumber = 1, DEPTH - d
    one.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    one.ImagePositionPatient = [-10.0, 5.5, 20 + 2.5 * d]
    one.ImageOrientationPatient, one.PixelSpacing, one.SliceThickness = [1, 0, 0, 0, 1, 0], [0.75, 0.75], 2.5
    one.Rows, one.Columns, one.SamplesPerPixel, one.PhotometricInterpretation = ROWS, COLUMNS, 1, "MONOCHROME2"
    one.BitsAllocated, one.BitsStored, one.HighBit, one.PixelRepresentation = 16, 16, 15, 0
    one.RescaleSlope, one.RescaleIntercept = 1, -1024
    one.PixelData = np.full((ROWS, COLUMNS), 1000 + d, np.uint16).tobytes()
    return one


d, h, w = np.mgrid[:DEPTH, :ROWS, :COLUMNS]
LIVER = (d > 0) & (d < 5) & (np.abs(h - 7) + np.abs(w - 6) <= 5) & ~((np.abs(h - 7) <= 1) & (np.abs(w - 6) <= 1))
KIDNEY = (d > 1) & ((h - 11) ** 2 + (w - 15) ** 2 <= 16)


def segments(kind):
    told = hd.AlgorithmIdentificationSequence("peer", codes.DCM.ArtificialIntelligence, "1")
    algorithm = (hd.seg.SegmentAlgorithmTypeValues.AUTOMATIC, told)
    organ = codes.SCT.Organ
    return [hd.seg.SegmentDescription(i + 1, name, organ, codes.SCT.Kidney, *algorithm)
            for i, name in enumerate([f"Liver {kind}", f"Kidney {kind}"])]


def segmentation(series, kind):
    values = np.stack([LIVER, KIDNEY], -1)
    fractional = {}
    if kind == "fractional":
        values = np.where(values, 0.75, 0.25).astype(np.float32)
        fractional = {"fractional_type": "PROBABILITY", "max_fractional_value": 100}
    if kind == "labelmap":
        values = (LIVER + 2 * KIDNEY).astype(np.uint8)
    name = {"binary": "BINARY", "fractional": "FRACTIONAL", "labelmap": "LABELMAP"}[kind]
    # The series in the order of its files; highdicom sorts as it likes.
    return hd.seg.Segmentation(series, values.astype(np.uint8) if kind == "binary" else values, name, segments(kind),
                               uid(kind + " series"), 2, uid(kind), 1, "peer", "peer", "1", "1", **fractional)


def report(series):
    contains = RelationshipTypeValues.CONTAINS
    root = ContainerContentItem(name=CodedConcept("18748-4", "LN", "Diagnostic imaging report"))
    who = PnameContentItem(codes.DCM.PersonObserverName, "Reader^Rita", RelationshipTypeValues.HAS_OBS_CONTEXT)
    find = ContainerContentItem(CodedConcept("121070", "DCM", "Findings"), relationship_type=contains)
    find.ContentSequence = ContentSequence([
        TextContentItem(CodedConcept("121071", "DCM", "Finding"), "Cyst of Paula Planted, seen by Dr. Sender.", contains),
        NumContentItem(codes.SCT.Diameter, 7.5, codes.UCUM.Millimeter, relationship_type=contains),
        CodeContentItem(codes.SCT.Laterality, codes.SCT.Left, contains)])
    root.ContentSequence = ContentSequence([who, find])
    return hd.sr.EnhancedSR(series, root, uid("report series"), 3, uid("report"), 1, manufacturer="peer")


if __name__ == "__main__":
    shutil.rmtree(HERE, ignore_errors=True)
    (HERE / "ct").mkdir(parents=True)
    series = [image(i) for i in range(DEPTH)]
    for i, one in enumerate(series):
        one.save_as(HERE / "ct" / f"{i}.dcm", enforce_file_format=True)
    for kind in ("binary", "fractional", "labelmap"):
        segmentation(series, kind).save_as(HERE / f"{kind}.dcm")
    report(series).save_as(HERE / "report.dcm")
    structures = RTStructBuilder.create_new(str(HERE / "ct"))
    # rt-utils keeps slices in its own order, rows x columns x slices.
    order = [round((one.ImagePositionPatient[2] - 20) / 2.5) for one in structures.series_data]
    for name, mask in (("Liver drawn", LIVER), ("Kidney drawn", KIDNEY)):
        structures.add_roi(mask=np.moveaxis(mask[order], 0, -1), name=name)
    structures.save(str(HERE / "structures"))
