"""Exact costs of candidates before training, and the limits on them.

May import only :mod:`nas.schedulers` and the layers below it.
"""
