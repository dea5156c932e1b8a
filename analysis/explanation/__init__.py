"""The choices of a space that matter, and by how much: effects, interactions, stages."""
