"""The `progan` command. What takes long to import comes after the answer to signals, so that each finds one."""

import os
import signal
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Be the command, to the end of this process. None: as the process was called."""
    # Python's own answer is a traceback. Before a stage has begun and after its end there is nothing to save or to say.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: os._exit(128 + number))
    import atexit
    import gc

    from pipelines.commands import app

    # Python collects several times while it ends; over all that torch brings this takes longer than most commands.
    atexit.register(gc.freeze)
    app(args=None if arguments is None else list(arguments), prog_name="progan")


if __name__ == "__main__":
    main()
