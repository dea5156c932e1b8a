"""The connection to Ray: start it, keep it, notice what dies, and wait for what it lacks."""
