"""The run in plain words: where it stands, what it scores, what to beware of."""

from collections.abc import Sequence

from progan.report.headline import Headline, other_network
from progan.report.records import RunRecord
from progan.report.wording import count, duration, kimg, number, plus_minus, ratio

SAID = 3  # metrics at most; a paragraph of all of them would not be read


def verdict(record: RunRecord, found: Sequence[Headline]) -> str:
    """One paragraph."""
    sentences = [_standing(record)]
    if found:
        sentences += [
            _full(found[0]),
            *_slip(found[0]),
            *(_short(one) for one in found[1:SAID]),
            *_unsaid(found[SAID:]),
        ]
    else:
        sentences.append("Nothing has been measured yet, so nothing can be said of its quality.")
    return " ".join(sentences)


def notes(record: RunRecord, found: Sequence[Headline]) -> list[str]:
    """What a reader of the numbers has to know."""
    lines = []
    if any(one.untrained for one in found):
        lines.append("Untrained: the generator before its first image, grown to the final resolution.")
    if any(one.last.interval for one in found):
        lines.append("± and […]: the 95 % interval of the mean over several seeds, which is the value shown.")
    for one in found:
        lines += _cautions(one)
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


def _full(one: Headline) -> str:
    last = one.last
    called = one.metric if one.title == one.metric else f"{one.metric} ({one.title.partition(',')[0]})"
    if last.images_seen == 0:
        return f"Only the untrained generator has been measured: its {called} is {number(last.value)}."
    value = " ".join([number(last.value), plus_minus(last.value, last.interval)]).strip()
    sentence = f"At {kimg(last.images_seen)} kimg its {called} is {value}{_against_untrained(one)}"
    if one.floor is None:
        return f"{sentence}; what real images score was not measured."
    return f"{sentence}; real images against real images score {number(one.floor)}{_against_floor(one)}."


def _against_floor(one: Headline) -> str:
    share = one.last_to_floor
    if share is None:
        return ""
    return f", of which it reaches {share:.0%}" if one.better == "higher" else f", so it is {ratio(share)} times that"


def _against_untrained(one: Headline) -> str:
    if one.untrained is None:
        return ""
    start, gain = number(one.untrained.value), one.untrained_to_last
    if one.better != "lower" or gain is None:
        return f", from {start} untrained"
    if gain <= 1:
        return f", no better than the {start} of the untrained generator"
    return f", {ratio(gain)} times less than the {start} of the untrained generator"


def _slip(one: Headline) -> list[str]:
    if not one.slipped or one.best is None:
        return []
    where = f"{one.metric} was better earlier, {number(one.best.value)} at {kimg(one.best.images_seen)} kimg"
    return [f"Beware: {where}; prefer the snapshot of that moment."]


def _short(one: Headline) -> str:
    parts = [f"untrained {number(one.untrained.value)}"] if one.untrained else []
    parts += [f"real against real {number(one.floor)}"] if one.floor is not None else []
    beside = f" ({', '.join(parts)})" if parts else ""
    return " ".join([f"Its {one.metric} is {number(one.last.value)}{beside}.", *_slip(one)])


def _unsaid(rest: Sequence[Headline]) -> list[str]:
    """The rest of the metrics: named only where they warn."""
    return [sentence for one in rest for sentence in _slip(one)]


def _cautions(one: Headline) -> list[str]:
    lines = []
    network = other_network(one.metric)
    if network:
        lines.append(
            f"{one.metric} is made of the features of {network}, not of the published Inception network: it compares "
            "with no published number, only with values of the same name."
        )
    p_value = _p_value(one)
    if p_value is not None:
        lines.append(f"{one.metric}: two-sample test: p = {number(p_value)}.")
    if one.set_aside:
        lines.append(
            f"{one.metric} was measured in more than one way (count, data or weights differ); {count(one.set_aside)} "
            "of its values were taken in another way than the last: they are left out here and in the curves."
        )
    if one.floor is None:
        reason = one.last.provenance.get("floor_note") or "no floor was measured"
        lines.append(f"{one.metric}: {str(reason).rstrip('.')}.")
    if one.better is None:
        lines.append(f"{one.metric} is not known to this version, nor whether high or low is good: it has no best.")
    return lines


def _p_value(one: Headline) -> float | None:
    """Of the test whether generated and real images are of one distribution, where the metric made one."""
    details = one.last.provenance.get("details")
    found = details.get("p_value") if isinstance(details, dict) else None
    return float(found) if isinstance(found, int | float) else None
