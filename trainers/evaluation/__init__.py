"""Evaluation: a network with raw or averaged weights, its metrics and its report on a split."""
