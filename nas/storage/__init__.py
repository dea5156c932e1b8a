"""A run on disk: its folder, its ledger, its candidates and its trained networks.

Rooms from bottom to top: ``run``, ``database``; the ledger and its candidates, in modules of this
folder; ``networks``. May import only :mod:`nas.config` and the layers below it.
"""
