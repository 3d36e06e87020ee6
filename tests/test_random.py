import torch

from progan.random import generator, key


def test_draws_depend_on_seed_stream_and_counter_alone() -> None:
    def draw(seed: int, stream: str, counter: int) -> list[float]:
        return torch.rand(4, generator=generator(seed, stream, counter)).tolist()

    first = draw(0, "latents", 5)
    torch.rand(100)
    assert draw(0, "latents", 5) == first
    assert len({tuple(draw(*where)) for where in [(0, "a", 0), (1, "a", 0), (0, "b", 0), (0, "a", 1)]}) == 4


def test_keys_stay_the_same_from_version_to_version() -> None:
    assert key(0, "latents-0", 128) == 141798170115755028
