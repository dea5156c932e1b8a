"""Every table of the two papers beside what this project counts.

May import ``search_space`` and ``analysis``.
"""
