"""The run in plain words: where it stands, what it scores, what to beware of."""

from collections.abc import Callable, Sequence

from progan.report.headline import Headline, foreign_weights
from progan.report.records import RunRecord
from progan.report.wording import count, duration, kimg, number, ratio

Title = Callable[[str], str]  # a metric's name -> how it is called in the report


def verdict(record: RunRecord, found: Sequence[Headline], title: Title) -> str:
    """One paragraph."""
    sentences = [_standing(record)]
    if found:
        sentences += [_full(found[0], title), *_slip(found[0], title), *(_short(one, title) for one in found[1:])]
    else:
        sentences.append("Nothing has been measured yet, so nothing can be said of its quality.")
    return " ".join(sentences)


def notes(record: RunRecord, found: Sequence[Headline], title: Title) -> list[str]:
    """What a reader of the numbers has to know."""
    lines = []
    if any(one.untrained for one in found):
        baseline = record.facts.get("baseline", "the generator before its first image")
        lines.append(f"Untrained: {str(baseline).rstrip('.')}.")
    for one in found:
        lines += _cautions(one, title(one.metric))
    return lines


def _standing(record: RunRecord) -> str:
    if not record.ticks:
        return "This run has not recorded any training yet."
    last = record.ticks[-1]
    spent = duration(last.elapsed_seconds)
    if record.finished:
        return (
            f"The run is finished: its generator draws {last.resolution} px images after "
            f"{kimg(record.images_seen)} kimg (thousand images) and {spent} of training."
        )
    of_total = "" if record.total is None else f" of {kimg(record.total)}"
    fading = f", {last.fade:.0%} through the fade to it" if last.fading else ""
    return (
        f"The run is unfinished: after {kimg(record.images_seen)}{of_total} kimg (thousand images) and {spent} "
        f"of training it is at {last.resolution} px{fading}."
    )


def _full(one: Headline, title: Title) -> str:
    last, name = one.last, title(one.metric)
    if last.images_seen == 0:
        return f"Only the untrained generator has been measured: its {name} is {number(last.value)}."
    sentence = f"At {kimg(last.images_seen)} kimg its {name} is {number(last.value)}{_against_untrained(one)}"
    if one.floor is None:
        return f"{sentence}; what real images score against real images was not measured."
    times = f", so it stands at {ratio(one.last_to_floor)} times that floor" if one.last_to_floor is not None else ""
    return f"{sentence}; real images score {number(one.floor)} against other real images{times}."


def _against_untrained(one: Headline) -> str:
    if one.untrained is None:
        return ""
    start = number(one.untrained.value)
    gain = one.untrained_to_last
    if not one.lower_is_better or gain is None:
        return f", from {start} untrained"
    if gain <= 1:
        return f", no better than the {start} of the untrained generator"
    return f", {ratio(gain)} times less than the {start} of the untrained generator"


def _slip(one: Headline, title: Title) -> list[str]:
    if not one.slipped or one.best is None:
        return []
    where = f"{title(one.metric)} was better earlier, {number(one.best.value)} at {kimg(one.best.images_seen)} kimg"
    return [f"Beware: {where}; prefer the snapshot nearest to that."]


def _short(one: Headline, title: Title) -> str:
    parts = [f"untrained {number(one.untrained.value)}"] if one.untrained else []
    parts += [f"real against real {number(one.floor)}"] if one.floor is not None else []
    beside = f" ({', '.join(parts)})" if parts else ""
    return f"Its {title(one.metric)} is {number(one.last.value)}{beside}."


def _cautions(one: Headline, name: str) -> list[str]:
    lines = []
    digest = foreign_weights(one.metric)
    if digest:
        lines.append(
            f"{name} is a Fréchet-type measure on features of a network whose weights (hash {digest}…) are not the "
            "published Inception weights: it is not an FID and compares only with values of the same name."
        )
    if one.set_aside:
        lines.append(
            f"{name} was measured in more than one way (count, data or weights differ); {count(one.set_aside)} "
            "values taken in another way than the last are listed under provenance and left out of everything else."
        )
    if one.best is None and one.last.images_seen > 0:
        lines.append(f"{name} has no best value: without a floor it is not known whether high or low is good.")
    return lines
