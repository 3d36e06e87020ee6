"""The built-in data source: painted portraits, aligned as face data sets are, without any file.

Every face is a function of (seed, index). It is drawn as numbers first (`draw_parameters`) and painted then at any
size, so the same face comes out at every resolution.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from progan.data.painting.features import lip_colour
from progan.data.painting.parameters import (
    Backdrop,
    Beard,
    Clothes,
    Colour,
    Eyes,
    FaceParameters,
    Glasses,
    Hair,
    Hat,
    Head,
    Light,
    Mouth,
    Nose,
    Pose,
)
from progan.data.painting.canvas import mix, scaled
from progan.data.painting.portrait import paint
from progan.types import ConfigError

RESOLUTIONS = tuple(2**power for power in range(2, 11))  # 4 .. 1024

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
FRAMES: tuple[Colour, ...] = ((0.08, 0.08, 0.09), (0.30, 0.18, 0.11), (0.62, 0.52, 0.36), (0.50, 0.14, 0.16), (0.55, 0.57, 0.60))


@dataclass(frozen=True)
class Face:
    """A painted face and what is true of it."""

    image: NDArray[np.uint8]  # HWC RGB
    attributes: dict[str, bool]  # a value for each of ATTRIBUTES


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


STYLES: dict[str, Style | None] = {
    "bald": None,
    "buzz": Style((2.0, 0.2), (0.015, 0.03), (0.01, 0.02), (-0.08, -0.02), (0.92, 0.97), (-0.48, -0.42), density=(0.6, 0.9)),
    "short": Style((4.0, 0.8), (0.07, 0.16), (0.02, 0.05), (-0.08, 0.04), (0.88, 0.95), (-0.50, -0.40), (0.1, 0.5), (0.0, 0.5)),
    "cropped fringe": Style((1.6, 1.0), (0.06, 0.12), (0.03, 0.07), (-0.06, 0.08), (0.88, 0.96), (-0.34, -0.26), (-0.1, 0.15), (0.4, 1.0)),
    "curls": Style((1.6, 1.4), (0.10, 0.22), (0.07, 0.22), (-0.02, 0.18), (0.86, 0.94), (-0.46, -0.36), (0.0, 0.2), (0.0, 0.2), (0.7, 1.0)),
    "bob": Style((0.1, 2.2), (0.07, 0.12), (0.08, 0.15), (0.42, 0.68), (0.86, 0.95), (-0.48, -0.40), (0.1, 0.6), wave=(0.0, 0.02)),
    "bob with fringe": Style((0.0, 1.6), (0.07, 0.12), (0.08, 0.15), (0.42, 0.72), (0.86, 0.95), (-0.30, -0.24), (-0.05, 0.1), (0.2, 0.7)),
    "long": Style((0.4, 3.2), (0.06, 0.12), (0.05, 0.13), (0.95, 1.5), (0.86, 0.95), (-0.50, -0.40), (0.1, 0.7), wave=(0.0, 0.012)),
    "long waves": Style((0.2, 2.6), (0.08, 0.15), (0.09, 0.2), (0.85, 1.5), (0.86, 0.95), (-0.50, -0.40), (0.1, 0.6), (0.0, 0.1), (0.0, 0.3), (0.025, 0.05)),
    "bun": Style((0.1, 1.4), (0.04, 0.07), (0.01, 0.03), (-0.06, 0.02), (0.90, 0.96), (-0.48, -0.42), (0.0, 0.2), bun=(0.13, 0.2)),
}  # fmt: skip

Test = Callable[[FaceParameters], bool]
_ATTRIBUTE_TESTS: dict[str, Test] = {
    "Bald": lambda face: face.hair is None,
    "Bangs": lambda face: face.hair is not None and face.hat is None and face.hair.hairline > -0.35,
    "Beard": lambda face: face.beard is not None and max(face.beard.cheeks, face.beard.chin) > 0.5,
    "Black_Hair": lambda face: _has_tone(face, "black"),
    "Blond_Hair": lambda face: _has_tone(face, "blond"),
    "Brown_Hair": lambda face: _has_tone(face, "brown"),
    "Curly_Hair": lambda face: face.hair is not None and face.hair.curl > 0.5,
    "Dark_Skin": lambda face: face.head.depth > 0.6,
    "Eyeglasses": lambda face: face.glasses is not None,
    "Gray_Hair": lambda face: _has_tone(face, "gray"),
    "Long_Hair": lambda face: face.hair is not None and face.hair.length > 0.8,
    "Mouth_Open": lambda face: face.mouth.gap > 0.008,
    "Mustache": lambda face: face.beard is not None and face.beard.moustache > 0.5,
    "Red_Hair": lambda face: _has_tone(face, "red"),
    "Smiling": lambda face: face.mouth.smile > 0.35,
    "Wearing_Hat": lambda face: face.hat is not None,
}
ATTRIBUTES: tuple[str, ...] = tuple(_ATTRIBUTE_TESTS)


def draw_face(seed: int, index: int, resolution: int) -> Face:
    """Face number `index` of the set `seed`, `resolution` pixels wide and high.

    The same (seed, index) is the same face at every resolution. Raises ConfigError for a resolution outside
    RESOLUTIONS and for a negative seed or index.
    """
    parameters = draw_parameters(seed, index)
    return Face(paint_face(parameters, resolution), attributes_of(parameters))


def paint_face(parameters: FaceParameters, resolution: int) -> NDArray[np.uint8]:
    """HWC uint8 RGB picture of a face. Painted at twice the size (64 to 1024), then averaged down."""
    if resolution not in RESOLUTIONS:
        known = ", ".join(map(str, RESOLUTIONS))
        raise ConfigError(f"resolution {resolution}: painted faces come in {known} pixels; choose one of these")
    side = min(max(64, 2 * resolution), 1024)
    planes = paint(parameters, side)
    while planes.shape[1] > resolution:
        rows = planes[:, 0::2] + planes[:, 1::2]
        planes = (rows[:, :, 0::2] + rows[:, :, 1::2]) * np.float32(0.25)
    return np.ascontiguousarray((planes.transpose(1, 2, 0) * 255 + 0.5).astype(np.uint8))


def attributes_of(parameters: FaceParameters) -> dict[str, bool]:
    """A value for each of ATTRIBUTES."""
    return {name: test(parameters) for name, test in _ATTRIBUTE_TESTS.items()}


def _has_tone(face: FaceParameters, tone: str) -> bool:
    return face.hair is not None and face.hair.tone == tone


class _Dice:
    """Draws in plain Python numbers, so that no float64 array type reaches the painter."""

    def __init__(self, seed: int, index: int) -> None:
        if seed < 0 or index < 0:
            raise ConfigError(f"synthetic face (seed {seed}, index {index}): both must be 0 or more")
        self._generator = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, index])))

    def unit(self) -> float:
        return float(self._generator.random())

    def between(self, low: float, high: float) -> float:
        return low + (high - low) * self.unit()

    def around(self, centre: float, spread: float) -> float:
        """Bell-shaped in centre +- 3 spreads, with standard deviation `spread`."""
        return centre + spread * 2 * (self.unit() + self.unit() + self.unit() - 1.5)

    def chance(self, probability: float) -> bool:
        return self.unit() < probability

    def weighted(self, weights: Sequence[float]) -> int:
        """An index, as often as its weight says."""
        point = self.unit() * sum(weights)
        running = np.cumsum(weights)
        return min(int(np.searchsorted(running, point, side="right")), len(weights) - 1)

    def blend(self, colours: Sequence[Colour]) -> Colour:
        """A colour between two neighbours of a list."""
        place = self.unit() * (len(colours) - 1)
        return _along(colours, place)

    def vary(self, colour: Colour, spread: float) -> Colour:
        """The colour a little lighter or darker, its channels a little apart."""
        lightness = self.around(1.0, spread)
        return scaled(tuple(max(0.0, tone * self.around(1.0, spread * 0.35)) for tone in colour), lightness)  # type: ignore[arg-type]


def _along(colours: Sequence[Colour], place: float) -> Colour:
    first = min(int(place), len(colours) - 2)
    return mix(colours[first], colours[first + 1], place - first)


def draw_parameters(seed: int, index: int) -> FaceParameters:
    """The numbers of face `index` of the set `seed`. Raises ConfigError if either is negative."""
    dice = _Dice(seed, index)
    softness, age = dice.unit(), dice.unit() ** 1.6
    head = _head(dice, softness, age)
    hair = _hair(dice, head, softness, age)
    mouth = _mouth(dice, head, softness)
    hat = _hat(dice) if dice.chance(0.10) else None
    return FaceParameters(
        pose=_pose(dice),
        light=_light(dice),
        backdrop=_backdrop(dice),
        clothes=Clothes(dice.vary(FABRICS[int(dice.unit() * len(FABRICS))], 0.12), dice.between(0.02, 0.14), dice.chance(0.35)),
        head=head,
        eyes=_eyes(dice, head, hair, softness, age),
        nose=Nose(dice.around(1.05 - 0.12 * softness + 0.12 * head.depth, 0.09), dice.around(1.0, 0.06), dice.around(1.0, 0.15)),
        mouth=mouth,
        hair=_under_hat(hair) if hair and hat else hair,
        beard=_beard(dice) if softness < 0.45 and dice.chance(0.55) else None,
        glasses=_glasses(dice) if dice.chance(0.17 + 0.12 * age) else None,
        hat=hat,
    )


def _pose(dice: _Dice) -> Pose:
    return Pose(
        rotation=dice.around(0.0, 0.045),
        shift_x=dice.around(0.0, 0.015),
        shift_y=dice.around(0.01, 0.015),
        scale=dice.around(0.98, 0.025),
        turn=dice.around(0.0, 0.024),
    )


def _light(dice: _Dice) -> Light:
    return Light(dice.between(-1.0, 1.0), dice.between(0.1, 1.0), dice.between(0.30, 0.58), dice.between(-1.0, 1.0))


def _backdrop(dice: _Dice) -> Backdrop:
    first, second = BACKDROPS[int(dice.unit() * len(BACKDROPS))]
    if dice.chance(0.5):
        first, second = second, first
    count = int(dice.unit() * 7) if dice.chance(0.6) else 0
    spots = tuple(
        (dice.between(-1.1, 1.1), dice.between(-1.1, 0.8), dice.between(0.1, 0.42), dice.between(-0.2, 0.3)) for _ in range(count)
    )
    stripes = (dice.between(1.0, 6.0), dice.around(0.0, 0.35), dice.between(0.03, 0.12) if dice.chance(0.3) else 0.0)
    return Backdrop(dice.vary(first, 0.08), dice.vary(second, 0.08), dice.between(-math.pi, math.pi), dice.unit(), spots, stripes)


def _head(dice: _Dice, softness: float, age: float) -> Head:
    depth = dice.unit() ** 1.15
    width = dice.around(0.50, 0.018)
    return Head(
        skin=dice.vary(_along(SKINS, depth * (len(SKINS) - 1)), 0.025),
        depth=depth,
        width=width,
        jaw=width * dice.around(0.90 - 0.09 * softness, 0.03),
        chin=dice.around(0.745 - 0.03 * softness, 0.022),
        neck=dice.around(0.345 - 0.075 * softness, 0.015),
        ears=dice.around(1.0, 0.08),
        blush=dice.between(0.15, 0.55 + 0.35 * softness),
        age=age,
    )


def _hair(dice: _Dice, head: Head, softness: float, age: float) -> Hair | None:
    names = list(STYLES)
    bald = 1.3 * (1 - softness) ** 2 * (0.4 + 1.4 * age)
    weights = [bald] + [_worn(style, softness) for style in STYLES.values() if style]
    style = STYLES[names[dice.weighted(weights)]]
    if style is None:
        return None
    tones = (1.0 + 2.6 * head.depth, 1.7, 1.7 * (1 - head.depth) ** 1.5 + 0.05, 0.65 * (1 - head.depth) ** 1.5, 2.4 * age**2.5)
    tone = list(HAIR_COLOURS)[dice.weighted(tones)]
    return Hair(
        tone=tone,
        colour=dice.vary(mix(*HAIR_COLOURS[tone], dice.unit()), 0.05),
        shine=dice.between(0.25, 0.9),
        volume=dice.between(*style.volume),
        side=dice.between(*style.side),
        length=dice.between(*style.length),
        drape=head.width * dice.between(*style.drape),
        hairline=dice.between(*style.hairline) - 0.05 * age * (style.hairline[0] < -0.4),
        part=dice.around(0.0, 0.12),
        sweep=dice.between(*style.sweep),
        fringe=dice.between(*style.fringe),
        curl=dice.between(*style.curl),
        wave=dice.between(*style.wave),
        density=dice.between(*style.density),
        bun=dice.between(*style.bun),
        frequencies=tuple(base * dice.between(0.8, 1.2) for base in (9.0, 21.0, 38.0, 64.0, 110.0)),
        phases=tuple(dice.between(0.0, 2 * math.pi) for _ in range(5)),
    )


def _worn(style: Style, softness: float) -> float:
    return style.worn[0] + (style.worn[1] - style.worn[0]) * softness


def _under_hat(hair: Hair) -> Hair:
    """Hair flattened by a cap."""
    return replace(hair, volume=min(hair.volume, 0.03), side=min(hair.side, 0.06), bun=0.0)


def _hat(dice: _Dice) -> Hat:
    colour = dice.vary(FABRICS[int(dice.unit() * len(FABRICS))], 0.12)
    return Hat(colour, dice.between(-0.46, -0.36), dice.between(0.14, 0.22), dice.between(0.06, 0.16))


def _eyes(dice: _Dice, head: Head, hair: Hair | None, softness: float, age: float) -> Eyes:
    pale = (1 - head.depth) ** 1.2
    iris = IRISES[dice.weighted((2.0, 1.5, 0.7 * pale, 0.7 * pale, 1.2 * pale, 0.7 * pale))]
    tone = hair.colour if hair else mix((0.12, 0.09, 0.08), (0.45, 0.38, 0.33), age)
    return Eyes(
        iris=dice.vary(iris, 0.08),
        width=dice.around(0.122, 0.006),
        opening=dice.around(0.050 + 0.009 * softness, 0.005),
        tilt=dice.around(0.06, 0.06),
        gaze_x=dice.around(0.0, 0.008),
        gaze_y=dice.around(0.0, 0.003),
        lashes=dice.between(0.0, 0.35) + 0.6 * softness**2,
        shadow=softness**2 * dice.unit(),
        brow=mix(scaled(tone, 0.72), (0.16, 0.11, 0.09), 0.35),
        brow_height=dice.around(0.128 + 0.012 * softness, 0.010),
        brow_weight=dice.around(0.030 - 0.012 * softness, 0.004),
        brow_arch=dice.around(0.016 + 0.012 * softness, 0.006),
        brow_tilt=dice.around(-0.008, 0.008),
    )


def _mouth(dice: _Dice, head: Head, softness: float) -> Mouth:
    smile = dice.between(0.4, 1.0) if dice.chance(0.5) else dice.between(-0.15, 0.32)
    gap = dice.between(0.018, 0.052) if dice.chance(0.55 if smile > 0.35 else 0.18) else 0.0
    red = dice.blend(((0.62, 0.12, 0.18), (0.80, 0.30, 0.34), (0.86, 0.46, 0.44), (0.50, 0.14, 0.22)))
    full = 1 + 0.25 * head.depth
    return Mouth(
        width=dice.around(0.168, 0.010) + 0.042 * max(0.0, smile),
        height=dice.around(0.42, 0.010),
        smile=smile,
        gap=gap,
        upper=dice.around(0.036 + 0.008 * softness, 0.005) * full,
        lower=dice.around(0.052 + 0.010 * softness, 0.006) * full,
        colour=lip_colour(head.skin, red, 0.08 + 0.65 * softness**2 * dice.unit()),
    )


def _beard(dice: _Dice) -> Beard:
    kind = dice.weighted((1.2, 1.2, 0.6, 0.6))
    if kind == 0:
        return Beard(0.95, 0.95, 0.95, dice.between(0.0, 0.14))
    if kind == 1:
        stubble = dice.between(0.18, 0.42)
        return Beard(stubble, stubble, stubble, 0.0)
    if kind == 2:
        return Beard(0.1, 0.95, 0.9, dice.between(0.0, 0.08))
    return Beard(0.0, 0.0, 0.95, 0.0)


def _glasses(dice: _Dice) -> Glasses:
    return Glasses(
        colour=dice.vary(FRAMES[int(dice.unit() * len(FRAMES))], 0.1),
        width=dice.between(0.165, 0.195),
        height=dice.between(0.105, 0.15),
        squareness=dice.unit(),
        rim=dice.between(0.006, 0.017),
        tint=dice.between(0.0, 0.12) if dice.chance(0.85) else dice.between(0.55, 0.85),
    )
