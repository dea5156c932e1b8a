"""Which trials train on at a rung: successive halving by stopping, by promotion, rung by rung.

May import numpy, moocore and :mod:`nas.evaluation`. Nothing here knows a ledger, a table or Ray: a
search (:mod:`nas.search`) reports each trial that reaches a rung, and does what the rule says.
"""
