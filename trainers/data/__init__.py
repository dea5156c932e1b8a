"""Image sets: their sources, splits and preprocessing.

May import only ``trainers``.
"""
