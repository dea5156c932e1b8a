"""Evaluation: train one candidate on a worker, and the messages between driver and workers.

May import only the modules at the root of ``nas``, ``search_space`` and ``trainers``.
"""
