import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from progan.data.reading import shared
from progan.data.reading.shared import SharedBytes
from progan.types import ConfigError

USER = """
import sys, time
from pathlib import Path
from progan.data.reading import shared
shared.SHARED_MEMORY = Path(sys.argv[1])
memory = shared.SharedBytes("a", 10)
memory.array[3] += 5
print(memory.array[3], flush=True)
if sys.argv[2] == "stay":
    time.sleep(60)
"""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stands for shared memory; in it where there is any."""
    where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where) as name:
        monkeypatch.setattr(shared, "SHARED_MEMORY", Path(name))
        yield Path(name)


def user(folder: Path, how: str) -> "subprocess.Popen[str]":
    """Another process that adds 5 to byte 3 of "a" and says what it is then."""
    command = [sys.executable, "-c", USER, str(folder), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


def said(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def test_processes_share_bytes_that_are_gone_with_the_last(folder: Path) -> None:
    memory = SharedBytes("a", 10)
    assert memory.array.tolist() == [0] * 10
    memory.array[3] = 2
    with user(folder, "leave") as other:
        assert said(other) == 7
    assert memory.array[3] == 7
    (path,) = folder.iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    memory.close()
    assert not list(folder.iterdir())


def test_one_name_is_one_memory_and_another_another(folder: Path) -> None:
    one, same, other = SharedBytes("a", 10), SharedBytes("a", 10), SharedBytes("b", 10)
    one.array[0] = 1
    assert (same.array[0], other.array[0]) == (1, 0)
    one.close()
    assert same.array[0] == 1
    assert len(list(folder.iterdir())) == 2
    same.close()
    other.close()
    assert not list(folder.iterdir())


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_is_used_is_not(folder: Path) -> None:
    with user(folder, "stay") as killed:
        assert said(killed) == 5
        SharedBytes("b", 10).close()
        assert len(list(folder.iterdir())) == 1
        killed.send_signal(signal.SIGKILL)
    assert len(list(folder.iterdir())) == 1
    SharedBytes("b", 10).close()
    assert not list(folder.iterdir())


def test_memory_that_is_dropped_without_being_closed_is_removed(folder: Path) -> None:
    memory = SharedBytes("a", 10)
    array = memory.array
    del memory
    gc.collect()
    assert not list(folder.iterdir())
    assert array.tolist() == [0] * 10


def test_too_little_shared_memory_is_said_in_one_line(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.resident_gb: .* GiB .* free\).*--shm-size=\d+g"):
        SharedBytes("a", 2**60)
    assert not list(folder.iterdir())


def test_a_node_without_shared_memory_is_said_in_one_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "SHARED_MEMORY", folder / "nowhere")
    with pytest.raises(ConfigError, match=r"data\.resident_gb: .*No such file"):
        SharedBytes("a", 10)


def test_a_link_laid_in_its_place_is_not_followed(folder: Path, tmp_path: Path) -> None:
    victim = tmp_path / "file"
    victim.write_bytes(b"kept")
    (folder / f"progan-1-{os.getuid()}-a").symlink_to(victim)
    with pytest.raises(ConfigError, match=r"data\.resident_gb"):
        SharedBytes("a", 10)
    assert victim.read_bytes() == b"kept"
