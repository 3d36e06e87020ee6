import torch

from progan.nn.maxout import Maxout


def test_a_maxout_unit_gives_the_largest_of_its_own_affine_functions() -> None:
    torch.manual_seed(0)
    layer, x = Maxout(3, units=2, pieces=4), torch.randn(5, 3)
    weight, bias = layer.affine.weight.tolist(), layer.affine.bias.tolist()
    for sample, found in zip(x.tolist(), layer(x).tolist(), strict=True):
        for unit in range(2):
            values = []
            for piece in range(4 * unit, 4 * unit + 4):
                values.append(sum(w * a for w, a in zip(weight[piece], sample, strict=True)) + bias[piece])
            assert abs(found[unit] - max(values)) < 1e-6


def test_two_opposite_pieces_give_the_absolute_value() -> None:
    layer = Maxout(1, units=1, pieces=2)
    with torch.no_grad():
        layer.affine.weight.copy_(torch.tensor([[1.0], [-1.0]]))
        layer.affine.bias.zero_()
    x = torch.linspace(-2, 2, 7)[:, None]
    assert torch.equal(layer(x), x.abs())
