"""How commands end, whoever listens to them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _python(code: str, **pipes: int) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE, text=True, **pipes)  # type: ignore[call-overload,no-any-return]


def test_work_goes_on_where_nobody_reads_what_it_says() -> None:
    code = (
        "import sys; from pipelines.console import say; sys.stdin.read(); [say('on') for _ in range(3)]; print('end')"
    )
    process = _python(f"{code}; print('done', file=sys.stderr)", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdout.close()
    process.stdin.close()
    assert process.stderr is not None
    assert process.stderr.read() == "done\n"
    assert process.wait() == 0


def test_a_name_that_the_locale_has_no_letters_for_is_told(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text("data: {path: Bilder-für-alle}\nschedule: {resolution: 8}\n", encoding="utf-8")
    environment = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "pipelines", "train", str(tmp_path / "tiny.yaml"), "--run", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "set PYTHONUTF8=1" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_command_that_is_stopped_says_so_in_one_line(number: signal.Signals) -> None:
    code = "import os, time; from pipelines.ending import user_errors\n"
    code += f"with user_errors():\n    os.kill(os.getpid(), {int(number)}); time.sleep(20)"
    process = _python(code)
    assert process.stderr is not None
    assert process.stderr.read() == f"stopped by {number.name}; the same command goes on or starts again\n"
    assert process.wait() == 128 + number


def test_a_signal_amid_an_import_is_not_lost(tmp_path: Path) -> None:
    """Where a library in C imports, an exception would be."""
    stopping = f"os.kill(os.getpid(), {int(signal.SIGTERM)}); [0 for _ in range(10**5)]"
    (tmp_path / "victim.py").write_text(f"import os\ntry: {stopping}\nexcept BaseException: pass")
    code = f"import sys, time; sys.path.append({str(tmp_path)!r}); from pipelines.ending import user_errors\n"
    process = _python(code + "with user_errors():\n    import victim; time.sleep(20)")
    assert process.stderr is not None
    assert process.stderr.read() == "stopped by SIGTERM; the same command goes on or starts again\n"
    assert process.wait() == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_a_stage_or_after_its_end_ends_the_command_without_a_word(
    number: signal.Signals, tmp_path: Path
) -> None:
    kill = f"os.kill(os.getpid(), {int(number)})"
    (tmp_path / "typer.py").write_text(f"import os; {kill}")
    importing = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from pipelines.__main__ import main; main()"
    ended = f"import atexit, os; atexit.register(lambda: {kill}); from pipelines.__main__ import main; main(['status'])"
    for code in (importing, f"import sys; sys.stderr = open('/dev/null', 'w'); {ended}"):
        process = _python(code)
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == ("", 128 + number)
