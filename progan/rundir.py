"""RunDirectory: the sole owner of every file name in a run."""

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any, Literal

import yaml

from progan.files import append_jsonl, keep_jsonl, read_json, read_jsonl, validated, write_json, write_text
from progan.types import DataError

STATE, SHEET, FACTS, PICTURE = r"\d{9}\.safetensors", r"\d{9}-\d{4,}px\.png", r"\d{9}\.json", r"\d{9}-\w+\.png"
RESTORE = "restore it, or begin another run"
OF_TRAINING = ("checkpoints", "snapshots", "samples", "walks")  # folders that nothing else writes to
OWN = r"config\.yaml|facts\.json|status\.json|\w+\.jsonl"
TEMPORARY = rf"\.({STATE}|{SHEET}|{OWN})\.[\w-]+\.tmp"  # of a process that was killed while it wrote


def seen_by(path: Path) -> int:
    """Images seen when a checkpoint, a snapshot, a grid or a strip was written."""
    return int(path.name[:9])


def resolution_of(path: Path) -> int:
    """Pixels of the images in a grid or a strip."""
    return int(path.stem[10:].removesuffix("px"))


@dataclass(frozen=True)
class Status:
    """How far a run has come; what a job script asks when the training has ended."""

    state: Literal["running", "stopped", "finished", "failed"]  # running, too, where it was killed
    images_seen: int  # of the newest checkpoint
    total_images: int
    signal: str = ""  # that stopped it, as SIGUSR1
    problem: str = ""  # why it failed

    def __str__(self) -> str:
        by = f" by {self.signal}" if self.signal else ""
        why = f": {self.problem}" if self.problem else ""
        return f"{self.state}{by} at {self.images_seen / 1000:g} of {self.total_images / 1000:g} kimg{why}"


@dataclass(frozen=True)
class RunDirectory:
    """The files of one training run.

    config.yaml       the resolved settings
    status.json       running, stopped, finished or failed, and how far it has come
    facts.json        command, environment, parameter counts, data facts, phase table
    stats.jsonl       a line a tick: clock, phase, speed, losses
    metrics.jsonl     a line a measured metric
    classification.jsonl  a line for each time that images were classified by a snapshot
    warnings.jsonl    a line a failure that training met, and one when it was over
    samples/          grids of the same latents, named by images seen and resolution
    walks/            strips between the same latents, named likewise; one for each snapshot
    checkpoints/      training state
    snapshots/        what inference needs
    neighbours/       the training images nearest to generated ones, as pictures and as facts
    probes/           how well linear classifiers do on the discriminator's features
    tensorboard/      the same curves as events
    compiled/         what torch.compile made of the networks, for the next start
    report.*          html, md and json, made from the files above
    report-figures/   the figures of the report, as files
    """

    root: Path

    @property
    def config(self) -> Path:
        return self.root / "config.yaml"

    @property
    def facts(self) -> Path:
        return self.root / "facts.json"

    @property
    def status(self) -> Path:
        return self.root / "status.json"

    @property
    def stats(self) -> Path:
        return self.root / "stats.jsonl"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def classifications(self) -> Path:
        return self.root / "classification.jsonl"

    @property
    def warnings(self) -> Path:
        return self.root / "warnings.jsonl"

    @property
    def tensorboard(self) -> Path:
        return self.root / "tensorboard"

    @property
    def compiled(self) -> Path:
        return self.root / "compiled"

    @property
    def report_html(self) -> Path:
        return self.root / "report.html"

    @property
    def report_markdown(self) -> Path:
        return self.root / "report.md"

    @property
    def report_json(self) -> Path:
        return self.root / "report.json"

    def sample(self, images_seen: int, resolution: int) -> Path:
        return self.root / "samples" / f"{images_seen:09d}-{resolution:04d}px.png"

    def samples(self) -> list[Path]:
        """Sample grids, oldest first."""
        return self._files("samples", SHEET)

    def walk(self, images_seen: int, resolution: int) -> Path:
        return self.root / "walks" / f"{images_seen:09d}-{resolution:04d}px.png"

    def walks(self) -> list[Path]:
        """Strips, oldest first."""
        return self._files("walks", SHEET)

    def checkpoint(self, images_seen: int) -> Path:
        return self.root / "checkpoints" / f"{images_seen:09d}.safetensors"

    def checkpoints(self) -> list[Path]:
        """Checkpoints, oldest first."""
        return self._files("checkpoints", STATE)

    def snapshot(self, images_seen: int) -> Path:
        return self.root / "snapshots" / f"{images_seen:09d}.safetensors"

    def snapshots(self) -> list[Path]:
        """Snapshots, oldest first."""
        return self._files("snapshots", STATE)

    def neighbours_picture(self, images_seen: int, space: str) -> Path:
        return self.root / "neighbours" / f"{images_seen:09d}-{space}.png"

    def neighbours_pictures(self) -> list[Path]:
        """Oldest first."""
        return self._files("neighbours", PICTURE)

    def neighbours_facts(self, images_seen: int) -> Path:
        return self.root / "neighbours" / f"{images_seen:09d}.json"

    def all_neighbours_facts(self) -> list[Path]:
        """Oldest first."""
        return self._files("neighbours", FACTS)

    def probe(self, images_seen: int) -> Path:
        return self.root / "probes" / f"{images_seen:09d}.json"

    def probes(self) -> list[Path]:
        """Oldest first."""
        return self._files("probes", FACTS)

    def _files(self, folder: str, name: str) -> list[Path]:
        """Those that training or a stage has named, by the pattern; others are the user's."""
        return sorted(path for path in (self.root / folder).glob("*") if re.fullmatch(name, path.name))

    @property
    def _lines(self) -> tuple[Path, ...]:
        """The files with a line for each of many moments."""
        return self.stats, self.metrics, self.classifications, self.warnings

    def recorded(self) -> list[Path]:
        """All that a run holds of its training and its measurements, if anything."""
        folders = (*OF_TRAINING, "neighbours", "probes")
        names = "|".join((STATE, SHEET, FACTS, PICTURE))
        files = (*self._lines, self.facts)
        return [*filter(Path.exists, files), *(path for folder in folders for path in self._files(folder, names))]

    def drop_oldest(self, kept: int) -> None:
        """Of the checkpoints, until so many are left."""
        for old in self.checkpoints()[:-kept]:
            old.unlink()

    def write_config(self, config: dict[str, Any]) -> None:
        write_text(self.config, yaml.safe_dump(config, sort_keys=False))

    def read_config(self) -> dict[str, Any]:
        if not self.config.exists():
            raise DataError(f"{self.root}: not a run directory (no {self.config.name}); give the --run of a training")
        try:
            config = yaml.safe_load(self.config.read_bytes())
        except yaml.YAMLError as error:
            raise DataError(f"{self.config}: broken ({' '.join(str(error).split())}); {RESTORE}") from None
        if not isinstance(config, dict):
            raise DataError(f"{self.config}: holds {type(config).__name__}, not settings; {RESTORE}")
        return config

    def append_stats(self, record: dict[str, Any]) -> None:
        append_jsonl(self.stats, record)

    def append_metric(self, record: dict[str, Any]) -> None:
        append_jsonl(self.metrics, record)

    def append_classification(self, record: dict[str, Any]) -> None:
        append_jsonl(self.classifications, record)

    def append_warning(self, record: dict[str, Any]) -> None:
        append_jsonl(self.warnings, record)

    def read_stats(self) -> list[dict[str, Any]]:
        return read_jsonl(self.stats)

    def read_metrics(self) -> list[dict[str, Any]]:
        return read_jsonl(self.metrics)

    def read_classifications(self) -> list[dict[str, Any]]:
        """Oldest first."""
        return read_jsonl(self.classifications)

    def read_warnings(self) -> list[dict[str, Any]]:
        return read_jsonl(self.warnings)

    def read_facts(self) -> dict[str, Any]:
        return read_json(self.facts)

    def fact(self, *names: str) -> Any:
        """One of those, by the names of its groups and its own; DataError where it is not there."""
        found: Any = self.read_facts()
        for name in names:
            if not isinstance(found, dict) or name not in found:
                raise DataError(f"{self.facts}: says nothing of {'.'.join(names)}; {RESTORE}")
            found = found[name]
        return found

    def write_facts(self, facts: dict[str, Any]) -> None:
        write_json(self.facts, facts)

    def read_status(self) -> Status:
        """DataError where no training was begun."""
        if not self.status.exists():
            raise DataError(f"{self.root}: not a run directory (no {self.status.name}); give the --run of a training")
        status = validated(self.status, Status, read_json(self.status))
        checkpoints = self.checkpoints()
        return replace(status, images_seen=seen_by(checkpoints[-1])) if checkpoints else status

    def write_status(self, status: Status) -> None:
        write_json(self.status, asdict(status))

    @contextmanager
    def locked(self, wanted: bool = True) -> Iterator[Callable[[], None]]:
        """Hold the run for this process while training; DataError when another one on this machine holds it.

        Yields what raises DataError once the run was moved or removed: another may be in its place then.
        """
        if not wanted:
            yield lambda: None
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise DataError(f"--run {self.root}: is no folder; choose another name") from None
        with (self.root / ".lock").open("w") as file:
            if not _lock(file):
                raise DataError(f"{self.root}: another process is training here; wait for it or give another --run")
            held = self.root.stat()

            def require_in_place() -> None:
                if not (self.root.exists() and os.path.samestat(held, self.root.stat())):
                    raise DataError(f"{self.root}: was moved or removed meanwhile; give --run its new place to go on")

            yield require_in_place

    @contextmanager
    def reserved(self, what: str, waiting: Callable[[], None] | None = None) -> Iterator[bool]:
        """Keep other processes of any node off `what` -> whether that was possible.

        waiting: it is in the end, and this is called every second until then; None: there is no waiting.
        """
        path = self.root / ".locks" / what
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w") as file:
            while not _lock(file):
                if waiting is None:
                    yield False
                    return
                waiting()
                time.sleep(1)
            yield True

    def rewind(self, images_seen: int) -> None:
        """Forget what was recorded after `images_seen`: a resumed run records it again; and what was half written."""
        for path in self._lines:
            if path.exists():
                keep_jsonl(path, lambda record: record["images_seen"] <= images_seen)
        found = (*self.neighbours_pictures(), *self.all_neighbours_facts(), *self.probes())
        for path in (*self.samples(), *self.walks(), *self.snapshots(), *self.checkpoints(), *found):
            if seen_by(path) > images_seen:
                path.unlink()
        for folder in ("", *OF_TRAINING):
            for path in self._files(folder, TEMPORARY):
                path.unlink()


def _lock(file: IO[str]) -> bool:
    """Whether it is this process's from now on, until it is closed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def run_of(snapshot: Path) -> RunDirectory | None:
    """The run whose snapshot this file is; None where it lies elsewhere."""
    run = RunDirectory(snapshot.absolute().parent.parent)
    return run if run.config.exists() and snapshot.absolute() in run.snapshots() else None
