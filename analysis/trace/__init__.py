"""Traces: accuracy of fully trained networks against costs, one curve a family."""
