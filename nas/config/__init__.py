"""Configuration files of searches and tabulations: their sections, reading and checking."""
