import contextlib
import errno
import json
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from progan.files import append_jsonl, atomic_path, keep_jsonl, read_jsonl, write_text
from progan.rundir import RunDirectory, Status, resolution_of, seen_by
from progan.tensorfile import load_tensors, save_tensors
from progan.types import Damaged, DataError

ROOT = Path(__file__).parents[1]


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "file"
    write_text(target, "old")
    with contextlib.suppress(RuntimeError), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_line_broken_by_a_killed_writer_is_left_out_and_written_over(tmp_path: Path) -> None:
    path = tmp_path / "stats.jsonl"
    append_jsonl(path, {"a": 1})
    with path.open("a") as file:
        file.write('{"a": 2, "b')
    assert read_jsonl(path) == [{"a": 1}]
    append_jsonl(path, {"a": 3})
    assert read_jsonl(path) == [{"a": 1}, {"a": 3}]


def test_lines_of_several_processes_survive_one_that_rewrites_the_file(tmp_path: Path) -> None:
    path, lines = tmp_path / "metrics.jsonl", 300
    code = "import sys; from pathlib import Path; from progan.files import append_jsonl\n"
    code += f"for i in range({lines}): append_jsonl(Path({str(path)!r}), {{'who': sys.argv[1], 'i': i}})"
    writers = [subprocess.Popen([sys.executable, "-c", code, who], cwd=ROOT) for who in "ab"]
    while any(writer.poll() is None for writer in writers):
        keep_jsonl(path, lambda record: True)
        time.sleep(0.002)  # a rewriter that never rests may keep the others waiting for minutes
    assert [writer.returncode for writer in writers] == [0, 0]
    for who in "ab":
        assert [record["i"] for record in read_jsonl(path) if record["who"] == who] == list(range(lines))


def test_a_file_is_as_readable_as_the_user_wants(tmp_path: Path) -> None:
    """Also where a library made it for its owner alone."""
    with atomic_path(tmp_path / "written") as temporary:
        temporary.touch(mode=0o600)
    (tmp_path / "plain").touch()
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_full_disk_is_told_with_the_file_that_was_written(tmp_path: Path) -> None:
    def fill() -> None:
        with atomic_path(tmp_path / "file") as temporary:
            temporary.touch()
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space") as error:
        fill()
    assert error.value.filename == str(tmp_path / "file")
    assert not list(tmp_path.iterdir())


def test_a_record_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        append_jsonl(tmp_path / "x", {"a": float("nan")})


def test_rewind_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    for seen in (100, 200, 300):
        run.append_stats({"images_seen": seen})
        run.append_metric({"images_seen": seen, "metric": "x"})
        run.append_classification({"images_seen": seen})
        run.append_warning({"images_seen": seen, "finding": "x"})
        neighbours = run.neighbours_picture(seen, "pixels"), run.neighbours_facts(seen)
        written = run.sample(seen, 4), run.walk(seen, 4), run.snapshot(seen), run.checkpoint(seen), *neighbours
        for path in written:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
    run.rewind(200)
    assert [record["images_seen"] for record in run.read_stats()] == [100, 200]
    assert [record["images_seen"] for record in run.read_metrics()] == [100, 200]
    assert [record["images_seen"] for record in run.read_classifications()] == [100, 200]
    assert [record["images_seen"] for record in run.read_warnings()] == [100, 200]
    assert run.samples() == [run.sample(100, 4), run.sample(200, 4)]
    assert run.walks() == [run.walk(100, 4), run.walk(200, 4)]
    assert run.checkpoints() == [run.checkpoint(100), run.checkpoint(200)]
    assert run.snapshots() == [run.snapshot(100), run.snapshot(200)]
    assert run.neighbours_pictures() == [run.neighbours_picture(seen, "pixels") for seen in (100, 200)]
    assert run.all_neighbours_facts() == [run.neighbours_facts(100), run.neighbours_facts(200)]


def test_two_writers_with_the_same_process_number_keep_apart(tmp_path: Path) -> None:
    """As the first processes of two containers have."""
    path = tmp_path / "file"
    with atomic_path(path) as one, atomic_path(path) as other:
        one.write_text("whole")
        other.write_text("half")
        assert one.read_text() == "whole"
    assert path.read_text() in ("whole", "half")
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_the_user_are_neither_taken_for_the_run_s_nor_removed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    own = [run.checkpoint(100), run.snapshot(100), run.sample(100, 4), run.walk(100, 4)]
    half = [run.checkpoint(200).with_name(".000000200.safetensors.123.tmp")]
    names = ("checkpoints/000000200-keep.safetensors", "snapshots/0_best.safetensors", "samples/best.png")
    others = [run.root / name for name in (*names, "walks/._000000200-0004px.png")]
    for path in (*own, *half, *others):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert [*run.checkpoints(), *run.snapshots(), *run.samples(), *run.walks()] == own
    run.rewind(50)
    assert [path for path in (*own, *half, *others) if path.exists()] == others


def test_the_status_tells_of_the_newest_checkpoint(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_status(Status("running", 0, 1000))
    assert run.read_status().images_seen == 0
    run.checkpoint(400).parent.mkdir()
    run.checkpoint(400).write_bytes(b"")
    assert run.read_status().images_seen == 400


@pytest.mark.parametrize("text", ["", "{}", '{"state": 1, "else": 2}'])
def test_a_broken_status_is_named(tmp_path: Path, text: str) -> None:
    run = RunDirectory(tmp_path)
    run.status.write_text(text)
    with pytest.raises(DataError, match=r"status\.json"):
        run.read_status()


def test_tensors_that_changed_on_the_disk_are_refused(tmp_path: Path) -> None:
    path, tensors = tmp_path / "x.safetensors", {"a": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(3.0)}
    save_tensors(path, "kind 1", tensors, {"images_seen": 5})
    found, facts = load_tensors(path, "kind 1")
    assert facts == {"format": "kind 1", "images_seen": 5}
    assert all(torch.equal(found[name], tensor) for name, tensor in tensors.items())
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load_tensors(path, "kind 1")


def test_the_name_of_a_grid_or_a_strip_says_when_it_was_made_and_how_large(tmp_path: Path) -> None:
    for name in (RunDirectory(tmp_path).sample, RunDirectory(tmp_path).walk):
        for seen, resolution in ((0, 4), (123_456_789, 1024), (5000, 128)):
            assert (seen_by(name(seen, resolution)), resolution_of(name(seen, resolution))) == (seen, resolution)


def test_two_trainings_cannot_hold_one_run(tmp_path: Path) -> None:
    with (
        RunDirectory(tmp_path).locked(),
        pytest.raises(DataError, match="another process"),
        RunDirectory(tmp_path).locked(),
    ):
        pass
    with RunDirectory(tmp_path).locked():
        pass


def test_a_directory_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a run directory"):
        RunDirectory(tmp_path).read_config()


def test_facts_are_plain_json(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_facts({"phases": []})
    assert json.loads(run.facts.read_text()) == run.read_facts() == {"phases": []}


def test_whoever_waits_for_a_reserved_name_shows_that_it_lives(tmp_path: Path) -> None:
    directory, signs = RunDirectory(tmp_path), []
    with ExitStack() as first:
        assert first.enter_context(directory.reserved("a snapshot"))
        with directory.reserved("a snapshot") as mine:
            assert not mine

        def waiting() -> None:
            signs.append("alive")
            first.close()

        with directory.reserved("a snapshot", waiting) as mine:
            assert mine
    assert signs == ["alive"]


def test_a_run_that_is_moved_while_it_is_held_is_told(tmp_path: Path) -> None:
    directory = RunDirectory(tmp_path / "run")
    with directory.locked() as require_in_place:
        require_in_place()
        directory.root.rename(tmp_path / "moved")
        for _ in range(2):
            with pytest.raises(DataError, match=r"was moved or removed meanwhile; give --run its new place to go on$"):
                require_in_place()
            directory.root.mkdir(exist_ok=True)  # another run is in its place


def test_facts_of_a_file_of_tensors_are_under_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_tensors(path, "state 1", {"a": torch.ones(3)}, {"images_seen": 2048, "sizes": (4, 8), "limits": {8: 1, 16: 2}})
    assert load_tensors(path, "state 1")[1]["images_seen"] == 2048
    path.write_bytes(path.read_bytes().replace(b"2048", b"1048"))
    with pytest.raises(Damaged, match="damaged: its contents do not have the checksum they were written with"):
        load_tensors(path, "state 1")
    path.write_bytes(path.read_bytes().replace(b"1048", b"1x48"))
    with pytest.raises(Damaged, match="not a readable state 1"):
        load_tensors(path, "state 1")
