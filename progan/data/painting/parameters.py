"""Everything that tells one painted face from another, as plain numbers.

Lengths are in face coordinates: the frame is 2 wide, the eyes are 0.5 apart, the head about 1 wide and 1.5 high.
Colours are sRGB in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Pose:
    """Where the head lies in the frame."""

    rotation: float = 0.0  # radians, clockwise
    shift_x: float = 0.0
    shift_y: float = 0.0
    scale: float = 1.0
    turn: float = 0.0  # parallax of the nose against the outline, positive to the right


@dataclass(frozen=True)
class Light:
    """One soft lamp and the light around it."""

    side: float  # -1 from the left .. 1 from the right
    height: float  # 0 level with the face .. 1 from above
    ambient: float  # 0..1, the share of light that reaches shadows
    warmth: float  # -1 cool .. 1 warm


@dataclass(frozen=True)
class Backdrop:
    """Two colours run into each other, with large soft lights."""

    first: Colour
    second: Colour
    direction: float  # radians
    glow: float  # strength of the halo behind the head, 0..1
    spots: tuple[tuple[float, float, float, float], ...]  # out-of-focus discs: x, y, radius, strength -1..1
    stripes: tuple[float, float, float]  # soft folds of a curtain: waves across the frame, direction, strength


@dataclass(frozen=True)
class Clothes:
    """A garment that shows at the lower edge."""

    colour: Colour
    neckline: float  # depth of its opening under the chin
    pointed: bool  # a V instead of a round neck


@dataclass(frozen=True)
class Head:
    """Bones, skin and age."""

    skin: Colour
    depth: float  # 0 the lightest skin .. 1 the darkest
    width: float  # half width at the cheekbones
    jaw: float  # half width at the jaw
    chin: float  # height of the chin's lowest point
    neck: float  # half width
    ears: float  # size, 1 is usual
    blush: float  # 0..1
    age: float  # 0..1: folds, furrows


@dataclass(frozen=True)
class Eyes:
    """Both eyes and brows."""

    iris: Colour
    width: float  # half width of the opening
    opening: float  # half height
    tilt: float  # slope, positive lifts the outer corners
    gaze_x: float
    gaze_y: float
    lashes: float  # 0..1
    shadow: float  # make-up, 0..1
    brow: Colour
    brow_height: float  # over the eye
    brow_weight: float  # half thickness
    brow_arch: float
    brow_tilt: float  # positive lowers the inner ends


@dataclass(frozen=True)
class Nose:
    """Its width and length against the usual one."""

    width: float
    length: float
    bridge: float  # strength of its relief


@dataclass(frozen=True)
class Mouth:
    """Lips and what shows between them."""

    width: float  # half width
    height: float  # position of its line
    smile: float  # -0.3 sullen .. 1 broad smile
    gap: float  # half the opening; 0 is closed
    upper: float  # thickness of the upper lip
    lower: float  # thickness of the lower lip
    colour: Colour


@dataclass(frozen=True)
class Hair:
    """Head hair. The front part ends at the hairline; the rest hangs behind and beside the face."""

    tone: str  # "black", "brown", "blond", "red" or "gray"
    colour: Colour
    shine: float  # 0..1
    volume: float  # how far it stands off the skull at the top
    side: float  # how far it stands off at the sides
    length: float  # height at which it ends: near 0 above the ears, 1 beyond the frame
    drape: float  # half width left free for the face below the temples
    hairline: float  # height of its middle over the forehead, negative is up
    part: float  # where the strands fall apart
    sweep: float  # how much the hairline drops away from the part
    fringe: float  # raggedness of the hairline, 0 for smooth
    curl: float  # 0 straight .. 1 tight curls
    wave: float  # sideways swing of long strands
    density: float  # opacity: under 1 the scalp shines through
    bun: float  # radius of a knot on the crown, 0 for none
    frequencies: tuple[float, ...]  # of the strands, in waves a radian
    phases: tuple[float, ...]


@dataclass(frozen=True)
class Beard:
    """Facial hair."""

    colour: Colour
    cheeks: float  # opacity over jaw and chin, 0..1
    chin: float  # opacity around the chin alone
    moustache: float  # opacity over the lip
    length: float  # how far it hangs below the chin


@dataclass(frozen=True)
class Glasses:
    """A pair of spectacles."""

    colour: Colour
    width: float  # half width of a lens
    height: float
    squareness: float  # 0 oval .. 1 rectangle
    rim: float  # thickness of the frame
    tint: float  # opacity of the lenses


@dataclass(frozen=True)
class Hat:
    """A knitted cap."""

    colour: Colour
    brim: float  # height of its lower edge over the forehead
    fold: float  # width of the turned-up band
    volume: float


@dataclass(frozen=True)
class FaceParameters:
    """One face. None where it has no such thing."""

    pose: Pose
    light: Light
    backdrop: Backdrop
    clothes: Clothes
    head: Head
    eyes: Eyes
    nose: Nose
    mouth: Mouth
    hair: Hair | None
    beard: Beard | None
    glasses: Glasses | None
    hat: Hat | None
