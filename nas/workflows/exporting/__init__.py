"""Exporting a network: writing the file, running it, and comparing it with the network."""
