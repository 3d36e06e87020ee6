"""Print what pyproject.toml requires to build and to run, with the extras that are named: requirements.py EXTRA..."""

import sys
from pathlib import Path

import tomllib

settings = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
extras = settings["project"]["optional-dependencies"]
wanted = [*settings["build-system"]["requires"], *settings["project"]["dependencies"]]
wanted += [requirement for name in sys.argv[1:] for requirement in extras[name]]
sys.stdout.write("\n".join(wanted) + "\n")
