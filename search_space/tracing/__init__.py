"""Costs of a module that is built and run: operators by fvcore, memory by PyTorch's records.

May import only the first layer of ``search_space``, its values and bounds. Primitives that state
no costs of their own take them from here.
"""
