from pathlib import Path

import pytest
import yaml

from progan.config import load, parse_yaml
from progan.settings import Config, untrained_system
from progan.types import ConfigError, DataSpec

CONFIGS_FOLDER = Path(__file__).parents[1] / "configs"
CONFIGS = sorted(CONFIGS_FOLDER.rglob("*.yaml"))
MINIMAL = "data: {path: somewhere}\nschedule: {resolution: 32}\n"


def _load(tmp_path: Path, text: str, *overrides: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return load(Config, path, overrides)


def test_there_are_config_files() -> None:
    assert {path.name for path in CONFIGS} >= {"quickstart.yaml", "celeba-128.yaml", "celebahq-1024.yaml"}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_file_is_valid_complete_in_its_header_and_survives_a_round_trip(path: Path) -> None:
    config = load(Config, path)
    dumped = yaml.safe_load(yaml.safe_dump(config.model_dump(mode="json")))
    assert Config.model_validate(dumped) == config
    text = path.read_text()
    assert text.startswith("# ")
    assert str(path.relative_to(CONFIGS_FOLDER.parent)) in text  # the command


def test_no_two_configs_make_the_same_run() -> None:
    assert len({path.stem for path in CONFIGS}) == len(CONFIGS)  # a run is named after its config


def test_numbers_in_any_notation_are_numbers_and_words_are_words() -> None:
    values = parse_yaml("{a: 1e-3, b: 5, c: .5, d: 1_000.0, e: on, f: no, g: true, h: 3e2, i: null}", "test")
    assert values == {"a": 1e-3, "b": 5, "c": 0.5, "d": 1000.0, "e": "on", "f": "no", "g": True, "h": 300.0, "i": None}


def test_integers_are_decimal(tmp_path: Path) -> None:
    assert [_load(tmp_path, MINIMAL + f"seed: {text}\n").seed for text in ("010", "08", "+7")] == [10, 8, 7]


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("# für\n".encode("latin-1") + MINIMAL.encode())
    with pytest.raises(ConfigError, match=r"latin\.yaml: not UTF-8 text"):
        load(Config, path)


def test_overrides_reach_any_depth_and_integer_keys(tmp_path: Path) -> None:
    config = _load(tmp_path, MINIMAL, "optim.lr=2e-3", "schedule.batch.32=16", "system.loss.name=logistic-r1")
    assert config.optim.lr == 0.002
    assert config.schedule.batch == {32: 16}
    assert config.system.loss.name == "logistic-r1"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("optim.lrr=1", "optim.lrr: unknown key; did you mean optim.lr?"),
        ("optm.lr=1", "optm: unknown key; did you mean optim?"),
        ("system.loss.drft=1", "system.loss.drft: unknown key; did you mean system.loss.drift?"),
        ("optim.lr=-1", "optim.lr: input should be greater than 0, got -1"),
        ("optim.lr=fast", "optim.lr: input should be a valid number"),
        ("optim.precision=fp8", "optim.precision: input should be 'fp32', 'tf32', 'bf16' or 'fp16', got 'fp8'"),
        ("schedule.resolution=48", "powers of two"),
        ("schedule.total_kimg=.inf", "schedule.total_kimg: input should be a finite number"),
        ("seed=!!int abc", "seed=!!int abc: not valid YAML: invalid literal"),
        ("schedule={name: constant, resolution: 28, total_kimg: 1}", "schedule.resolution: progan doubles from 4 px"),
        (
            "schedule={name: constant, resolution: 28, total_kimg: 1, fade_kimg: 2}",
            "schedule.fade_kimg: no setting of 'constant'",
        ),
        ("optim.discriminator={name: sgd, lr: 0.01, beta1: 0.5}", "optim.discriminator.beta1: no setting of 'sgd'"),
        ("schedule.batch.32=0", "schedule.batch.32: input should be greater than or equal to 1, got 0"),
        ("evaluation.metrics=[fidelity]", "known: swd<n>k"),
        ("schedule.fade_kimg=fast", "schedule.fade_kimg: input should be a valid"),
        ("schedule.stable_kimg={3: 1}", "schedule.stable_kimg.3: input should be greater than or equal to 4, got 3"),
        ("evaluation.metrics=[swd2k, 5]", "evaluation.metrics.1: input should be a valid string, got 5"),
        (
            "system={name: dcgan, networks: {name: convolutional, generator: [[2]]}}",
            "system.networks.generator.0.1: required, not set",
        ),
        ("data.read_ahead=100000", "data.read_ahead: input should be less than or equal to 64, got 100000"),
        ("optim.lr=true", "optim.lr: must be a number, got True"),
        ("seed=true", "seed: must be a number, got True"),
        ('seed="3"', "seed: must be a number, got '3'"),
        ("data.mirror=yes", "data.mirror: must be true or false, got 'yes'"),
        ("data.mirror=1", "data.mirror: must be true or false, got 1"),
        ("schedule.batch.4=true", "schedule.batch.4: must be a number, got True"),
        ("data.resident_gb=1e300", "data.resident_gb: input should be less than or equal to 1000000000"),
        ("data.cache_gb=1e300", "data.cache_gb: input should be less than or equal to 1000000000"),
        (
            "system.loss={name: logistic-r1, gradient_penalty: 10}",
            "system.loss.gradient_penalty: no setting of 'logistic-r1'; take it away, or set system.loss as a whole: "
            "system.loss={name: logistic-r1}",
        ),
        ("system.loss.name=hinge", "system.loss: input tag 'hinge'"),
        ("data.path={{ DATA }}", "data.path={{ DATA }}: a key cannot be a mapping or a list"),
        ("data.path={[a]: b}", "a key cannot be a mapping or a list; quote it if it is meant as text (line 1)"),
        ("optim", "an override reads a.b=value"),
        ("seed.x=1", "seed is a value, not a group"),
    ],
)
def test_a_wrong_setting_is_answered_in_one_line_with_its_path(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, MINIMAL + "seed: 1\n", override)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [1", "not valid YAML at line"),
        ("- a", "must be a mapping"),
        ("seed: " + "[" * 3000, "nested too deeply"),
        ("schedule: {resolution: 32}", "data: required, not set"),
        ("data: {path: x}\nseed: 1\nseed: 2", "seed: the key stands twice (line 3)"),
        ("schedule: {resolution: 32, batch: {1: 2, true: 4}}", "schedule.batch.1: input should be greater"),
    ],
)
def test_a_broken_file_is_answered_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        _load(tmp_path, text)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: no such config file"):
        load(Config, Path("nowhere.yaml"))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder; name one of the files in it"):
        load(Config, tmp_path)


def test_settings_cannot_be_changed_after_validation(tmp_path: Path) -> None:
    config = _load(tmp_path, MINIMAL)
    with pytest.raises(ValueError, match="frozen"):
        config.seed = 2  # type: ignore[misc]


def test_networks_larger_than_any_memory_are_refused_in_one_line(tmp_path: Path) -> None:
    config = _load(tmp_path, MINIMAL, "system.latent_dim=100000000000")
    with pytest.raises(ConfigError, match="does not fit in memory"):
        untrained_system(config, DataSpec((32,), 1, (), ""))
