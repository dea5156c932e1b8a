"""Layers of gates: a perceptron over channels, convolutions over pixels."""

from __future__ import annotations

from torch import nn


def channel_perceptron(channels: int, squeeze: int, *, norm: bool = False) -> nn.Sequential:
    """Make linear, ReLU, linear, with biases: ``[B, C] -> [B, squeeze] -> [B, C]``.

    Args:
        channels: C, the channels.
        squeeze: width of the hidden layer.
        norm: whether there is batch normalisation before the ReLU.
    """
    first, last = nn.Linear(channels, squeeze), nn.Linear(squeeze, channels)
    nn.init.kaiming_normal_(first.weight, nonlinearity="relu")
    nn.init.xavier_uniform_(last.weight)
    nn.init.zeros_(first.bias)
    nn.init.zeros_(last.bias)
    between = [nn.BatchNorm1d(squeeze)] if norm else []
    return nn.Sequential(first, *between, nn.ReLU(inplace=True), last)


def gate_convolution(
    in_channels: int, out_channels: int, kernel: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """Make a "same" convolution with bias inside a gate, ``[B, C_in, H, W] -> [B, C_out, H, W]``.

    The variance of its weights is one over its inputs, so that a gate starts unsaturated.
    """
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, padding=dilation * (kernel // 2), dilation=dilation
    )
    nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
