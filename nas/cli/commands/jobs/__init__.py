"""Commands that submit jobs to a cluster, and look after them."""
