"""A device beside the CPU, on any machine: its tensors' numbers lie on the CPU, but it refuses what a GPU refuses.

That is a tensor of the device together with one of the CPU. What would make a program wait for a GPU is counted.
"""

import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import backend_registration
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

NAME = "pretended"
ROOT = Path(__file__).parents[1]
# Their results are read from the device, or their shapes depend on what it has computed.
READING = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "equal", "is_nonzero"}
COPYING = {"_to_copy", "copy_"}
# What autocast does on CUDA (ATen/autocast_mode.h): some operations in its precision, others in float32.
LOWER = "conv2d conv_transpose2d.input linear matmul mm addmm bmm baddbmm einsum prelu"
FLOAT32 = (
    "acos asin exp expm1 log log10 log2 log1p reciprocal rsqrt pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar softplus "
    "layer_norm native_layer_norm group_norm cosine_similarity nll_loss nll_loss2d kl_div l1_loss smooth_l1_loss "
    "mse_loss binary_cross_entropy_with_logits dist cdist logsumexp upsample_nearest2d upsample_bilinear2d prod "
    "prod.dim_int softmax.int log_softmax.int cumsum linalg_vector_norm sum sum.dim_IntList norm.Scalar"
)
_registered: list[torch.library.Library] = []  # they hold as long as these exist


class _OnDevice(Tensor):
    """`held` has its numbers, on the CPU."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "_OnDevice":
        made: _OnDevice = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, held.shape, held.stride(), held.storage_offset(), dtype=held.dtype, device=torch.device(NAME, 0)
        )
        made.held = held
        return made

    def __init__(self, held: Tensor) -> None:
        pass

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


class PretendedDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While it is entered there are tensors on `device`."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        _register()
        self.device = torch.device(NAME, 0)
        self.waits: Counter[str] = Counter()  # by the function of the project that waited

    def __enter__(self) -> "PretendedDevice":
        # Modules that are moved get new parameters: a tensor here cannot take over what another one holds.
        self._overwrites = torch.__future__.get_overwrite_module_params_on_conversion()
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *raised: object) -> None:
        torch.__future__.set_overwrite_module_params_on_conversion(self._overwrites)
        super().__exit__(*raised)  # type: ignore[no-untyped-call]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if _waits(func, args, kwargs or {}):
            self.waits[_place()] += 1
        return _run(func, args, kwargs or {})


def _name(func: Any) -> str:
    return str(func._overloadpacket.__name__)


def _tensors(args: Any, kwargs: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]


def _target(kwargs: Any) -> str | None:
    """The kind of device that is asked for."""
    device = kwargs.get("device")
    return None if device is None else torch.device(device).type


def _waits(func: Any, args: Any, kwargs: Any) -> bool:
    on_device = any(isinstance(tensor, _OnDevice) for tensor in _tensors(args, kwargs))
    match _name(func):
        case "_to_copy":
            crosses = _target(kwargs) == ("cpu" if on_device else NAME)
            return crosses and not kwargs.get("non_blocking", False)
        case "copy_":
            return isinstance(args[0], _OnDevice) != isinstance(args[1], _OnDevice)
        case "index" | "index_put" | "index_put_":
            return on_device and any(isinstance(index, Tensor) and index.dtype == torch.bool for index in args[1])
        case name:
            return on_device and name in READING


def _place() -> str:
    """File and name of the innermost function of progan or pipelines."""
    for frame in reversed(traceback.extract_stack()):
        path = Path(frame.filename)
        if path.is_relative_to(ROOT / "progan") or path.is_relative_to(ROOT / "pipelines"):
            return f"{path.relative_to(ROOT)}: {frame.name}"
    return "outside"


def _run(func: Any, args: Any, kwargs: Any) -> Any:
    """On the CPU -> tensors where a GPU would have them. RuntimeError where one would refuse it."""
    name, target, tensors = _name(func), _target(kwargs), _tensors(args, kwargs)
    on_device = any(isinstance(tensor, _OnDevice) for tensor in tensors)
    if not on_device and target != NAME:
        return func(*args, **kwargs)
    if name not in COPYING and on_device and any(tensor.device.type == "cpu" and tensor.dim() for tensor in tensors):
        raise RuntimeError(f"{_place()}: {func} of a tensor on the device and one on the CPU")
    if target == NAME:
        kwargs = kwargs | {"device": torch.device("cpu")}
    held_args, held_kwargs = tree_map(_held, (args, kwargs))
    out = func(*held_args, **held_kwargs)
    if target == "cpu" or (name == "copy_" and not isinstance(args[0], _OnDevice)):
        return out
    wrapped = tree_map(lambda leaf: _OnDevice(leaf) if isinstance(leaf, Tensor) else leaf, out)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


def _held(leaf: Any) -> Any:
    if not isinstance(leaf, _OnDevice):
        return leaf
    assert leaf.stride() == leaf.held.stride(), "the device is out of step with the numbers of its tensors"
    return leaf.held


class _Backend(backend_registration._DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def is_available(self) -> bool:
        return False


class _Hook(backend_registration._DummyPrivateUse1Hook):
    def is_available(self) -> bool:
        """Not to programs that ask for any accelerator, as other tests in this process may."""
        return False


def _register() -> None:
    if _registered:
        return
    backend_registration._setup_privateuseone_for_python_backend(NAME, _Backend(), _Hook())
    rest, aten = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    rest.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")  # type: ignore[no-untyped-call]
    for names, dtype in ((LOWER, None), (FLOAT32, torch.float32)):
        for name in names.split():
            packet, _, overload = name.partition(".")
            operation = getattr(getattr(torch.ops.aten, packet), overload or "default")
            aten.impl(name, _casting(operation, dtype), "AutocastPrivateUse1")
    _registered.extend((rest, aten))


def _casting(operation: Callable[..., Any], dtype: torch.dtype | None) -> Callable[..., Any]:
    """`operation` in `dtype`; None: in autocast's."""
    autocast = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)

    def cast(leaf: Any) -> Any:
        floating = isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.dtype != torch.float64
        return leaf.to(dtype or torch.get_autocast_dtype(NAME)) if floating else leaf

    def run(*args: Any, **kwargs: Any) -> Any:
        with torch._C._ExcludeDispatchKeyGuard(autocast):
            return operation(*tree_map(cast, args), **tree_map(cast, kwargs))

    return run
