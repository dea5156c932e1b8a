"""Splits: images in memory, in a mapped file or on disk, and the choice of them."""
