from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from progan.networks.progressive import ProgressiveGenerator
from progan.sampling import generate
from progan.sampling.generate import image_sequence, to_uint8
from progan.sampling.grids import grid_shape, read_sheet, save_sheet, scaled, shown_width, tile
from progan.sampling.latents import draw_labels, draw_latents, grid_labels
from progan.sampling.legend import with_legend
from progan.types import DataError, LabelSpace, LatentSpace


@pytest.mark.parametrize("pixels_at_once", [2**22, 512])
def test_the_nth_image_does_not_depend_on_how_the_sequence_is_cut(
    pixels_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generate, "PIXELS_AT_ONCE", pixels_at_once)
    torch.manual_seed(0)
    draw = image_sequence(ProgressiveGenerator(8, 8, base=32, maximum=8), 8, 0, LatentSpace(8), LabelSpace())
    whole = draw(0, 150)
    assert torch.equal(torch.cat([draw(0, 10), draw(10, 100), draw(110, 40)]), whole)
    assert len({image.numpy().tobytes() for image in whole}) == 150


def test_few_large_images_are_computed_together_and_none_that_was_not_asked_for() -> None:
    class Noting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))
            self.counts: list[int] = []

        def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
            self.counts.append(len(latents))
            return torch.zeros(len(latents), 3, 1, 1)

    for resolution, computed in [(28, [64]), (256, [64]), (300, [32]), (512, [16]), (1024, [4, 4])]:
        generator = Noting()
        draw = image_sequence(generator, resolution, 0, LatentSpace(8), LabelSpace())
        assert len(draw(0, 7)) == 7
        assert generator.counts == computed


def test_floats_become_the_nearest_byte_and_are_clipped() -> None:
    values = torch.tensor([-2.0, -1.0, -0.001, 0.0, 0.999, 1.0, 3.0])
    assert to_uint8(values).tolist() == [0, 0, 127, 128, 255, 255, 255]


def test_every_byte_survives_the_way_into_the_network_and_back() -> None:
    from progan.data.reals import to_reals

    pixels = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16)
    assert torch.equal(to_uint8(to_reals(pixels)), pixels)


def test_a_sheet_shows_the_images_row_by_row(tmp_path: Path) -> None:
    images = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1).expand(5, 3, 2, 2)
    sheet = tile(images, columns=2)
    assert sheet[::2, ::2, 0].tolist() == [[0, 1], [2, 3], [4, 0]]
    save_sheet(sheet, tmp_path / "sheet.png")
    assert Image.open(tmp_path / "sheet.png").size == (4, 6)


def test_a_sheet_comes_back_from_its_file_and_another_file_is_named(tmp_path: Path) -> None:
    sheet = torch.randint(0, 256, (6, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    save_sheet(sheet, tmp_path / "sheet.png")
    assert torch.equal(read_sheet(tmp_path / "sheet.png"), sheet)
    (tmp_path / "page.png").write_text("no picture")
    with pytest.raises(DataError, match=r"page\.png: not a readable PNG"):
        read_sheet(tmp_path / "page.png")


def test_a_sheet_is_enlarged_pixel_by_pixel_and_reduced_by_averaging() -> None:
    sheet = torch.randint(0, 256, (2, 4, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(scaled(sheet, 12), sheet.repeat_interleave(3, 0).repeat_interleave(3, 1))
    assert torch.equal(scaled(sheet, 4), sheet)
    even = torch.tensor([90, 110], dtype=torch.uint8).repeat(20, 10).unsqueeze(2).expand(-1, -1, 3).contiguous()
    reduced = scaled(even, 10)
    assert reduced.shape == (10, 10, 3)
    assert (reduced[:, 2:-2].int() - 100).abs().max() <= 3


@pytest.mark.parametrize(("width", "limit", "shown"), [(64, 1024, 1024), (96, 1024, 960), (2048, 1024, 1024)])
def test_a_sheet_is_shown_at_a_whole_multiple_of_its_size_if_it_fits(width: int, limit: int, shown: int) -> None:
    assert shown_width(width, limit) == shown


@pytest.mark.parametrize("width", [64, 512])
def test_a_legend_stands_below_the_picture_at_both_ends(width: int) -> None:
    sheet = torch.full((40, width, 3), 200, dtype=torch.uint8)
    one, other, bare = (with_legend(sheet, *texts) for texts in (("5 kimg", "8 px"), ("5 kimg", "4 px"), ("", "")))
    assert torch.equal(one[:40], sheet)
    ink = (one != bare).any(dim=2).any(dim=0)
    assert ink[: width // 2].any()
    assert ink[width // 2 :].any()
    assert not ink[[0, -1]].any()
    changed = (one != other).any(dim=2).any(dim=0).nonzero()
    assert changed.min() > width // 2


@pytest.mark.parametrize(("resolution", "shape"), [(4, (8, 16)), (128, (8, 16)), (256, (4, 8)), (1024, (1, 2))])
def test_grids_of_large_images_have_fewer(resolution: int, shape: tuple[int, int]) -> None:
    assert grid_shape(resolution) == shape


def test_grids_have_a_row_for_each_label_and_are_not_higher_than_wide() -> None:
    assert grid_shape(28, 10) == (10, 16)
    assert grid_shape(28, 4) == (8, 16)
    assert grid_shape(1024, 40) == (2, 2)


def test_labels_are_drawn_as_often_as_the_set_has_them_or_unlabelled() -> None:
    uniform, uneven = (
        torch.bincount(draw_labels(0, "x", 0, 4000, LabelSpace(3, counts)), minlength=3) for counts in ((), (1, 0, 3))
    )
    torch.testing.assert_close(uniform / 4000, torch.full((3,), 1 / 3), rtol=0, atol=0.02)
    torch.testing.assert_close(uneven / 4000, torch.tensor([0.25, 0, 0.75]), rtol=0, atol=0.02)
    assert uneven[1] == 0
    assert set(draw_labels(0, "x", 0, 5, LabelSpace()).tolist()) == {-1}
    assert grid_labels(6, LabelSpace(2), 2).tolist() == [0, 0, 1, 1, 0, 0]
    assert grid_labels(3, LabelSpace(), 2).tolist() == [-1, -1, -1]


def test_several_labels_are_drawn_together_as_the_set_has_them_and_shown_one_at_a_time() -> None:
    space = LabelSpace(3, counts=(1, 3), combinations=("001", "110"))
    rows, counts = draw_labels(0, "x", 0, 4000, space).unique(dim=0, return_counts=True)
    assert rows.tolist() == [[0, 0, 1], [1, 1, 0]]
    torch.testing.assert_close(counts / 4000, torch.tensor([0.25, 0.75]), rtol=0, atol=0.02)
    assert grid_labels(4, space, 1).tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_uniform_latents_fill_the_cube() -> None:
    latents = draw_latents(0, "x", 0, 2000, LatentSpace(4, "uniform"))
    assert latents.abs().max() <= 1
    torch.testing.assert_close(latents.std(dim=0), torch.full((4,), 3**-0.5), rtol=0.05, atol=0)
