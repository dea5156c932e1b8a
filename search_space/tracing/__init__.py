"""Costs of a module that is built and run: operators by fvcore, memory by PyTorch's records.

May import only the modules at the root of ``search_space`` on the lower layers. Primitives that
state no costs of their own take them from here.
"""
