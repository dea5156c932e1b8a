"""Memory that loading a saved network takes, as a multiple of its file's size.

From the repository's root::

    python benchmarks/loading_memory.py [--quick] [--json FILE]
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

from options import parser_of, write_json
from step_memory import MIB, resident_growth_mib, return_freed_memory
from tables import print_table

from nas.storage.networks.network_file import IncompleteNetworkWarning, load_network
from search_space.networks import build
from search_space.zoo import IMAGENET, network
from trainers import checkpoint_bytes

NETWORKS, QUICK_NETWORKS = ("resnet18", "resnet50", "resnet152"), ("resnet18",)


def main() -> None:
    """Print a table, and write the same figures as JSON."""
    parser = parser_of(__doc__, quick="only the smallest network")
    options = parser.parse_args()
    return_freed_memory()
    # a file without a record of its training: the record has some kilobytes
    warnings.simplefilter("ignore", IncompleteNetworkWarning)
    rows = [measured(name) for name in (QUICK_NETWORKS if options.quick else NETWORKS)]
    heads = {"network": "network", "file_mib": "file MiB", "growth_mib": "growth MiB"}
    print_table(
        "largest growth of the process while load_network reads a file, n = 1",
        rows,
        heads | {"multiple": "multiple"},
    )
    write_json({"networks": rows}, options)


def measured(name: str) -> dict[str, str | float]:
    """Save the network with random weights, and load it twice; the second time is measured."""
    architecture = network(name)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.pt"
        weights = build(architecture, IMAGENET, seed=0).state_dict()
        values = {"architecture": architecture, "task": IMAGENET}
        described = {key: value.canonical_json() for key, value in values.items()}
        file.write_bytes(checkpoint_bytes(described | {"weights": weights}))
        del weights
        load_network(file)
        growth_mib = resident_growth_mib(lambda: load_network(file))
        file_mib = file.stat().st_size / MIB
    if growth_mib is None:
        sys.exit("error: this needs Linux, whose /proc shows the peak of a process's memory")
    return {
        "network": name,
        "file_mib": file_mib,
        "growth_mib": growth_mib,
        "multiple": growth_mib / file_mib,
    }


if __name__ == "__main__":
    main()
