"""Tables of trained architectures, and replays of samplers and schedulers on them.

May import only :mod:`nas.search` and the layers below it. Nothing is trained here.
"""
