"""Compare the data stage with plain Pillow, a torch DataLoader over image files, and plain webdataset.

    python benchmarks/data.py small     # 32 and 64 px against a DataLoader over a folder of JPEG files
    python benchmarks/data.py large     # 256 and 1024 px against Pillow's decode rate and against webdataset
    python benchmarks/data.py prepare   # `progan prepare` against decode, resize and encode measured alone
    python benchmarks/data.py memory    # of the writing process of `progan prepare`, by the number of pictures
    python benchmarks/data.py start DIR # the first batch of a prepared set in a new process, and its memory

Pictures are painted faces, or those of --source (a folder or zip). The rivals take turns inside one run, several times,
and ratios are medians over the turns: compare only figures of one quiet run.
"""

import argparse
import io
import os
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from progan.data.codec import encode
from progan.data.cores import cores
from progan.data.images import pyramid
from progan.data.loader import Loader
from progan.data.manifest import Manifest
from progan.data.reals import to_reals
from progan.data.settings import DataConfig
from progan.data.sources import SourceOptions, open_source
from progan.data.synthetic import draw_face

Batches = Iterator[Tensor]

_PAUSE = 1.0  # seconds between turns: the rival before is still filling its queue
_AHEAD = 6  # batches that lie ready in the queue of any rival


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=[*WORK])
    parser.add_argument("set", nargs="?", type=Path, help="prepared set, for start")
    parser.add_argument("--source", help="pictures to use instead of painted faces")
    parser.add_argument("--count", type=int, default=2000, help="pictures of small, prepare and memory")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of a turn")
    arguments = parser.parse_args()
    print(f"torch {torch.__version__}, {cores()} cores, {vars(arguments)}", flush=True)
    with TemporaryDirectory() as folder:
        WORK[arguments.what](arguments, Path(folder))


# --- small resolutions ---------------------------------------------------------------------------------------------


class PictureFolder(Dataset[Tensor]):
    """How the public trainers read faces: open, centre crop, resize, scale to [-1, 1], mirror at random."""

    def __init__(self, folder: Path, resolution: int) -> None:
        self._paths = sorted(folder.iterdir())
        self._resolution = resolution

    def __len__(self) -> int:
        return len(self._paths)

    def __getitem__(self, index: int) -> Tensor:
        with Image.open(self._paths[index]) as opened:
            image = opened.convert("RGB")
        side = min(image.size) * 128 // 178
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
        image = image.resize((self._resolution, self._resolution), Image.Resampling.BILINEAR)
        if np.random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def small(arguments: argparse.Namespace, folder: Path) -> None:
    pictures = folder / "pictures"
    _write_jpegs(arguments, pictures)
    _progan("prepare", pictures, "--out", folder / "set", "--resolution", 64)
    manifest = Manifest.load(folder / "set")
    for resolution in (32, 64):
        files = DataLoader(
            PictureFolder(pictures, resolution),
            64,
            shuffle=True,
            num_workers=2,
            drop_last=True,
            persistent_workers=True,
        )
        rivals = {
            "DataLoader": _endless(files),
            "progan, held in memory": _ours(manifest, resolution, 64),
            "progan, read from the shards": _ours(manifest, resolution, 64, resident_gb=0),
        }
        _compare(f"{resolution} px, batches of 64 in [-1, 1]", rivals, "DataLoader", arguments)


def _write_jpegs(arguments: argparse.Namespace, folder: Path) -> None:
    """JPEG files of 178 x 218 px, as the aligned CelebA faces are."""
    folder.mkdir()
    if arguments.source:
        source = open_source(arguments.source, SourceOptions())
        images = (Image.fromarray(source.load(entry).pixels) for entry in source.entries[: arguments.count])
    else:
        images = (_portrait(number) for number in range(arguments.count))
    for number, image in enumerate(images):
        image.save(folder / f"{number:06d}.jpg", quality=95)


def _portrait(number: int) -> Image.Image:
    return Image.fromarray(draw_face(0, number, 256).image).crop((39, 19, 217, 237))


# --- large resolutions ---------------------------------------------------------------------------------------------


def large(arguments: argparse.Namespace, folder: Path) -> None:
    for resolution, count, batch in ((256, 192, 64), (1024, 24, 8)):
        pictures = folder / f"pictures-{resolution}"
        _write_pngs(arguments, pictures, resolution, count)
        for codec in ("png", "webp", "jpeg95"):
            out = folder / f"{codec}-{resolution}"
            _progan("prepare", pictures, "--out", out, "--resolution", resolution, "--codec", codec, "--shard-mb", 4)
            manifest = Manifest.load(out)
            rivals = {
                f"Pillow, {cores()} threads": _pillow(manifest, resolution, batch),
                f"webdataset uint8, {cores()} workers": _webdataset(manifest, resolution, batch, "rgb8"),
                f"webdataset float, {cores()} workers": _webdataset(manifest, resolution, batch, "torchrgb"),
                "progan uint8": _ours_stored(manifest, resolution, batch),
                "progan float": _ours(manifest, resolution, batch, resident_gb=0),
            }
            size = manifest.files(resolution).bytes / manifest.count / 1e3
            title = f"{codec}, {resolution} px, {size:.0f} kB a sample, batches of {batch}"
            _compare(title, rivals, "progan uint8", arguments)


def _write_pngs(arguments: argparse.Namespace, folder: Path, resolution: int, count: int) -> None:
    folder.mkdir()
    if arguments.source:
        source = open_source(arguments.source, SourceOptions(resolution))
        images = [_square(source, entry, resolution) for entry in source.entries[:count]]
    else:
        images = [draw_face(0, number, resolution).image for number in range(count)]
    for number, pixels in enumerate(images):
        Image.fromarray(pixels).save(folder / f"{number:06d}.png", compress_level=1)


def _square(source: Any, entry: Any, resolution: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return pyramid(source.frame(entry, source.load(entry).pixels, resolution), resolution)[resolution]


def _pillow(manifest: Manifest, resolution: int, batch: int) -> Batches:
    """Nothing but decoding samples that lie in memory, in as many threads as there are cores."""
    samples = list(_samples(manifest, resolution))
    with ThreadPoolExecutor(cores()) as threads:
        while True:
            for start in range(0, max(1, len(samples) - batch + 1), batch):
                decoded = list(threads.map(_decode, samples[start : start + batch]))
                yield torch.empty(len(decoded), 0)


def _samples(manifest: Manifest, resolution: int) -> Iterator[bytes]:
    for shard in manifest.shards(resolution):
        with tarfile.open(manifest.root / shard.name) as tar:
            yield from (tar.extractfile(member).read() for member in tar)  # type: ignore[union-attr]


def _decode(data: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.asarray(Image.open(io.BytesIO(data)))


def _webdataset(manifest: Manifest, resolution: int, batch: int, decoder: str) -> Batches:
    import webdataset

    urls = [str(manifest.root / shard.name) for shard in manifest.shards(resolution)]
    extension = {"png": "png", "webp": "webp"}.get(manifest.files(resolution).encoding, "jpg")
    samples = webdataset.WebDataset(urls, resampled=True, shardshuffle=False).shuffle(100)
    samples = samples.decode(decoder).to_tuple(extension)
    return _endless(DataLoader(samples, batch, num_workers=cores()))


# --- prepare -------------------------------------------------------------------------------------------------------


def prepare(arguments: argparse.Namespace, folder: Path) -> None:
    """Wall time, share of the cores and memory of the command, and its parts measured alone in one thread."""
    pictures = folder / "pictures"
    _write_jpegs(arguments, pictures)
    source = open_source(str(pictures), SourceOptions(64))
    entries = source.entries
    for turn in range(arguments.turns):
        decode, raws = _timed(lambda: [source.load(entry).pixels for entry in entries])
        resize, levels = _timed(partial(_pyramids, source, raws))
        code, _ = _timed(partial(_encoded, levels))
        alone = decode + resize + code
        print(f"{len(entries)} pictures alone: decode {decode:.2f} s, resize {resize:.2f} s, encode {code:.2f} s")
        out, before = folder / f"set-{turn}", _busy_seconds()
        # Coded at every size: raw samples would leave little to encode.
        command = ("prepare", pictures, "--out", out, "--resolution", 64, "--raw-up-to", 0)
        wall, _ = _timed(lambda command=command: _progan(*command))  # type: ignore[misc]
        used = _busy_seconds() - before
        print(
            f"progan prepare: {wall:.2f} s, {used / wall / cores():.0%} of the machine's cores busy, "
            f"{wall / alone:.2f} of the parts' sum, {wall * cores() / alone:.2f} of it shared by {cores()} cores",
            flush=True,
        )


def _pyramids(source: Any, raws: list[Any]) -> list[dict[int, Any]]:
    return [pyramid(source.frame(e, raw, 64), 64) for e, raw in zip(source.entries, raws, strict=True)]


def _encoded(levels: list[dict[int, Any]]) -> list[bytes]:
    return [encode(pixels, "png") for level in levels for pixels in level.values()]


def _busy_seconds() -> float:
    """Of all processors since the machine started: workers are not this process's children."""
    user, nice, system = map(int, Path("/proc/stat").read_text().split()[1:4])
    return (user + nice + system) / os.sysconf("SC_CLK_TCK")


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


# --- memory --------------------------------------------------------------------------------------------------------


def memory(arguments: argparse.Namespace, folder: Path) -> None:
    """Of painted faces and, where pictures are given, of those: at most, with few and with ten times as many."""
    for source in filter(None, ("synthetic", arguments.source)):
        for count in (arguments.count, 10 * arguments.count):
            command = ["prepare", source, "--out", folder / f"{Path(source).stem}-{count}", "--limit", count]
            command += ["--resolution", 8, "--keep-duplicates"]
            shown = subprocess.run([sys.executable, "-c", _MEMORY, *map(str, command)], check=True, capture_output=True)
            print(f"{source}, {count} pictures: {int(shown.stdout.split()[-1]) / 1024:.1f} MiB at most", flush=True)


_MEMORY = """
import atexit, re
from pipelines.__main__ import main
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]))
main()
"""


# --- start ---------------------------------------------------------------------------------------------------------


def start(arguments: argparse.Namespace, folder: Path) -> None:
    """Times from opening the set to its first batch, at each resolution, each in a process of its own."""
    for resolution in Manifest.load(arguments.set).resolutions:
        subprocess.run([sys.executable, "-c", _START, str(arguments.set), str(resolution)], check=True)


_START = """
import resource, sys, time
process = time.perf_counter() - time.process_time()
from pathlib import Path
from progan.data.loader import Loader
from progan.data.settings import DataConfig
from progan.data.cores import cores
from progan.data.manifest import Manifest
opened = time.perf_counter()
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
path, resolution = sys.argv[1], int(sys.argv[2])
manifest = Manifest.load(Path(path))
loader = Loader(manifest, DataConfig(path=path), 0)
loader.batch(resolution, 0, 64)
first = time.perf_counter()
for position in range(64, 64 * 200, 64):
    loader.batch(resolution, position, 64)
more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
print(f"{manifest.count} samples, {resolution} px: first batch {first - opened:.2f} s after opening the set,"
      f" {first - process:.2f} s after the start of Python; {more / 1024:.0f} MiB more after 200 batches", flush=True)
loader.close()
"""


# --- shared --------------------------------------------------------------------------------------------------------


def _ours(manifest: Manifest, resolution: int, batch: int, resident_gb: float = 2.0) -> Batches:
    return map(to_reals, _ours_stored(manifest, resolution, batch, resident_gb))


def _ours_stored(manifest: Manifest, resolution: int, batch: int, resident_gb: float = 0.0) -> Batches:
    loader = Loader(manifest, DataConfig(path=str(manifest.root), resident_gb=resident_gb), seed=0)
    position = 0
    while True:
        yield loader.batch(resolution, position, batch).images
        position += batch


def _endless(batches: DataLoader[Any]) -> Batches:
    for _ in cycle([None]):
        yield from (batch[0] if isinstance(batch, list) else batch for batch in batches)


def _compare(title: str, rivals: dict[str, Batches], base: str, arguments: argparse.Namespace) -> None:
    """Images a second of each rival in turns, and the median over the turns of each one's ratio to `base`."""
    for batches in rivals.values():
        for _ in range(3):  # workers start, files enter the page cache
            next(batches)
    rates: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(arguments.turns):
        for name, batches in rivals.items():
            rates[name].append(_rate(batches, arguments.seconds))
    print(title)
    for name, values in rates.items():
        ratio = statistics.median(value / other for value, other in zip(values, rates[base], strict=True))
        print(f"  {name:30} {statistics.median(values):12,.0f} images/s   {ratio:8.2f} of {base}", flush=True)


def _rate(batches: Batches, seconds: float) -> float:
    time.sleep(_PAUSE)
    for _ in range(_AHEAD):
        next(batches)
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        images += len(next(batches))
    return images / (time.perf_counter() - began)


def _progan(*arguments: object) -> Sequence[str]:
    command = [sys.executable, "-m", "pipelines", *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True)
    return command


WORK = {"small": small, "large": large, "prepare": prepare, "memory": memory, "start": start}


if __name__ == "__main__":
    main()
