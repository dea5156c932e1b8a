"""The search: configuration, samplers, constraints, ledger and, in ``nas.ray``, execution."""
