"""Who is painted: the numbers of a face, drawn from (seed, index).

Two hidden numbers tie the parts together: softness (jaw, brows, lashes, hair length, beard) and age (folds, gray hair).
"""

from __future__ import annotations

import math
from dataclasses import replace

from progan.data.painting.canvas import mix, scaled
from progan.data.painting.dice import Dice, along
from progan.data.painting.features import lip_colour
from progan.data.painting.palettes import BACKDROPS, FABRICS, FRAMES, HAIR_COLOURS, IRISES, SKINS, STYLES, Style
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


def draw_parameters(seed: int, index: int) -> FaceParameters:
    """The numbers of face `index` of the set `seed`. Raises ConfigError if either is negative."""
    dice = Dice(seed, index)
    softness, age = dice.unit(), dice.unit() ** 1.6
    head = _head(dice, softness, age)
    hair = _hair(dice, head, softness, age)
    mouth = _mouth(dice, head, softness)
    hat = _hat(dice) if dice.chance(0.10) else None
    return FaceParameters(
        pose=_pose(dice),
        light=_light(dice),
        backdrop=_backdrop(dice),
        clothes=Clothes(dice.vary(dice.one_of(FABRICS), 0.12), dice.between(0.02, 0.14), dice.chance(0.35)),
        head=head,
        eyes=_eyes(dice, head, hair, softness, age),
        nose=_nose(dice, head, softness),
        mouth=mouth,
        hair=_under_hat(hair) if hair and hat else hair,
        beard=_beard(dice, head, hair, age) if softness < 0.45 and dice.chance(0.55) else None,
        glasses=_glasses(dice) if dice.chance(0.17 + 0.12 * age) else None,
        hat=hat,
    )


def _pose(dice: Dice) -> Pose:
    return Pose(
        rotation=dice.around(0.0, 0.045),
        shift_x=dice.around(0.0, 0.015),
        shift_y=dice.around(0.01, 0.015),
        scale=dice.around(0.98, 0.025),
        turn=dice.around(0.0, 0.024),
    )


def _light(dice: Dice) -> Light:
    return Light(dice.between(-1.0, 1.0), dice.between(0.1, 1.0), dice.between(0.30, 0.58), dice.between(-1.0, 1.0))


def _backdrop(dice: Dice) -> Backdrop:
    first, second = dice.one_of(BACKDROPS)
    if dice.chance(0.5):
        first, second = second, first
    return Backdrop(
        first=dice.vary(first, 0.08),
        second=dice.vary(second, 0.08),
        direction=dice.between(-math.pi, math.pi),
        glow=dice.unit(),
        spots=tuple(_spot(dice) for _ in range(int(dice.unit() * 7) if dice.chance(0.6) else 0)),
        stripes=(dice.between(1.0, 6.0), dice.around(0.0, 0.35), dice.between(0.03, 0.12) if dice.chance(0.3) else 0.0),
    )


def _spot(dice: Dice) -> tuple[float, float, float, float]:
    return dice.between(-1.1, 1.1), dice.between(-1.1, 0.8), dice.between(0.1, 0.42), dice.between(-0.2, 0.3)


def _head(dice: Dice, softness: float, age: float) -> Head:
    depth = dice.unit() ** 1.15
    width = dice.around(0.50, 0.018)
    return Head(
        skin=dice.vary(along(SKINS, depth * (len(SKINS) - 1)), 0.025),
        depth=depth,
        width=width,
        jaw=width * dice.around(0.90 - 0.09 * softness, 0.03),
        chin=dice.around(0.745 - 0.03 * softness, 0.022),
        neck=dice.around(0.345 - 0.075 * softness, 0.015),
        ears=dice.around(1.0, 0.08),
        blush=dice.between(0.15, 0.55 + 0.35 * softness),
        age=age,
    )


def _hair(dice: Dice, head: Head, softness: float, age: float) -> Hair | None:
    if dice.chance(0.17 * (1 - softness) ** 2 * (0.4 + 2 * age)):
        return None
    style = list(STYLES.values())[dice.weighted([_worn(style, softness) for style in STYLES.values()])]
    tone = _tone(dice, head, age)
    return Hair(
        tone=tone,
        colour=dice.vary(mix(*HAIR_COLOURS[tone], dice.unit()), 0.05),
        shine=dice.between(0.25, 0.9),
        volume=dice.between(*style.volume),
        side=dice.between(*style.side),
        length=dice.between(*style.length),
        drape=head.width * dice.between(*style.drape),
        hairline=dice.between(*style.hairline) - 0.05 * age * (style.hairline[0] < -0.4),
        part=dice.around(0.0, 0.14),
        sweep=dice.between(*style.sweep),
        fringe=dice.between(*style.fringe),
        curl=dice.between(*style.curl),
        wave=dice.between(*style.wave),
        density=dice.between(*style.density),
        bun=dice.between(*style.bun),
        frequencies=tuple(base * dice.between(0.8, 1.2) for base in (9.0, 21.0, 38.0, 64.0, 110.0)),
        phases=tuple(dice.between(0.0, 2 * math.pi) for _ in range(5)),
    )


def _tone(dice: Dice, head: Head, age: float) -> str:
    """A name of HAIR_COLOURS: black is commoner with dark skin, blond and red with pale, gray with age."""
    pale = (1 - head.depth) ** 1.5
    weights = (1.0 + 2.6 * head.depth, 1.7, 1.7 * pale + 0.05, 0.65 * pale, 2.4 * age**2.5)
    return list(HAIR_COLOURS)[dice.weighted(weights)]


def _worn(style: Style, softness: float) -> float:
    return style.worn[0] + (style.worn[1] - style.worn[0]) * softness


def _under_hat(hair: Hair) -> Hair:
    """Hair flattened by a cap."""
    return replace(hair, volume=min(hair.volume, 0.03), side=min(hair.side, 0.06), bun=0.0)


def _hat(dice: Dice) -> Hat:
    return Hat(
        colour=dice.vary(dice.one_of(FABRICS), 0.12),
        brim=dice.between(-0.46, -0.36),
        fold=dice.between(0.14, 0.22),
        volume=dice.between(0.06, 0.16),
    )


def _nose(dice: Dice, head: Head, softness: float) -> Nose:
    return Nose(
        width=dice.around(1.05 - 0.12 * softness + 0.12 * head.depth, 0.09),
        length=dice.around(1.0, 0.06),
        bridge=dice.around(1.0, 0.15),
    )


def _eyes(dice: Dice, head: Head, hair: Hair | None, softness: float, age: float) -> Eyes:
    pale = (1 - head.depth) ** 1.2
    iris = IRISES[dice.weighted((2.0, 1.5, 0.7 * pale, 0.7 * pale, 1.2 * pale, 0.7 * pale))]
    tone = hair.colour if hair else _bare_brow(age)
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


def _mouth(dice: Dice, head: Head, softness: float) -> Mouth:
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


def _beard(dice: Dice, head: Head, hair: Hair | None, age: float) -> Beard:
    colour = scaled(hair.colour if hair else _bare_brow(age), 0.78)
    kind = dice.weighted((1.4, 1.0, 0.7, 0.6))
    if kind == 0:
        return Beard(colour, 1.0, 1.0, 0.95, dice.between(0.0, 0.14))
    if kind == 1:
        stubble = dice.between(0.25, 0.45)
        return Beard(mix(scaled(head.skin, 0.55), colour, 0.35), stubble, stubble, stubble, 0.0)
    if kind == 2:
        return Beard(colour, 0.1, 0.95, 0.9, dice.between(0.0, 0.08))
    return Beard(colour, 0.0, 0.0, 0.95, 0.0)


def _bare_brow(age: float) -> Colour:
    """The colour of brows and beard under a bald head."""
    return mix((0.12, 0.09, 0.08), (0.45, 0.38, 0.33), age)


def _glasses(dice: Dice) -> Glasses:
    return Glasses(
        colour=dice.vary(dice.one_of(FRAMES), 0.1),
        width=dice.between(0.165, 0.195),
        height=dice.between(0.105, 0.15),
        squareness=dice.unit(),
        rim=dice.between(0.006, 0.017),
        tint=dice.between(0.0, 0.12) if dice.chance(0.85) else dice.between(0.55, 0.85),
    )
