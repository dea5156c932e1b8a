"""Checks: pictures and classes of a set that cannot be used, all of them at once."""
