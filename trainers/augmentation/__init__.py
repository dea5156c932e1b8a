"""Augmentation: random changes of train images that do not depend on the batch an image is in.

May import only settings and random numbers of ``trainers``.
"""
