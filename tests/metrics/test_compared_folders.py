"""Folders of pictures against torch_fidelity.calculate_metrics, given the same folders."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from progan_command import progan
from test_fidelity import registered, small_network, torch_fidelity

from pipelines.pair import Pair
from pipelines.sides import open_side
from progan.distributed.world import World
from progan.metrics import MetricSpec, describe
from progan.metrics.gathering import silent
from progan.metrics.weights import load_weights


def write_noise(folder: Path, count: int, seed: int, size: tuple[int, int], brightest: int = 256) -> Path:
    """PNG and JPEG by turns, written in no order."""
    folder.mkdir()
    draws = np.random.default_rng(seed)
    for number in draws.permutation(count).tolist():
        pixels = draws.integers(0, brightest, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.{('png', 'jpg')[number % 2]}")
    return folder


def measured(generated: Path, real: Path, metrics: list[str | MetricSpec]) -> dict[str, dict[str, Any]]:
    with ExitStack() as open_:
        sides = [open_side(str(path), World(), open_) for path in (generated, real)]
        pair = Pair(*sides, sides[0].sizes[0])
        specs = pair.measurable([pair.spec(name) if isinstance(name, str) else name for name in metrics])
        records = pair.measure(specs, small_network, None, World(), silent)
    return {record["metric"]: record for record in records}


def theirs(generated: Path, real: Path, **options: Any) -> dict[str, float]:
    found: dict[str, float] = torch_fidelity("metrics").calculate_metrics(
        input1=str(generated),
        input2=str(real),
        cuda=False,
        cache=False,
        save_cpu_ram=True,
        verbose=False,
        **options,
    )
    return found


def test_all_images_of_two_folders_give_the_values_of_torch_fidelity(tmp_path: Path) -> None:
    generated = write_noise(tmp_path / "generated", 70, 0, (40, 28), brightest=250)
    real = write_noise(tmp_path / "real", 90, 1, (40, 28))
    found = measured(generated, real, ["fid", "is", "pr"])
    expected = theirs(generated, real, fid=True, isc=True, prc=True, feature_extractor=registered())
    assert {name: record["value"] for name, record in found.items()} == {
        "fid70:90": expected["frechet_inception_distance"],
        "is70:90": expected["inception_score_mean"],
        "precision70:90": expected["precision"],
        "recall70:90": expected["recall"],
    }
    # The order tells: the Inception score is that of ten parts.
    assert found["is70:90"]["provenance"]["generated"]["order"] == "by name"
    (mixed,) = measured(generated, real, [MetricSpec("is", 70, "is70")]).values()
    assert mixed["provenance"]["generated"]["order"] == "shuffled 0"
    assert mixed["value"] != expected["inception_score_mean"]


def test_the_command_takes_a_weights_file_and_names_results_after_it(
    unpublished_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.compare.CACHE", None)
    generated = write_noise(tmp_path / "generated", 5, 0, (16, 16), brightest=200)
    real, out = write_noise(tmp_path / "real", 6, 1, (16, 16)), tmp_path / "out.json"
    progan("compare", generated, real, "pr", "--weights", unpublished_weights, "--json", out)
    sha256 = load_weights(unpublished_weights).sha256
    records = json.loads(out.read_text())
    assert [record["metric"] for record in records] == [f"precision5:6-{sha256[:8]}", f"recall5:6-{sha256[:8]}"]
    assert {record["provenance"]["weights_sha256"] for record in records} == {sha256}
    assert all("not comparable" in describe(record["metric"]).title for record in records)


def test_a_part_of_a_sorted_folder_is_like_the_whole(tmp_path: Path) -> None:
    dark = write_noise(tmp_path / "dark", 40, 0, (16, 16), brightest=100)
    real = write_noise(tmp_path / "real", 40, 1, (16, 16), brightest=100)
    for number, path in enumerate(sorted(write_noise(tmp_path / "bright", 40, 2, (16, 16)).iterdir())):
        path.rename(real / f"z{number}{path.suffix}")
    (record,) = measured(dark, real, [MetricSpec("energy", 40, "energy40")]).values()
    assert record["provenance"]["floor_note"] == "the first 40 real images against the next 40"
    assert record["value"] > 4 * record["floor"]  # by name the first 40 would be dark too, and the next 40 bright
    (record,) = measured(real, dark, [MetricSpec("energy", 40, "energy40")]).values()
    assert record["floor"] is None


def test_a_folder_against_itself_is_at_no_distance(tmp_path: Path) -> None:
    folder = write_noise(tmp_path / "folder", 24, 0, (16, 16))
    found = measured(folder, folder, ["energy", "modes", "pr"])
    assert found["energy24:24"]["value"] == found["ndb24:24"]["value"] == 0
    assert found["precision24:24"]["value"] == found["recall24:24"]["value"] == 1
    facts = found["energy24:24"]["provenance"]
    assert facts["generated"] == facts["real"]
    assert facts["data_fingerprint"] == facts["real"]["fingerprint"]


def test_as_many_images_of_both_are_taken_where_a_metric_takes_equally_many(tmp_path: Path) -> None:
    generated = write_noise(tmp_path / "generated", 20, 0, (16, 16))
    real = write_noise(tmp_path / "real", 41, 1, (16, 16))
    found = measured(generated, real, ["swd", "msssim"])
    assert list(found) == ["swd20:20", "msssim10:20"]
    assert all(record["floor"] is not None for record in found.values())
