import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from progan.distributed.world import World
from progan.engine.average import averaged_copy, decay, update_average
from progan.engine.checkpoint import _make_room_for_moments, load_checkpoint, save_checkpoint
from progan.engine.compiling import compile_network
from progan.engine.optimizers import make_optimizer
from progan.engine.play import SMALLEST_SCALE, Player, frozen, precision
from progan.engine.rounds import RealImages
from progan.engine.settings import Adam, OptimConfig, Sgd
from progan.engine.train import Training, train
from progan.losses.objective import Objective
from progan.types import Batch, DataError, TrainingError


def _weights(training: Training) -> dict[str, Tensor]:
    networks = {"average": training.average, **training.system.networks}
    return {f"{role}.{name}": t.clone() for role, net in networks.items() for name, t in net.state_dict().items()}


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _run(setup: Any, reals: RealImages, training: Training | None = None, until: int | None = None) -> Training:
    training = training or setup.fresh()
    for tick in train(training, setup.schedule, reals, setup.rules):
        if until is not None and tick.images_seen >= until:
            break
    return training


@pytest.mark.parametrize("loss", ["wgan-gp", "logistic-r1"])
@pytest.mark.parametrize("precision_name", ["fp32", "bf16", "fp16"])
def test_resuming_in_mid_fade_equals_the_undisturbed_run_bit_for_bit(
    setup: Callable[..., Any], reals: RealImages, tmp_path: Path, loss: str, precision_name: str
) -> None:
    chosen = setup(loss, tick=32, precision=precision_name)
    undisturbed = _run(chosen, reals)
    first = _run(chosen, reals, until=96)
    assert 0 < first.average.fade < 1
    save_checkpoint(first, tmp_path / "checkpoint.safetensors")
    second = chosen.fresh()
    load_checkpoint(second, tmp_path / "checkpoint.safetensors")
    assert second.images_seen == 96
    assert _equal(_weights(_run(chosen, reals, second)), _weights(undisturbed))


@pytest.mark.parametrize("loss", ["wgan-gp", "logistic-r1"])
@pytest.mark.parametrize("role", ["generator", "discriminator"])
@torch._dynamo.config.patch(recompile_limit=0)
def test_a_compiled_network_is_trained_to_the_same_weights(
    setup: Callable[..., Any], reals: RealImages, loss: str, role: str
) -> None:
    """Through a fade, whose every round has another weight; in graphs of their own for layers and batches."""
    torch._dynamo.reset()  # graphs are shared by networks of one make
    torch._dynamo.utils.counters.clear()
    chosen = setup(loss, tick=32)
    compiled = chosen.fresh()
    compile_network(compiled.system.networks[role], backend="aot_eager")
    _run(chosen, reals, compiled)
    assert 0 < torch._dynamo.utils.counters["stats"]["unique_graphs"] < 20
    for name, tensor in _weights(_run(chosen, reals)).items():
        torch.testing.assert_close(_weights(compiled)[name], tensor, rtol=1e-4, atol=1e-5)


def test_resuming_where_a_stage_begins_resets_the_optimizers_once(
    setup: Callable[..., Any], reals: RealImages, tmp_path: Path
) -> None:
    chosen = setup(tick=32)
    undisturbed = _run(chosen, reals)
    first = _run(chosen, reals, until=64)
    save_checkpoint(first, tmp_path / "checkpoint.safetensors")
    second = chosen.fresh()
    load_checkpoint(second, tmp_path / "checkpoint.safetensors")
    assert _equal(_weights(_run(chosen, reals, second)), _weights(undisturbed))


def test_optimizers_are_reset_where_a_fade_starts_and_ends_and_only_there(
    setup: Callable[..., Any], reals: RealImages
) -> None:
    chosen = setup(tick=8)
    steps = {}
    training = chosen.fresh()
    for tick in train(training, chosen.schedule, reals, chosen.rules):
        state = training.players["generator"].optimizer.state[training.system.generator.stem.bias]
        steps[tick.images_seen] = int(state["step"].item())
    assert steps[64] == 4
    assert [steps[seen] for seen in (72, 80, 160, 168, 224)] == [1, 2, 12, 1, 8]


def test_without_the_reset_the_moments_live_on(setup: Callable[..., Any], reals: RealImages) -> None:
    training = _run(setup(reset_at_fade=False), reals)
    state = training.players["generator"].optimizer.state[training.system.generator.stem.bias]
    assert int(state["step"].item()) == 4 + 12 + 8


def test_ticks_cover_every_image_once_and_end_with_their_stage(setup: Callable[..., Any], reals: RealImages) -> None:
    chosen = setup(tick=50)
    ticks = list(train(chosen.fresh(), chosen.schedule, reals, chosen.rules))
    assert sum(tick.images for tick in ticks) == ticks[-1].images_seen == 224
    assert {64, 160, 224} <= {tick.images_seen for tick in ticks}
    assert all(tick.losses.keys() == ticks[0].losses.keys() for tick in ticks)
    assert set(ticks[0].losses) == {
        "discriminator/wasserstein",
        "discriminator/gradient_penalty",
        "discriminator/drift",
        "generator/wasserstein",
    }


def test_where_the_ticks_fall_does_not_change_the_training(setup: Callable[..., Any], reals: RealImages) -> None:
    assert _equal(_weights(_run(setup(tick=8), reals)), _weights(_run(setup(tick=1000), reals)))


def test_what_a_tick_tells_is_the_mean_of_its_rounds(setup: Callable[..., Any], reals: RealImages) -> None:
    """Of four ticks of a round each, and of two of two rounds."""
    told = []
    for tick in (16, 32):
        chosen = setup(tick=tick)
        ticks = train(chosen.fresh(), chosen.schedule, reals, chosen.rules)
        told.append([next(ticks).losses["generator/wasserstein"] for _ in range(64 // tick)])
    one, two, three, four = told[0]
    assert told[1] == pytest.approx([(one + two) / 2, (three + four) / 2], rel=1e-5)


def test_stopping_between_ticks_and_going_on_changes_nothing(setup: Callable[..., Any], reals: RealImages) -> None:
    chosen = setup(tick=1000)
    training, calls = chosen.fresh(), iter([False] * 6 + [True] * 9)
    ticks = list(train(training, chosen.schedule, reals, chosen.rules, lambda: next(calls)))
    assert ticks[-1].stopped
    assert ticks[-1].images_seen < 224
    assert _equal(_weights(_run(chosen, reals, training)), _weights(_run(chosen, reals)))


def test_the_average_is_that_of_the_generator_before_each_round(setup: Callable[..., Any], reals: RealImages) -> None:
    chosen = setup(tick=16)
    training = chosen.fresh()
    before = [training.system.generator.stem.bias.detach().clone()]
    for tick in train(training, chosen.schedule, reals, chosen.rules):
        if tick.images_seen == 64:
            break
        before.append(training.system.generator.stem.bias.detach().clone())
    expected = before[0].clone()
    for bias in before:
        expected = torch.lerp(expected, bias, 1 - 0.5 ** (16 / 50))
    torch.testing.assert_close(training.average.stem.bias, expected)


def test_the_average_has_the_buffers_of_the_generator() -> None:
    network = torch.nn.BatchNorm1d(3)
    average = averaged_copy(network)
    network(torch.randn(8, 3))
    update_average(average, network, 0.9)
    assert torch.equal(average.running_mean, network.running_mean)


def test_at_the_start_the_average_forgets_as_fast_as_its_ramp_says(
    setup: Callable[..., Any], reals: RealImages
) -> None:
    chosen = setup(tick=16, ema_half_life_kimg=1000, ema_ramp_up=0.5)
    training = chosen.fresh()
    before = [training.system.generator.stem.bias.detach().clone()]
    ticks = train(training, chosen.schedule, reals, chosen.rules)
    for _ in range(2):
        next(ticks)
        before.append(training.system.generator.stem.bias.detach().clone())
    next(ticks)
    first = torch.lerp(before[0], before[1], 1 - 0.5 ** (16 / 8))  # the half-life is half of 16 images
    torch.testing.assert_close(training.average.stem.bias, torch.lerp(first, before[2], 1 - 0.5 ** (16 / 16)))


def test_without_an_average_samples_are_the_generator_itself(setup: Callable[..., Any], reals: RealImages) -> None:
    training = _run(setup(ema_half_life_kimg=0), reals)
    assert _equal(training.system.generator.state_dict(), training.average.state_dict())


def test_the_decay_halves_the_past_after_the_half_life_at_any_batch() -> None:
    assert decay(32, 10**6, 10, None) ** (10_000 / 32) == pytest.approx(0.5)
    assert decay(512, 10**6, 10, None) ** (10_000 / 512) == pytest.approx(0.5)
    assert decay(100, 2000, 10, 0.05) == pytest.approx(0.5)
    assert decay(100, 10**6, 10, 0.05) == decay(100, 10**6, 10, None)  # the start is long forgotten
    assert decay(32, 0, 10, 0.05) == 0
    assert decay(32, 10**6, 0, None) == 0


def test_a_term_that_is_not_finite_stops_the_run_naming_term_and_images(
    setup: Callable[..., Any], reals: RealImages
) -> None:
    chosen = setup(tick=64)
    training = chosen.fresh()

    def poisoned(resolution: int, position: int, count: int, part: slice) -> Batch:
        if position >= 32:
            with torch.no_grad():
                training.system.discriminator.head.output.weight.fill_(float("inf"))
        return reals.batch(resolution, position, count, part)

    poison = type("Poison", (), {"batch": staticmethod(poisoned), "labelled_batch": staticmethod(poisoned)})()
    with pytest.raises(TrainingError, match=r"discriminator/wasserstein is not finite at 32 images"):
        list(train(training, chosen.schedule, poison, chosen.rules))


def test_a_round_that_does_not_fit_a_gpu_is_told_with_the_setting_that_makes_it_fit(
    setup: Callable[..., Any], reals: RealImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    chosen = setup(tick=64)
    monkeypatch.setattr("progan.engine.train.play_round", full)
    with pytest.raises(TrainingError, match=r"do not fit the memory of cpu .*optim\.max_images_per_process\.4="):
        list(train(chosen.fresh(), chosen.schedule, reals, chosen.rules))


def test_optimizers_have_the_settings_that_are_given() -> None:
    network = torch.nn.Linear(2, 2)
    (adam,) = make_optimizer(network, Adam(beta1=0.3, beta2=0.7, eps=1e-3), 0.1).param_groups
    assert (adam["lr"], adam["betas"], adam["eps"]) == (0.1, (0.3, 0.7), 1e-3)
    (sgd,) = make_optimizer(network, Sgd(lr=0.5, momentum=0.9), 0.1).param_groups
    assert (sgd["lr"], sgd["momentum"]) == (0.5, 0.9)


def test_momentum_takes_layers_that_fade_in() -> None:
    """Whose weights have no momentum yet, where the others have."""
    network = torch.nn.ModuleList([torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)])
    player = Player("generator", network, Objective([]), OptimConfig(generator=Sgd(momentum=0.9)))
    for grown in (network[:1], network):
        for parameter in grown.parameters():
            parameter.grad = torch.ones_like(parameter)
        before = [parameter.clone() for parameter in grown.parameters()]
        player.optimizer.step()
        assert all(not torch.equal(old, new) for old, new in zip(before, grown.parameters(), strict=True))


def test_an_opponent_is_frozen_and_restored() -> None:
    opponent = torch.nn.Linear(2, 2)
    opponent.bias.requires_grad_(False)
    with contextlib.suppress(RuntimeError), frozen(opponent):
        assert not opponent.weight.requires_grad
        raise RuntimeError
    assert opponent.weight.requires_grad
    assert not opponent.bias.requires_grad


def test_bf16_runs_the_networks_in_bf16_and_keeps_weights_and_penalty_in_fp32(
    setup: Callable[..., Any], reals: RealImages
) -> None:
    training = _run(setup(precision="bf16"), reals)
    assert all(p.dtype == torch.float32 for p in training.system.generator.parameters())
    with precision("bf16", torch.device("cpu")):
        assert training.system.generator(torch.randn(2, 8), torch.full((2,), -1)).dtype == torch.bfloat16


def test_fp16_has_a_scaler_for_each_network_and_overcomes_overflow(
    setup: Callable[..., Any], reals: RealImages
) -> None:
    chosen = setup(precision="fp16", tick=8)
    training = chosen.fresh()
    scalers = [player.scaler for player in training.players.values()]
    for scaler in scalers:
        scaler._init_scale = 2.0**30  # beyond fp16: the first steps overflow and must be skipped, not taken
    before = training.system.discriminator.head.output.weight.detach().clone()
    ticks = iter(train(training, chosen.schedule, reals, chosen.rules))
    with contextlib.suppress(TrainingError):
        next(ticks)
    assert torch.equal(training.system.discriminator.head.output.weight, before)
    assert scalers[0].get_scale() < 2.0**30
    assert scalers[0] is not scalers[1]


def test_the_loss_scale_of_fp16_is_in_the_checkpoint(setup: Callable[..., Any], tmp_path: Path) -> None:
    chosen = setup(precision="fp16")
    training, restored = chosen.fresh(), chosen.fresh()
    for player in training.players.values():
        player.scaler.scale(torch.ones(()))
        player.scaler.update(32.0)
    save_checkpoint(training, tmp_path / "checkpoint.safetensors")
    load_checkpoint(restored, tmp_path / "checkpoint.safetensors")
    assert [player.scaler.get_scale() for player in restored.players.values()] == [32.0, 32.0]


def test_fp16_stops_where_no_scale_makes_gradients_finite(setup: Callable[..., Any], reals: RealImages) -> None:
    chosen = setup(precision="fp16", tick=8)
    training = chosen.fresh()
    player = training.players["discriminator"]
    player.scaler._init_scale = SMALLEST_SCALE
    player.network.head.output.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(TrainingError, match="discriminator: the fp16 loss scale fell to nothing"):
        list(train(training, chosen.schedule, reals, chosen.rules))


def test_the_shares_of_any_world_are_the_global_batch_in_order() -> None:
    batch = list(range(16))
    for size in (1, 2, 4):
        assert [image for rank in range(size) for image in batch[World(rank, size).share(16)]] == batch


def test_a_restored_optimizer_keeps_its_numbers_where_a_fresh_one_does() -> None:
    """Fused optimizers take a step count on their parameters' device only: seen on a GPU that is only pretended."""
    with FakeTensorMode():
        network = torch.nn.ParameterDict({"weight": torch.nn.Parameter(torch.empty(2, 3, device="cuda"))})
        player = Player("generator", network, Objective([]), OptimConfig())
        for parameter in network.parameters():
            parameter.grad = torch.empty_like(parameter)
        player.optimizer.step()
        fresh = {(name, key): moment.device for name, key, moment in _moments(player)}
        stored = {f"generator-optimizer.{name}.{key}": held.cpu() for name, key, held in _moments(player)}
        _make_room_for_moments("generator", player, stored)
        assert {(name, key): moment.device for name, key, moment in _moments(player)} == fresh
        assert {device.type for device in fresh.values()} == {"cuda"}


def _moments(player: Player) -> list[tuple[str, str, Tensor]]:
    state = player.optimizer.state
    return [(name, key, held) for name, p in player.network.named_parameters() for key, held in state[p].items()]


def test_a_checkpoint_of_other_networks_is_refused(
    setup: Callable[..., Any], reals: RealImages, tmp_path: Path
) -> None:
    chosen = setup()
    path = tmp_path / "checkpoint.safetensors"
    save_checkpoint(_run(chosen, reals, until=64), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a readable progan checkpoint"):
        load_checkpoint(chosen.fresh(), path)
