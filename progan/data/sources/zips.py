"""Zip archives: members are read by offset, so that workers need not hold a directory of perhaps 200,000 names."""

import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from progan.data.images import BadImage
from progan.data.sources.base import Entry, container, reading
from progan.types import DataError

_LOCAL_HEADER = 30  # bytes of a member's own header, before its name
_MAX_BYTES = 2**30  # of one unpacked member: more is a decompression bomb or a mistake


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """DataError for a damaged one."""
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        raise DataError(f"{path}: not a readable zip ({error}); get the file again") from error


def entries(path: Path, wanted: Callable[[str], bool]) -> list[Entry]:
    """The members whose names are wanted, by name. Their places: header's offset, packed bytes, method, CRC-32."""
    found: dict[str, Entry] = {}
    with opened(path) as archive:
        members = archive.infolist()
        archive.NameToInfo.clear()
        while members:  # the directory's objects weigh more than the entries: one goes as the other comes
            member = members.pop()
            if wanted(member.filename) and member.filename not in found:  # of two with one name the last counts
                found[member.filename] = _entry(path, member)
    return [found.pop(name) for name in sorted(found)]


def first_member(path: Path) -> str | None:
    """The name of the first file or folder in a zip, without reading its directory; None for no zip."""
    with container(path) as file:
        header = file.read(_LOCAL_HEADER)
        name = file.read(int.from_bytes(header[26:28], "little"))
    return name.decode("utf-8", "replace") if header.startswith(b"PK\3\4") else None


def read(path: Path, entry: Entry) -> bytes:
    """A member unpacked. BadImage for a damaged one."""
    offset, size, method, checksum = entry.place
    with container(path) as file, reading():
        file.seek(offset)
        header = file.read(_LOCAL_HEADER)
        file.seek(int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), os.SEEK_CUR)
        data = file.read(size)
    if method == zipfile.ZIP_DEFLATED:
        data = _inflated(data)
    if zlib.crc32(data) != checksum:
        raise BadImage("damaged in the zip: wrong checksum")
    return data


def _entry(path: Path, member: zipfile.ZipInfo) -> Entry:
    if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{path}: {member.filename} is encrypted or packed in a rare way; unpack it to a folder")
    return Entry(member.filename, place=(member.header_offset, member.compress_size, member.compress_type, member.CRC))


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        whole = inflater.decompress(data, _MAX_BYTES)
    except zlib.error as error:
        raise BadImage(f"damaged in the zip: {error}") from error
    if inflater.unconsumed_tail:
        raise BadImage(f"too large: more than {_MAX_BYTES >> 20} MiB unpacked")
    return whole
