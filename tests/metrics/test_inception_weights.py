import hashlib
import pickle
from pathlib import Path

import pytest
import torch

from progan.metrics import weights
from progan.metrics.weights import VARIABLE, Weights, load_weights
from progan.types import DataError


@pytest.fixture(autouse=True)
def _nothing_in_the_usual_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def test_the_setting_goes_before_the_variable(unpublished_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "nowhere.pth")
    loaded = load_weights(unpublished_weights)
    assert len(loaded.tensors) == 566
    assert loaded.sha256 == hashlib.sha256(unpublished_weights.read_bytes()).hexdigest()


def test_the_variable_goes_before_the_usual_place(unpublished_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(unpublished_weights))
    assert load_weights(None).path == unpublished_weights


def test_weights_in_the_usual_place_are_found(unpublished_weights: Path, tmp_path: Path) -> None:
    place = tmp_path / "torch" / "hub" / "checkpoints" / weights.FILE
    place.parent.mkdir(parents=True)
    place.symlink_to(unpublished_weights)
    assert load_weights(None).path == place


@pytest.mark.parametrize("by_variable", [True, False])
def test_a_named_file_that_is_absent_is_not_replaced_by_another(
    by_variable: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent = tmp_path / "mistyped.pth"
    monkeypatch.setenv(VARIABLE, str(absent) if by_variable else "other.pth")
    with pytest.raises(DataError, match=r"mistyped\.pth: no such file"):
        load_weights(None if by_variable else absent)


def test_missing_weights_are_one_line_with_the_remedies(tmp_path: Path) -> None:
    url = (tmp_path / "absent.pth").as_uri()
    with pytest.raises(DataError) as refusal:
        load_weights(None, url=url)
    line = str(refusal.value)
    assert "\n" not in line
    for part in (weights.FILE, VARIABLE, url, "evaluation.weights", "swd and msssim need no weights"):
        assert part in line
    assert not list((tmp_path / "torch").rglob("*.*"))


def test_a_download_that_is_not_the_published_file_is_not_kept(tmp_path: Path) -> None:
    page = tmp_path / "page.pth"
    page.write_bytes(b"a page that says the file has moved")
    with pytest.raises(DataError, match="hash"):
        load_weights(None, url=page.as_uri())
    assert not list((tmp_path / "torch").rglob("*.*"))


class Trap:
    """Pickled, it writes a file when it is unpickled carelessly."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("saved_by_torch", [True, False])
def test_a_pickle_that_runs_code_is_refused_without_running_it(saved_by_torch: bool, tmp_path: Path) -> None:
    file, sprung = tmp_path / "weights.pth", tmp_path / "sprung"
    if saved_by_torch:
        torch.save({"fc.bias": Trap(sprung)}, file)
    else:
        file.write_bytes(pickle.dumps(Trap(sprung), protocol=2))
    with pytest.raises(DataError, match=r"weights\.pth: refused"):
        load_weights(file)
    assert not sprung.exists()


@pytest.mark.parametrize(
    "content", [{}, {"fc.bias": torch.zeros(1008)}, {"state_dict": {"fc.bias": torch.zeros(1008)}}, [1, 2]]
)
def test_tensors_of_another_layout_are_refused(content: object, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    torch.save(content, file)
    with pytest.raises(DataError, match=r"weights\.pth: refused"):
        load_weights(file)


def test_a_damaged_file_is_refused(unpublished_weights: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(unpublished_weights.read_bytes()[:100_000])
    with pytest.raises(DataError, match=r"weights\.pth: refused"):
        load_weights(file)


def test_only_the_published_weights_are_taken_for_them(tmp_path: Path) -> None:
    published = Weights(tmp_path, "6726825d" + 56 * "0", {})
    other = Weights(tmp_path, "0123abcd" + 56 * "0", {})
    assert published.published
    assert not other.published
