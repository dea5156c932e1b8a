"""Train one candidate on a worker, and define what the driver and a worker tell each other.

May import only the modules at the root of ``nas``, ``search_space`` and ``trainers``.
"""
