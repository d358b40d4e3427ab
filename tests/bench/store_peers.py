"""Peers of `gadolin bench store`: Blosc2, h5py and zarr read the same boxes of the same volumes.

    python store_peers.py FOLDER REPEATS     (gadolin calls it; tests/bench/peers.sh makes its environment)

FOLDER holds volume-N.npy (int16), boxes.json ([volume, d, h, w, edge] each) and stores of ours under raw/ and compressed/.
First every peer's boxes, and ours as h5py reads them, are compared with the volumes; then each peer is timed, warm and
with its files dropped from the page cache. Prints one JSON object.
"""
import gc
import json
import os
import pathlib
import statistics
import sys
import time

import blosc2
import h5py
import hdf5plugin
import numpy as np
import zarr

folder, repeats = pathlib.Path(sys.argv[1]), int(sys.argv[2])
volumes = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("volume-*.npy"))]
boxes = [(v, tuple(slice(b, b + edge) for b in begin)) for v, *begin, edge in json.loads((folder / "boxes.json").read_text())]
blosc2.set_nthreads(1)


def read_all(arrays):
    for volume, box in boxes:
        arrays[volume][box]


def equal(arrays):
    return all(np.array_equal(arrays[volume][box], volumes[volume][box]) for volume, box in boxes)


def drop(path):
    """Out of the page cache, so that the next reading meets the disk."""
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        number = os.open(file, os.O_RDONLY)
        os.fsync(number)
        os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(number)


def size_of(path):
    return sum(p.stat().st_size for p in [path, *path.rglob("*")] if p.is_file())


def b2nd(name, block, chunk, **settings):
    root = folder / name
    root.mkdir()
    for i, volume in enumerate(volumes):
        blosc2.asarray(np.ascontiguousarray(volume), chunks=(chunk,) * 3, blocks=(block,) * 3, urlpath=str(root / f"{i}.b2nd"),
                       cparams=blosc2.CParams(nthreads=1, **settings))
    return root, lambda: [blosc2.open(str(root / f"{i}.b2nd"), mode="r", mmap_mode="r", dparams=blosc2.DParams(nthreads=1))
                          for i in range(len(volumes))]


def hdf5(name, chunk, **settings):
    root = folder / (name + ".h5")
    with h5py.File(root, "w") as file:
        for i, volume in enumerate(volumes):
            file.create_dataset(str(i), data=volume, chunks=(chunk,) * 3, **settings)
    return root, lambda: [h5py.File(root, "r")[str(i)] for i in range(len(volumes))]


def zarr_array(name, chunk):
    root = folder / name
    for i, volume in enumerate(volumes):
        made = zarr.create_array(str(root / str(i)), shape=volume.shape, dtype=volume.dtype, chunks=(chunk,) * 3,
                                 compressors=zarr.codecs.BloscCodec(cname="lz4", clevel=5, shuffle="shuffle"))
        made[:] = np.ascontiguousarray(volume)
    return root, lambda: [zarr.open_array(str(root / str(i)), mode="r") for i in range(len(volumes))]


def ours(tier):
    """Shards of ours hold a volume each, in their order."""
    shards = sorted((folder / tier / "shards").glob("*.h5"))
    return [h5py.File(shard, "r")["/case-00000/channel-0"] for shard in shards]


def seconds(opener, path, cold):
    """Opening counts where it is cold. Pages that are still mapped cannot be dropped: nothing stays open between turns."""
    taken, opened = [], None
    for _ in range(repeats):
        if cold:
            del opened
            gc.collect()
            drop(path)
            start = time.perf_counter()
            opened = opener()
        else:
            opened = opened or opener()
            start = time.perf_counter()
        read_all(opened)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


shuffle, bits = [blosc2.Filter.SHUFFLE], [blosc2.Filter.BITSHUFFLE]
peers = {
    "Blosc2 LZ4HC, shuffle": b2nd("lz4hc", 32, 128, codec=blosc2.Codec.LZ4HC, clevel=9, filters=shuffle),
    "Blosc2 LZ4, shuffle": b2nd("lz4", 32, 128, codec=blosc2.Codec.LZ4, clevel=5, filters=shuffle),
    "Blosc2 LZ4, bitshuffle": b2nd("lz4bits", 32, 128, codec=blosc2.Codec.LZ4, clevel=5, filters=bits),
    "h5py gzip": hdf5("gzip", 32, compression="gzip", compression_opts=4, shuffle=True),
    "h5py LZ4, bitshuffle": hdf5("bitshuffle", 32, **hdf5plugin.Bitshuffle(cname="lz4")),
    "h5py uncompressed": hdf5("plain", 32),
    "zarr LZ4": zarr_array("zarr", 64),
}
result = {"ours_equal": equal(ours("raw")) and equal(ours("compressed")), "peers": []}
for name, (path, opener) in peers.items():
    one = {"name": name, "equal": equal(opener()), "bytes": size_of(path)}
    gc.collect()
    result["peers"].append(one | {"warm_s": seconds(opener, path, False), "cold_s": seconds(opener, path, True)})
print(json.dumps(result))
