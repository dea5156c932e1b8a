"""Tasks: what a network is trained for decides its loss and its metrics; the loop is one."""
