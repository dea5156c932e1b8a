"""Replaying samplers and schedulers on tables of trained architectures, with no training."""
