"""A run on disk: its folder, its ledger, its candidates and its trained networks.

May import only :mod:`nas.config` and the layers below it.
"""
