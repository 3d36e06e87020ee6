import pytest
import torch

from pipelines.launch import product_seconds, slow_precision


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU has instructions for it")
@pytest.mark.parametrize(
    ("precision", "bf16", "fp32", "told"),
    [("bf16", 3.0, 1.0, True), ("bf16", 0.5, 1.0, False), ("fp32", 3.0, 1.0, False)],
)
def test_a_precision_that_is_slower_than_fp32_is_told(precision: str, bf16: float, fp32: float, told: bool) -> None:
    seconds = {torch.bfloat16: bf16, torch.float32: fp32}
    note = slow_precision(precision, lambda dtype: seconds[dtype])  # type: ignore[arg-type]
    assert (note is not None) is told


def test_products_take_time_in_both() -> None:
    assert min(map(product_seconds, (torch.bfloat16, torch.float32))) > 0
