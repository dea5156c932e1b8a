"""What a module really keeps for its backward pass, seen through autograd's own hooks."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def saved_bytes(module: nn.Module, input_shape: tuple[int, int, int]) -> int:
    """Bytes of one image that a float32 forward pass keeps for the backward pass.

    Counted are the storages that the module makes, its output included, each once; the input,
    parameters, buffers and whatever does not grow with the batch are left out.

    Args:
        module: left in training mode.
        input_shape: (C, H, W) of one image.
    """
    return _kept(module, 3, input_shape) - _kept(module, 2, input_shape)


def _kept(module: nn.Module, batch: int, input_shape: tuple[int, int, int]) -> int:
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    images = torch.randn(batch, *input_shape, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        out: Tensor = module.train()(images)
    pack(out)
    for tensor in (images, *module.parameters(), *module.buffers()):
        kept.pop(tensor.untyped_storage().data_ptr(), None)
    return sum(kept.values())
