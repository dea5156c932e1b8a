"""Convolutions without normalisation, and the projections of attention."""

from __future__ import annotations

import torch
from torch import nn


def convolution(in_channels: int, out_channels: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Make a bias-free "same" convolution with He initialisation (He et al. 2015, fan-out)."""
    conv = nn.Conv2d(
        in_channels, out_channels, kernel, stride=stride, padding=kernel // 2, bias=False
    )
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


def depthwise_convolution(channels: int, kernel: int, stride: int) -> nn.Conv2d:
    """Make a bias-free "same" convolution of each channel by itself (He, fan-out)."""
    conv = nn.Conv2d(
        channels, channels, kernel, stride, padding=kernel // 2, groups=channels, bias=False
    )
    # PyTorch's fan-out does not know of groups: one output channel is k^2 values here.
    nn.init.normal_(conv.weight, std=(2 / kernel**2) ** 0.5)
    return conv


def projection(in_channels: int, *depths: int, bias: bool) -> nn.Conv2d:
    """Make a 1x1 convolution that applies attention's matrices ``[depth, in_channels]`` together.

    Every matrix of attention, in all primitives and in the stem (W_Q, W_K, each value matrix, and
    the one that mixes the heads), starts by itself: Glorot uniform (Glorot and Bengio 2010) with
    its own inputs and outputs, all heads together; biases at zero. The number of matrices in one
    convolution makes no difference. Neither paper states a rule. AACN's published code (A.3) draws
    queries, keys and values as one Glorot matrix, whose entries are smaller: for three matrices of
    in_channels x in_channels by a factor of 0.71.

    Args:
        in_channels: channels of the map.
        depths: output channels of each matrix, in the order of the output's channels.
        bias: whether a bias is added.
    """
    conv = nn.Conv2d(in_channels, sum(depths), 1, bias=bias)
    with torch.no_grad():
        for matrix in conv.weight.split(depths):
            nn.init.xavier_uniform_(matrix)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv


def shape_change(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Make the identity, or where the shape changes a strided 1x1 convolution, normalised."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        convolution(in_channels, out_channels, 1, stride), nn.BatchNorm2d(out_channels)
    )


def convolution_stem(
    in_channels: int, width: int, kernel: int, stride: int, *, pool: bool, activated: bool
) -> nn.Sequential:
    """Make a convolution, batch normalisation and ReLU if ``activated``, and 3x3 max pooling.

    ``[B, C, H, W] -> [B, width, ...]``; each map is divided by ``stride``, and by 2 where it pools,
    rounded up.
    """
    layers: list[nn.Module] = [convolution(in_channels, width, kernel, stride)]
    if activated:
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
    if pool:
        layers.append(nn.MaxPool2d(3, stride=2, padding=1))
    return nn.Sequential(*layers)
