"""Costs of a module that is built and run: operators by fvcore, memory by PyTorch's records.

Primitives that state no costs of their own take them from here, so that nothing here imports
primitives, networks or ``search_space.cost``.
"""
