"""The colours and hair styles that faces are drawn from."""

from __future__ import annotations

from dataclasses import dataclass

from progan.data.painting.parameters import Colour

SKINS: tuple[Colour, ...] = (
    (0.98, 0.86, 0.78),
    (0.94, 0.77, 0.66),
    (0.86, 0.66, 0.52),
    (0.72, 0.51, 0.37),
    (0.54, 0.36, 0.25),
    (0.37, 0.24, 0.17),
)
HAIR_COLOURS: dict[str, tuple[Colour, Colour]] = {
    "black": ((0.075, 0.065, 0.07), (0.14, 0.11, 0.10)),
    "brown": ((0.25, 0.15, 0.10), (0.48, 0.31, 0.19)),
    "blond": ((0.73, 0.53, 0.31), (0.94, 0.79, 0.57)),
    "red": ((0.46, 0.17, 0.08), (0.70, 0.33, 0.14)),
    "gray": ((0.46, 0.46, 0.47), (0.82, 0.82, 0.82)),
}
IRISES: tuple[Colour, ...] = (
    (0.30, 0.18, 0.10),
    (0.42, 0.27, 0.13),
    (0.46, 0.42, 0.20),
    (0.32, 0.50, 0.34),
    (0.34, 0.52, 0.68),
    (0.48, 0.56, 0.62),
)
FABRICS: tuple[Colour, ...] = (
    (0.17, 0.20, 0.30),
    (0.88, 0.86, 0.83),
    (0.24, 0.24, 0.26),
    (0.52, 0.20, 0.22),
    (0.27, 0.40, 0.38),
    (0.46, 0.53, 0.66),
    (0.78, 0.64, 0.46),
    (0.60, 0.48, 0.58),
    (0.80, 0.52, 0.42),
)
BACKDROPS: tuple[tuple[Colour, Colour], ...] = (
    ((0.80, 0.78, 0.75), (0.58, 0.57, 0.57)),
    ((0.50, 0.58, 0.66), (0.26, 0.32, 0.40)),
    ((0.83, 0.76, 0.66), (0.60, 0.50, 0.42)),
    ((0.52, 0.62, 0.54), (0.25, 0.36, 0.32)),
    ((0.30, 0.29, 0.32), (0.13, 0.13, 0.16)),
    ((0.72, 0.82, 0.90), (0.88, 0.90, 0.90)),
    ((0.80, 0.62, 0.55), (0.50, 0.36, 0.38)),
    ((0.62, 0.58, 0.70), (0.36, 0.34, 0.48)),
    ((0.90, 0.89, 0.87), (0.78, 0.80, 0.82)),
    ((0.46, 0.36, 0.30), (0.22, 0.17, 0.16)),
)
FRAMES: tuple[Colour, ...] = (
    (0.08, 0.08, 0.09),
    (0.30, 0.18, 0.11),
    (0.62, 0.52, 0.36),
    (0.50, 0.14, 0.16),
    (0.55, 0.57, 0.60),
)


@dataclass(frozen=True)
class Style:
    """A hair style: the range of each shape number of `Hair`, and how often it is worn (0 heavy features .. 1 soft)."""

    worn: tuple[float, float]  # weight with heavy features, with soft features
    volume: tuple[float, float]
    side: tuple[float, float]
    length: tuple[float, float]
    drape: tuple[float, float]  # against the width of the head
    hairline: tuple[float, float]
    sweep: tuple[float, float] = (0.0, 0.2)
    fringe: tuple[float, float] = (0.0, 0.15)
    curl: tuple[float, float] = (0.0, 0.0)
    wave: tuple[float, float] = (0.0, 0.0)
    density: tuple[float, float] = (1.0, 1.0)
    bun: tuple[float, float] = (0.0, 0.0)


STYLES: dict[str, Style] = {
    "buzz": Style(
        worn=(2.0, 0.2),
        volume=(-0.005, 0.006),
        side=(0.0, 0.006),
        length=(0.0, 0.05),
        drape=(0.95, 1.0),
        hairline=(-0.55, -0.47),
        density=(0.6, 0.85),
    ),
    "short": Style(
        worn=(4.0, 0.8),
        volume=(0.07, 0.16),
        side=(0.02, 0.05),
        length=(-0.02, 0.1),
        drape=(0.95, 1.01),
        hairline=(-0.56, -0.45),
        sweep=(0.1, 0.5),
        fringe=(0.0, 0.5),
    ),
    "cropped fringe": Style(
        worn=(1.6, 1.0),
        volume=(0.06, 0.12),
        side=(0.03, 0.07),
        length=(-0.04, 0.1),
        drape=(0.92, 1.0),
        hairline=(-0.34, -0.26),
        sweep=(-0.1, 0.1),
        fringe=(0.4, 1.0),
    ),
    "curls": Style(
        worn=(1.6, 1.4),
        volume=(0.10, 0.22),
        side=(0.07, 0.22),
        length=(-0.02, 0.18),
        drape=(0.9, 0.98),
        hairline=(-0.48, -0.38),
        fringe=(0.0, 0.2),
        curl=(0.7, 1.0),
    ),
    "bob": Style(
        worn=(0.1, 2.2),
        volume=(0.07, 0.12),
        side=(0.08, 0.15),
        length=(0.42, 0.68),
        drape=(0.86, 0.95),
        hairline=(-0.52, -0.42),
        sweep=(0.1, 0.4),
        wave=(0.0, 0.02),
    ),
    "bob with fringe": Style(
        worn=(0.0, 1.6),
        volume=(0.07, 0.12),
        side=(0.08, 0.15),
        length=(0.42, 0.72),
        drape=(0.86, 0.95),
        hairline=(-0.31, -0.26),
        sweep=(-0.05, 0.05),
        fringe=(0.2, 0.7),
    ),
    "long": Style(
        worn=(0.4, 3.2),
        volume=(0.06, 0.12),
        side=(0.05, 0.13),
        length=(0.95, 1.5),
        drape=(0.86, 0.95),
        hairline=(-0.54, -0.42),
        sweep=(0.1, 0.45),
        wave=(0.0, 0.012),
    ),
    "long waves": Style(
        worn=(0.2, 2.6),
        volume=(0.08, 0.15),
        side=(0.09, 0.2),
        length=(0.85, 1.5),
        drape=(0.86, 0.95),
        hairline=(-0.54, -0.42),
        sweep=(0.1, 0.45),
        fringe=(0.0, 0.1),
        curl=(0.0, 0.3),
        wave=(0.025, 0.05),
    ),
    "bun": Style(
        worn=(0.1, 1.4),
        volume=(0.03, 0.06),
        side=(0.005, 0.02),
        length=(-0.02, 0.06),
        drape=(0.95, 1.0),
        hairline=(-0.54, -0.46),
        bun=(0.13, 0.2),
    ),
}
