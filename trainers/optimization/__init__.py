"""Optimisation: the optimiser, its learning rate, and one step of training."""
