"""Configuration files of searches and tabulations: their keys, reading and checking.

May import only :mod:`nas.samplers` and the layers below it.
"""
