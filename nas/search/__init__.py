"""The search: what is trained next, what becomes of each trial, and when the search is done.

:class:`nas.search.loop.Search` hands out jobs and is told what came of them. An executor runs them:
Ray (:mod:`nas.ray`), or a table on a simulated clock (:mod:`nas.benchmark`). May import all of
``nas`` but these two, ``nas.cli.commands`` and ``nas.cli``.
"""
