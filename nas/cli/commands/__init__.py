"""Commands: one module each, imported when its command runs, so that ``nas --help`` is quick.

May import all of ``nas`` and ``analysis``.
"""
