"""Which choices of a space matter, and by how much: effects, interactions, stage by stage."""
