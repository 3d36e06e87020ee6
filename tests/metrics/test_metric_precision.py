import torch

from progan.metrics.precision import published_precision


def test_the_settings_hold_inside_and_are_restored_after_an_error() -> None:
    operation = torch.backends.cudnn.conv
    before = operation.fp32_precision
    try:
        operation.fp32_precision = "tf32"
        with torch.autocast("cpu", dtype=torch.bfloat16):
            try:
                with published_precision(torch.device("cpu")):
                    assert operation.fp32_precision == "ieee"
                    assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
                    raise ValueError
            except ValueError:
                assert operation.fp32_precision == "tf32"
            assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    finally:
        operation.fp32_precision = before
