"""Work of the commands, apart from what they print.

May import only :mod:`nas.ray` and the layers below it.
"""
