"""Jobs on a cluster that runs already, by Ray's Jobs API: check it, submit, follow, stop."""
