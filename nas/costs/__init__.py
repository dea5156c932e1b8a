"""Costs of candidates that are known before training, and the limits on them."""
