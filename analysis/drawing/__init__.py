"""Drawings of one architecture: its parts from the image to the classes, as SVG and PNG."""
