"""Reading the results of a search: fronts and queries, tables, plots.

May import ``search_space``, and ``nas`` up to :mod:`nas.storage`; only ``nas.cli`` imports it.
"""
