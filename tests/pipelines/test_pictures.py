"""Walks and timelapses, as people ask for them, of an untrained system."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from progan_command import progan, refused

from pipelines.measuring import load_network
from pipelines.recorder import Recorder
from progan.distributed.world import World
from progan.engine.settings import OptimConfig
from progan.engine.snapshot import load_snapshot, save_snapshot
from progan.engine.train import Training, start
from progan.metrics.evaluator import Evaluator
from progan.metrics.real_side import RealSet
from progan.rundir import RunDirectory
from progan.sampling.generate import generate
from progan.sampling.grids import save_sheet, tile
from progan.sampling.latents import draw_latents
from progan.sampling.walks import slerp
from progan.schedule import Phase
from progan.settings import Config
from progan.systems.settings.progan import ProganConfig
from progan.systems.table import build
from progan.types import DataSpec, LatentSpace

SYSTEM = ProganConfig(latent_dim=8, maps_base=32, maps_max=8)
CLASSES = ("cat", "dog", "owl")


def _untrained(data: DataSpec, resolution: int) -> Training:
    torch.manual_seed(0)
    return start(build(SYSTEM, data, resolution), OptimConfig())


def _data(*classes: str) -> DataSpec:
    return DataSpec(resolutions=(4, 8, 16), count=64, classes=classes, fingerprint="none")


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of a set without classes, and of one with."""
    folder = tmp_path_factory.mktemp("snapshots")
    made = {"plain": _data(), "labelled": _data(*CLASSES)}
    for name, data in made.items():
        phase = Phase(0, 16, 1.0, 16, 0.001)
        save_snapshot(_untrained(data, 16), SYSTEM, data, phase, folder / f"{name}.safetensors")
    return {name: folder / f"{name}.safetensors" for name in made}


def _cells(path: Path, size: int = 16) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """ROWS x COLUMNS x pixels."""
    sheet = np.asarray(Image.open(path))
    rows, columns = sheet.shape[0] // size, sheet.shape[1] // size
    return sheet.reshape(rows, size, columns, size, 3).swapaxes(1, 2).reshape(rows, columns, -1)


def test_a_picture_has_a_row_for_each_pair_of_anchors(snapshots: dict[str, Path], tmp_path: Path) -> None:
    progan("walk", snapshots["plain"], "--out", tmp_path / "walk.png", "--anchors", 3, "--steps", 5, "--seed", 2)
    cells = _cells(tmp_path / "walk.png")
    assert cells.shape[:2] == (2, 5)
    assert (cells[0, -1] == cells[1, 0]).all()
    system = load_snapshot(snapshots["plain"]).system
    middle = slerp(draw_latents(2, "walk-anchors", 0, 3, system.latents)[1:], 3)[1:2]
    expected = generate(system.generator, middle, torch.tensor([-1]), 16).permute(0, 2, 3, 1).numpy().ravel()
    assert np.abs(cells[1, 2].astype(int) - expected.astype(int)).max() <= 1


def test_a_video_leads_through_all_anchors_and_back(snapshots: dict[str, Path], tmp_path: Path) -> None:
    progan("walk", snapshots["plain"], "--out", tmp_path / "walk.webp", "--kind", "lerp", "--anchors", 3, "--steps", 4)
    with Image.open(tmp_path / "walk.webp") as film:
        assert (film.n_frames, film.size) == (12, (512, 512))
        shown = []
        for place in range(12):
            film.seek(place)
            shown.append(np.asarray(film.convert("RGB")).astype(float))
    around = [np.abs(one - other).mean() for one, other in zip(shown, shown[1:] + shown[:1], strict=True)]
    assert around[-1] < 2 * np.median(around)


def test_a_class_walk_keeps_each_latent_and_changes_the_class(snapshots: dict[str, Path], tmp_path: Path) -> None:
    progan("walk", snapshots["labelled"], "--out", tmp_path / "walk.png", "--kind", "classes", "--anchors", 2)
    cells = _cells(tmp_path / "walk.png")
    assert cells.shape[:2] == (2, len(CLASSES))
    system = load_snapshot(snapshots["labelled"]).system
    latent = draw_latents(0, "walk-anchors", 0, 2, system.latents)[:1]
    for label in range(len(CLASSES)):
        expected = generate(system.generator, latent, torch.tensor([label]), 16).permute(0, 2, 3, 1).numpy().ravel()
        assert np.abs(cells[0, label].astype(int) - expected.astype(int)).max() <= 1
    assert len({cell.tobytes() for cell in cells.reshape(6, -1)}) == 6


def test_a_direction_walk_starts_at_each_anchor_and_a_collinear_one_has_a_single_row(
    snapshots: dict[str, Path], tmp_path: Path
) -> None:
    away = ("--kind", "direction", "--anchors", 3, "--steps", 4)
    progan("walk", snapshots["labelled"], "--out", tmp_path / "away.png", *away)
    assert _cells(tmp_path / "away.png").shape[:2] == (3, 4)
    progan("walk", snapshots["plain"], "--out", tmp_path / "line.png", "--kind", "collinear")
    assert _cells(tmp_path / "line.png").shape[:2] == (1, 10)
    progan(
        "walk", snapshots["plain"], "--out", tmp_path / "away.gif", "--kind", "direction", "--anchors", 3, "--steps", 4
    )
    with Image.open(tmp_path / "away.gif") as film:
        assert (film.n_frames, film.size) == (4, (512, 512))  # 2 x 2 images of 16 px, enlarged


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kind", "spiral"], "--kind spiral: choose one of slerp, lerp, collinear, direction, classes"),
        (["--kind", "classes"], "--kind classes: this snapshot was trained without labels"),
        (["--anchors", 1], "--anchors 1: a slerp walk leads from one to another; give at least 2"),
        (["--out", "walk.avi"], "walk.avi: unknown ending '.avi'; choose one of .png, .webp, .gif, .mp4"),
    ],
)
def test_a_walk_that_cannot_be_made_is_one_line(
    arguments: list[object], message: str, snapshots: dict[str, Path]
) -> None:
    assert message in refused("walk", snapshots["plain"], *arguments)


def test_a_timelapse_shows_all_grids_at_one_size_the_first_and_last_longer(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run")
    for number, resolution in enumerate((4, 4, 8, 16)):
        images = torch.full((8, 3, resolution, resolution), 60 * number + 30, dtype=torch.uint8)
        save_sheet(tile(images, 4), run.sample(1000 * number, resolution))
    progan("timelapse", run.root, "--out", tmp_path / "film.webp", "--fps", 5, "--width", 256)
    with Image.open(tmp_path / "film.webp") as film:
        assert film.width == 256
        shown = []
        for place in range(film.n_frames):
            film.seek(place)
            film.load()
            pixels = np.asarray(film.convert("RGB"))
            shown.append((film.info["duration"], round(pixels[:100, :].mean(), -1)))
    assert shown == [(1000, 30), (200, 90), (200, 150), (3000, 210)]


def test_a_run_without_grids_has_no_timelapse(tmp_path: Path) -> None:
    out = tmp_path / "film.webp"
    assert "no sample grid in this run" in refused("timelapse", tmp_path, "--out", out)
    assert "film.png: unknown ending '.png'" in refused("timelapse", tmp_path, "--out", "film.png")
    assert not list(tmp_path.iterdir())


def _recorder(run: Path, resolution: int) -> Recorder:
    data = DataSpec(resolutions=(resolution,), count=64, classes=(), fingerprint="none")
    config = Config.model_validate({"data": {"path": "nowhere"}, "schedule": {"resolution": resolution}})
    evaluator = Evaluator(
        [], RealSet(lambda *_: torch.empty(0), 0, "none"), 0, "cpu", lambda: load_network(config.evaluation)
    )
    return Recorder(config, RunDirectory(run), data, _untrained(data, resolution), evaluator, World())


def test_a_snapshot_comes_with_a_strip_that_passes_the_fixed_anchors(tmp_path: Path) -> None:
    recorder = _recorder(tmp_path, 16)
    recorder.write_state(Phase(0, 16, 1.0, 16, 0.001))
    (cells,) = _cells(RunDirectory(tmp_path).walk(0, 16))
    anchors = draw_latents(recorder.config.seed, "walk-anchors", 0, 4, LatentSpace(8))
    expected = generate(recorder.training.average, anchors, torch.full((4,), -1), 16).permute(0, 2, 3, 1).flatten(1)
    assert len(cells) == 10
    assert np.abs(cells[::3].astype(int) - expected.numpy().astype(int)).max() <= 1


def test_a_strip_is_at_most_2048_pixels_wide(tmp_path: Path) -> None:
    _recorder(tmp_path, 256).write_state(Phase(0, 256, 1.0, 16, 0.001))
    assert Image.open(RunDirectory(tmp_path).walk(0, 256)).size == (2048, 205)


def test_a_grid_shows_the_resolution_it_is_named_after_before_the_first_image_too(tmp_path: Path) -> None:
    _recorder(tmp_path, 16).write_samples(Phase(0, 4, 1.0, 16, 0.001))
    assert Image.open(RunDirectory(tmp_path).sample(0, 4)).size == (16 * 4, 8 * 4)
