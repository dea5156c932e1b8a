"""Ablations: what each part of a network contributes, by exchanging it."""
