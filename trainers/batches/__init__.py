"""Batches: the images of each step, from memory or decoded while training."""
