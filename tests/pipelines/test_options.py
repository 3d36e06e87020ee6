from pathlib import Path

import pytest
from progan_command import progan


@pytest.mark.parametrize(
    "arguments",
    [
        ("prepare", "synthetic", "--out", "set", "--shard-mb", "inf"),
        ("plan", "config.yaml", "--measure", "--seconds", "inf"),
        ("timelapse", "run", "--width", 1_000_000),
        ("classifier", "set", "--out", "classifier.safetensors", "--kimg", "inf"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_numbers_without_end_are_refused(
    arguments: tuple[object, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(arguments[-2]) in progan(*arguments, code=2).err
    assert not list(tmp_path.iterdir())
