"""Detectors: the feature pyramid, the heads, their anchors and boxes, and RetinaNet of them all."""
