"""Chunks as hdf5plugin packs them: tests/golden/bitshuffle/TYPE.chunk, read by tests/store/chunk_test.cpp.

    pip install h5py==3.16.0 hdf5plugin==7.1.0 && python tests/golden/bitshuffle.py

Voxel i is (i // 16) % 300, plus i % 5 where i % 3 is 0, in the type given; 5 x 33 x 61 voxels make a whole block, a part
of one, and one voxel that makes no eight.
"""
import pathlib

import h5py
import hdf5plugin
import numpy as np

SHAPE = (5, 33, 61)
folder = pathlib.Path(__file__).parent / "bitshuffle"
folder.mkdir(exist_ok=True)
i = np.arange(np.prod(SHAPE))
values = (i // 16) % 300 + np.where(i % 3 == 0, i % 5, 0)
for name in ("uint8", "int16", "float32", "float64"):
    voxels = (values % 256 if name == "uint8" else values).astype(name).reshape(SHAPE)
    with h5py.File("bitshuffle.h5", "w", driver="core", backing_store=False) as file:
        made = file.create_dataset("a", data=voxels, chunks=SHAPE, **hdf5plugin.Bitshuffle(nelems=8192, cname="lz4"))
        mask, chunk = made.id.read_direct_chunk((0, 0, 0))
        assert mask == 0
        print(name, made.id.get_create_plist().get_filter(0), len(chunk))
        (folder / f"{name}.chunk").write_bytes(chunk)
