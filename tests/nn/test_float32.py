from typing import Any

import torch

from progan.nn.float32 import float32, set_float32

BACKENDS: Any = torch.backends


def on_gpu() -> list[str]:
    return [BACKENDS.cuda.matmul.fp32_precision, BACKENDS.cudnn.conv.fp32_precision]


def on_cpu() -> list[str]:
    return [BACKENDS.mkldnn.matmul.fp32_precision, BACKENDS.mkldnn.conv.fp32_precision]


def test_products_are_rounded_on_gpus_only_where_that_is_wanted() -> None:
    try:
        set_float32("tf32")
        assert on_gpu() == ["tf32", "tf32"]
        assert on_cpu() == ["ieee", "ieee"]
        with float32("ieee"):
            assert on_gpu() == on_cpu() == ["ieee", "ieee"]
        assert on_gpu() == ["tf32", "tf32"]
    finally:
        set_float32("ieee")
    assert on_gpu() == ["ieee", "ieee"]
