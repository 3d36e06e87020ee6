"""Numbers as people read them."""

import re

NOTHING = "–"
LOPSIDED = 0.02  # of its longer side: an interval less lopsided than that is written with one number


def number(value: float | None) -> str:
    """Four significant digits."""
    if value is None:
        return NOTHING
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:,.4g}"
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.3e}"


def plus_minus(value: float, interval: tuple[float, float] | None) -> str:
    """What stands after a value with an interval: "± 0.4", or "[1.2, 2.9]" where it is lopsided; else nothing."""
    if interval is None:
        return ""
    below, above = value - interval[0], interval[1] - value
    if abs(above - below) <= LOPSIDED * max(abs(above), abs(below)):
        return f"± {(above + below) / 2:.2g}"
    return f"[{number(interval[0])}, {number(interval[1])}]"


def ratio(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}" if value < 10 else f"{value:,.1f}"


def percent(share: float | None) -> str:
    return NOTHING if share is None else f"{share:.2%}"


def kimg(images: int | None) -> str:
    """Thousands of images, without a unit."""
    if images is None:
        return NOTHING
    thousands = images / 1000
    return f"{thousands:,.0f}" if thousands >= 1000 else f"{thousands:.4g}"


def count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def duration(seconds: float) -> str:
    """The two largest units: 3 d 4 h, 12 min 5 s, 7.5 s."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def memory(megabytes: float | None) -> str:
    if megabytes is None:
        return NOTHING
    return f"{megabytes:,.0f} MB" if megabytes < 10_000 else f"{megabytes / 1024:,.1f} GB"


def short_hash(digest: str | None) -> str:
    return NOTHING if digest is None else digest[:12]


def markdown(text: object) -> str:
    """Text of the user's as Markdown shows it literally, in running text and in table cells."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\`*_\[\]<>|#~$&])", r"\\\1", line)


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any within."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
