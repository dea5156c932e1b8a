"""Checkpoints: files of tensors and plain values, and checks that a state belongs to a run."""
