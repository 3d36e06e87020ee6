"""What the tests of unreadable samples share: shards harmed in three ways."""

import os

from progan.data.manifest import Manifest

FAULTS = [("gone", "No such file"), ("cut off", "bytes, not"), ("altered", "altered since it was written")]


def damage(manifest: Manifest, number: int, how: str, resolution: int = 16) -> str:
    """Harm a shard of a local set; its name. Altered is the first sample alone."""
    name = manifest.shards(resolution)[number].name
    shard = manifest.root / name
    if how == "gone":
        shard.unlink()
    elif how == "cut off":
        os.truncate(shard, shard.stat().st_size - 1024)
    else:
        _, offset, size, _ = manifest.read_index(resolution)[first_of(manifest, number, resolution)].tolist()
        with shard.open("r+b") as file:  # in place and at once: it may be read meanwhile
            file.seek(offset + size - 30)
            byte = file.read(1)[0]
            file.seek(offset + size - 30)
            file.write(bytes([byte ^ 1]))
    return name


def first_of(manifest: Manifest, number: int, resolution: int = 16) -> int:
    """The first sample of a shard."""
    return int((manifest.read_index(resolution)[:, 0] == number).argmax())
