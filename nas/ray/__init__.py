"""Execution on Ray: searches, latency measurements, full trainings, tabulations.

May import only :mod:`nas.benchmark` and the layers below it. No other package imports Ray.
"""
