"""The processes of one training: who I am, my share of a batch, averages over all. Sole user of torch.distributed."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from progan.types import DataError, ProganError

Result = TypeVar("Result")

BUCKET_BYTES = 64 * 2**20  # one all-reduce carries at most this much: large enough to fill a link, small enough to hold


@dataclass(frozen=True)
class World:
    """The rank facts of this process."""

    rank: int = 0
    size: int = 1
    local_size: int = 1  # processes on this node

    @property
    def is_main(self) -> bool:
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This rank's part of a global batch: consecutive samples, so groups of the minibatch statistics stay whole."""
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)


def broadcast_parameters(modules: Iterable[nn.Module]) -> None:
    """Give every rank the parameters and buffers of rank 0."""
    if not dist.is_initialized():
        return
    for module in modules:
        for tensor in module.state_dict().values():
            sent = tensor.contiguous()  # a tensor with the channels innermost cannot be sent as it lies
            dist.broadcast(sent, src=0)
            tensor.copy_(sent)


def average_gradients(parameters: Iterable[nn.Parameter], world: World) -> None:
    """Replace every existing gradient by its mean over the ranks, in flat buckets.

    Which gradients exist depends on the phase alone, which all ranks share, so the buckets agree.
    """
    if world.size == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    for bucket in _buckets(gradients):
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        dist.all_reduce(flat)
        flat /= world.size
        for gradient, mean in zip(bucket, torch.split(flat, [gradient.numel() for gradient in bucket]), strict=True):
            gradient.copy_(mean.view_as(gradient))


def average(tensor: Tensor, world: World) -> Tensor:
    """The mean of `tensor` over the ranks."""
    if world.size == 1:
        return tensor
    tensor = tensor.clone()
    dist.all_reduce(tensor)
    return tensor / world.size


def any_rank(flag: bool, device: torch.device, world: World) -> bool:
    """Whether `flag` is set on any rank; all ranks get the same answer."""
    if world.size == 1:
        return flag
    votes = torch.tensor(float(flag), device=device)
    dist.all_reduce(votes, op=dist.ReduceOp.MAX)
    return bool(votes.item())


def on_every_rank(call: Callable[[], Result], world: World) -> Result:
    """The result of `call`, which every rank makes at the same place.

    An error of one is raised on all at once, as a DataError. They agree over the CPU: a device is not waited for.
    """
    if world.size == 1:
        return call()
    try:
        result, problem = call(), ""
    except ProganError as error:
        result, problem = None, f"rank {world.rank}: {error}"
    votes = torch.tensor(float(bool(problem)))
    dist.all_reduce(votes, op=dist.ReduceOp.MAX, group=_cpu_group())
    if votes.item():
        problems = [""] * world.size
        dist.all_gather_object(problems, problem, group=_cpu_group())
        raise DataError(next(filter(None, problems)))
    return result  # type: ignore[return-value]  # None only where a problem was raised


def barrier(world: World) -> None:
    if world.size > 1:
        dist.barrier()


@cache
def _cpu_group() -> dist.ProcessGroup | None:
    """All ranks over gloo; None: the default group is that already. Made by the first call, on all ranks alike."""
    return None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")


def _buckets(gradients: list[Tensor]) -> Iterable[list[Tensor]]:
    bucket: list[Tensor] = []
    size = 0
    for gradient in gradients:
        bytes_needed = gradient.numel() * gradient.element_size()
        if bucket and size + bytes_needed > BUCKET_BYTES:
            yield bucket
            bucket, size = [], 0
        bucket.append(gradient)
        size += bytes_needed
    if bucket:
        yield bucket
