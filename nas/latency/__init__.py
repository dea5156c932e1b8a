"""Measured latencies of a run: cached, recorded and joined with its candidates.

May import only :mod:`nas.storage` and the layers below it.
"""
