"""The built-in painted faces as a source."""

from functools import partial

from progan.data.frames import BoxFrame, centre_square
from progan.data.sources.base import Entry, Identity, Numbered, Raw, Source, SourceOptions
from progan.data.sources.labels import LabelRule, parse
from progan.types import UNLABELLED, DataError

NAME = "synthetic"


def open_source(options: SourceOptions) -> Source:
    """DataError without a resolution and a limit, or for an attribute the faces do not have."""
    from progan.data.synthetic import ATTRIBUTES

    if options.resolution is None or options.limit is None:
        raise DataError(f"{NAME}: drawn faces have no number of their own; say how many, as --limit 6000")
    rule = None if options.label is None else parse(options.label, ATTRIBUTES, NAME)
    identity: Identity = {"kind": NAME, "label": options.label, "seed": options.seed, "count": options.limit}
    return Source(
        path=NAME,
        identity=identity | {"resolution": options.resolution},
        classes=() if rule is None else rule.classes,
        entries=Numbered(range(options.limit)),
        load=partial(_draw, options.seed, options.resolution, rule),
        frame=BoxFrame(centre_square),
        multilabel=rule is not None and rule.multilabel,
    )


def _draw(seed: int, resolution: int, rule: LabelRule | None, entry: Entry) -> Raw:
    from progan.data.synthetic import draw_face

    face = draw_face(seed, int(entry.name), resolution)
    return Raw(face.image, UNLABELLED if rule is None else rule(face.attributes))
