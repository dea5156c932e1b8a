"""Measured latencies of a run: taken up again, recorded and joined with its candidates."""
