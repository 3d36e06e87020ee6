"""Runs whose files are damaged or do not belong together: what is wrong is named, and nothing is lost."""

import shutil
from pathlib import Path

import pytest
from progan_command import progan, refused
from tiny_run import last, metric_values, train

from progan.rundir import RunDirectory


def test_a_refused_command_changes_nothing_in_the_run(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    assert "optim.beta2 was 0.99, now 0.5" in refused("train", config, "--run", copy.root, "optim.beta2=0.5")
    assert copy.read_status() == RunDirectory(run).read_status()
    shutil.rmtree(copy.root / "checkpoints")
    for snapshot in copy.snapshots()[:-1]:
        snapshot.unlink()
    line = refused("train", config, "--run", copy.root)
    assert "holds 1 snapshots and no checkpoint, though there was one; restore it" in line
    assert copy.snapshots()[0].read_bytes() == RunDirectory(run).snapshots()[-1].read_bytes()
    assert copy.read_metrics() == RunDirectory(run).read_metrics()
    assert copy.read_stats() == RunDirectory(run).read_stats()


def test_a_run_without_its_settings_does_not_go_on(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    copy.config.unlink()
    line = refused("train", config, "--run", copy.root, "seed=8")
    assert f"{copy.root}: config.yaml is missing, and there is stats.jsonl; restore it, or give another --run" in line
    assert not copy.config.exists()
    assert copy.checkpoints()[-1].read_bytes() == last(run).read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        *("samples/000000100-0016px.png", "walks/000000100-0016px.png", "neighbours/000000100.json"),
        *("snapshots/000000100.safetensors", "stats.jsonl", "facts.json"),
    ],
)
def test_files_of_the_user_s_that_lie_where_training_would_write_are_left_alone(
    name: str, config: Path, tmp_path: Path
) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text('{"loss": 1}\n')
    line = refused("train", config, "--run", tmp_path)
    assert f"{tmp_path}: config.yaml is missing, and there is {name}; restore it, or give another --run" in line
    assert {path.name for path in tmp_path.iterdir()} <= {".lock", Path(name).parts[0]}
    assert (tmp_path / name).read_text() == '{"loss": 1}\n'


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_a_damaged_one(
    config: Path, run: Path, tmp_path: Path
) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    newest = copy.checkpoints()[-1]
    newest.unlink()
    newest.mkdir()  # root may read any file, but no folder
    assert refused("train", config, "--run", copy.root) == (
        f"error: {newest}: not a readable progan checkpoint 1 (Is a directory)\n"
    )
    assert len(copy.snapshots()) == len(RunDirectory(run).snapshots())


def test_a_run_is_a_folder(config: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is no folder; choose another name" in refused("train", config, "--run", tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_a_damaged_checkpoint_is_told_and_the_one_before_taken(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    newest = copy.checkpoints()[-1]
    content = bytearray(newest.read_bytes())
    content[-100] ^= 16
    newest.write_bytes(content)
    said = train(config, copy.root).out
    assert f"warning: {newest}: damaged" in said
    assert newest.read_bytes() == last(run).read_bytes()


@pytest.mark.parametrize(
    ("name", "contents", "commands"),
    [
        ("config.yaml", ["seed: [", "- 1", "seed: nine", "\xff"], ["train", "evaluate", "neighbours"]),
        ("facts.json", ["{", "[]", "{}"], ["train"]),
        ("stats.jsonl", ["{]\n", "7\n", "{}\n"], ["train", "report"]),
        ("metrics.jsonl", ["{]\n", "7\n", "{}\n"], ["train", "evaluate", "report", "best"]),
        (
            "status.json",
            ["[]", '{"state": "lost"}', '{"state": "finished", "images_seen": "all"}'],
            ["status", "report"],
        ),
    ],
)
def test_a_damaged_file_of_a_run_is_named_and_nothing_is_lost(
    config: Path, run: Path, tmp_path: Path, name: str, contents: list[str], commands: list[str]
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    arguments = {"train": (config, "--run", copy)}
    for content in contents:
        (copy / name).write_text(content, encoding="latin-1")
        before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
        for command in commands:
            assert str(copy / name) in refused(command, *arguments.get(command, (copy,)))
            assert {path: path.read_bytes() for path in before} == before


def test_a_run_is_not_measured_against_other_images(config: Path, run: Path, tmp_path: Path) -> None:
    copy = RunDirectory(tmp_path / "copy")
    shutil.copytree(run, copy.root)
    size = ("--resolution", 16, "--limit", 1100, "--workers", 1)
    progan("prepare", "synthetic", "--out", tmp_path / "other", *size, "--seed", 9)
    settings = copy.read_config()
    copy.write_config(settings | {"data": settings["data"] | {"path": str(tmp_path / "other")}})
    assert "other: not the images that" in refused("evaluate", copy.root, "energy1k")
    assert metric_values(copy.root) == metric_values(run)
