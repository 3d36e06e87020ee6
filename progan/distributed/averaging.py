"""The same weights on every rank: sent once, kept the same by averaged gradients, compared now and then."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from progan.distributed.world import World, together

BUCKET_BYTES = 64 * 2**20  # one all-reduce carries at most this much: large enough to fill a link, small enough to hold


def broadcast_parameters(modules: Iterable[nn.Module]) -> None:
    """Give every rank the parameters and buffers of rank 0."""
    if not dist.is_initialized():
        return
    for module in modules:
        for tensor in module.state_dict().values():
            sent = tensor.contiguous()  # a tensor with the channels innermost cannot be sent as it lies
            with together():
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
        with together():
            dist.all_reduce(flat)
        flat /= world.size
        for gradient, mean in zip(bucket, torch.split(flat, [gradient.numel() for gradient in bucket]), strict=True):
            gradient.copy_(mean.view_as(gradient))


def mean_over_ranks(tensor: Tensor, world: World) -> Tensor:
    """The mean of `tensor` over the ranks."""
    if world.size == 1:
        return tensor
    tensor = tensor.clone()
    with together():
        dist.all_reduce(tensor)
    return tensor / world.size


def differing_rank(tensors: Iterable[Tensor], world: World) -> int | None:
    """The first rank that holds other numbers than rank 0; None if all hold the same bits. The same answer on all.

    The sum of the bit patterns of each tensor of 32-bit numbers is compared: 8 bytes a tensor are sent.
    """
    sums = torch.stack([tensor.detach().view(torch.int32).sum(dtype=torch.int64) for tensor in tensors])
    gathered = [torch.empty_like(sums) for _ in range(world.size)]
    with together():
        dist.all_gather(gathered, sums)
    return next((rank for rank, theirs in enumerate(gathered) if not theirs.equal(gathered[0])), None)


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
