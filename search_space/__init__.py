"""Architectures: what can be built, and what it costs.

May import no other package of this project, and no Ray.
"""
