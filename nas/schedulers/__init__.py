"""Rules at rungs: successive halving by stopping or by promotion, also rung by rung.

May import numpy, moocore and :mod:`nas.evaluation`. Nothing here knows a ledger, a table or Ray: a
search (:mod:`nas.search`) reports each trial that reaches a rung, and does what the rule says.
"""
