"""The ``nn.Module`` of each primitive: stems, operators of residual blocks, channel attention.

They take numbers and names, and know nothing of the values of :mod:`search_space.primitives`, which
build them. May import only :mod:`search_space.attention` and the layers below it. This file imports
nothing, so that a value is read without PyTorch.
"""
