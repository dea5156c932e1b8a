"""The error of a cluster that cannot be used."""


class ClusterError(RuntimeError):
    """The cluster cannot be reached, refuses this command, or cannot hold a single trial."""
