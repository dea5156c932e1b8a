"""The command line, ``nas``: arguments, one module a command, tables and progress.

May import all of ``nas``, and is the only package that imports ``analysis``.
"""
