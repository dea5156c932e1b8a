"""The reach of a run: a cluster, servers or a user's own code that reading it would use."""

from __future__ import annotations

from pathlib import Path

from nas.config.search_config import SearchConfig
from nas.storage.run.folder import RunFolder

READ_FROM_FILES = ("image_folder", "tar_shards", "parquet", "imagenet")
"""Data sets whose files alone are read, and no description beside them."""


def check_reach(run: RunFolder, config: SearchConfig) -> None:
    """Refuse an untrusted run whose data or trainings may be elsewhere, or run the user's code.

    Hugging Face ``datasets`` looks for data sets on its hub, and a folder that it loads can
    name files on servers. Only scikit-learn's digits, generated tasks, and images, tar shards
    or Parquet files that are on this machine, are had without contacting a server.

    Raises:
        TrustError: they may be, and the run is not trusted.
    """
    if config.ray.address is not None:
        run.need_trust(f"the cluster at ray.address={config.ray.address} would be used")
    if config.networks_url is not None:
        run.need_trust(f"the store at networks_url={config.networks_url} would be used")
    name, path = config.data.name, config.data.path
    is_file_here = name in READ_FROM_FILES and Path(str(path)).expanduser().exists()
    if config.data.is_own:
        run.need_trust(f"data.name={name} would be imported and called")
    elif not config.data.is_in_memory and not is_file_here:
        run.need_trust(f"data.name={name}, data.path={path} may be looked for on servers")
