"""SynFlow: how much of an all-ones image reaches the logits through the absolute weights.

Sources: Tanaka et al. 2020, "Pruning neural networks without any data by iteratively conserving
synaptic flow", arXiv 2006.05467, equation 2; as a score of networks, Abdelfattah et al. 2021,
"Zero-Cost Proxies for Lightweight NAS", arXiv 2101.08134. As there, parameters are replaced by
their absolute values, arithmetic is in float64, and the weights of convolutions and linear layers
count. Where it differs:

* Batch normalisation runs in evaluation mode (Tanaka et al.); with the statistics of a new network
  that is a division by sqrt(1 + 1e-5), almost the same as leaving it out (Abdelfattah et al.).
* The papers have no attention. Here all queries are zero, so that attention is uniform over its
  positions: without normalisation the logits of deep networks overflow, and where they do not, the
  rounding error of the softmax's gradient is larger than the score. The flow goes through the
  values; layers that only compute queries and keys add nothing.
* The result is the logarithm, since the score itself grows exponentially with depth.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from nas.zero_cost.batch import Batch
from nas.zero_cost.weights import gradients, weights
from search_space import attention  # noqa: F401 - registers the operators


def synflow(model: nn.Module, batch: Batch) -> float:
    """Return ``log(sum |w * dR/dw|)``, R the sum of the logits of one image of ones.

    Args:
        model: at initialisation; it stays as it is.
        batch: only the shape of its images matters.
    """
    flow = copy.deepcopy(model).double().eval()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.abs_()
    ones = torch.ones(1, *batch.images.shape[1:], dtype=torch.float64)
    counted = weights(flow)
    with torch.enable_grad(), _UniformAttention():
        slopes = gradients(flow(ones).sum(), counted)
    total = sum((w.detach() * g).abs().sum() for w, g in zip(counted, slopes, strict=True))
    return float(torch.log(torch.as_tensor(total)))


class _UniformAttention(TorchFunctionMode):
    """The mode in which this project's attention has logits of zero."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """See :class:`torch.overrides.TorchFunctionMode`."""
        if func in (
            torch.ops.convattn.local_attention.default,
            torch.ops.convattn.global_attention.default,
        ):
            queries, *others = args
            args = (torch.zeros_like(queries), *others)
        return func(*args, **(kwargs or {}))
