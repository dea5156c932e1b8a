"""Predictions of ``nas predict``, by the task that the network learned."""
