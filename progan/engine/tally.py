"""What a round costs, counted without computing it: every tensor has a size but no contents."""

import copy
import itertools
import math
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeCopyMode, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry, register_flop_formula

from progan.engine.settings import OptimConfig
from progan.engine.trial import Rounds, Trial
from progan.nn import winograd  # noqa: F401  (its operations are counted)
from progan.schedule import Phase
from progan.systems.system import System
from progan.types import DataSpec


@dataclass(frozen=True)
class Tally:
    """Of one process."""

    # Of a round, mean: two for each multiplication and addition of matrix products and convolutions, these added up
    # directly: an algorithm that needs fewer is faster, not less work.
    flops: float
    operations: float  # of a round, mean: what is launched one after the other
    peak_bytes: int  # all tensors that exist at one time, at most; what kernels need for themselves is not among them
    state_bytes: int  # of these, what stays between rounds: weights, averages, gradients and the optimizers' moments
    gradient_bytes: int  # of these, what processes average


def tally(system: System, optim: OptimConfig, phase: Phase, data: DataSpec, processes: int = 1) -> Tally:
    """Of rounds at `phase` by one of so many processes, phase.batch being its share.

    system: on the CPU. It is left untrained, and may be counted again; only `calibrate` is called.
    """
    alike = {"fp16": "bf16", "tf32": "fp32"}  # in size; only these two do without a look at any number
    optim = optim.model_copy(update={"precision": alike.get(optim.precision, optim.precision), "compile": False})
    return tally_rounds(Trial(system, optim, phase, data, torch.device("cpu"), processes))


def tally_rounds(trial: Rounds) -> Tally:
    """Of rounds that are played on the CPU."""
    fake = FakeTensorMode()
    with FakeCopyMode(fake):
        trial = copy.deepcopy(trial)
    with fake, _Counting() as counting:
        for module in trial.modules():
            for tensor in itertools.chain(module.parameters(), module.buffers()):
                counting.note(tensor)
        trial.play(1)  # makes the optimizers' moments
        counting.begin()
        trial.play(0)
        first = rest = counting.begin()
        if trial.period > 1:
            trial.play(1)
            rest = counting.begin()
        flops, operations = ((a + (trial.period - 1) * b) / trial.period for a, b in zip(first, rest, strict=True))
        parameters = [parameter for module in trial.modules() for parameter in module.parameters()]
        gradients = sum(p.grad.nbytes for p in parameters if p.grad is not None)
        return Tally(flops, operations, counting.peak, counting.live, gradients)


@register_flop_formula(torch.ops.progan.winograd_convolve)
def _winograd_flops(x: torch.Size, weight: torch.Size, kind: str, *_: Any, **__: Any) -> int:
    """Where images are halved or doubled: with a stride, which takes 16 taps for each pixel of the smaller ones."""
    pixels = x[0] * math.prod(x[2:])
    each = {"same": 9, "halved": 16 / 4, "doubled": 16}[kind]
    return round(2 * pixels * each * weight[0] * weight[1])


@register_flop_formula(torch.ops.progan.winograd_weight_gradient)
def _winograd_gradient_flops(x: torch.Size, y: torch.Size, kind: str, *_: Any, out_shape: torch.Size, **__: Any) -> int:
    return _winograd_flops(x, out_shape, kind)


class _Counting(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts while it is entered."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.live = self.peak = 0  # bytes
        self._flops = self._operations = 0
        self._storages: dict[int, Any] = {}  # weak references to those that exist

    def begin(self) -> tuple[int, int]:
        """FLOPs and operations since the last call."""
        counted = self._flops, self._operations
        self._flops = self._operations = 0
        return counted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self._flops += formula(*args, **kwargs, out_val=out)
        if not func.is_view:
            self._operations += 1
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor):
                self.note(leaf)
        return out

    def note(self, tensor: Tensor) -> None:
        """Count its bytes until it is gone."""
        storage = tensor.untyped_storage()
        number, size = storage._cdata, storage.nbytes()
        if number in self._storages:
            return

        def forget(_: Any) -> None:
            self.live -= size
            del self._storages[number]

        self._storages[number] = weakref.ref(storage, forget)
        self.live += size
        self.peak = max(self.peak, self.live)
