"""The implementations of attention that a network runs by, as a table and as JSON."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.table import Table

from search_space.cost.kernel_arithmetic import KernelUse


def kernel_table(uses: list[KernelUse], device: str) -> Table:
    """Return a row for each call of attention; there is at least one."""
    table = Table(
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"attention in {_row(uses[0])['dtype']} on {device}, forwards and backwards",
        title_justify="left",
        caption="attention inside blocks (of the attention stem): each block counts as one map",
        caption_justify="left",
    )
    table.add_column("layer", no_wrap=True)
    table.add_column("attends to", no_wrap=True)
    for column in ("map", "heads", "key width", "value width"):
        table.add_column(column, justify="right")
    table.add_column("runs by", no_wrap=True)
    for use in uses:
        row = _row(use)
        table.add_row(
            row["layer"],
            f"{row['extent']}x{row['extent']} window" if row["extent"] else "whole map",
            "x".join(map(str, row["map_hw"])),
            str(row["heads"]),
            str(row["key_width"]),
            str(row["value_width"]),
            row["implementation"],
        )
    return table


def kernels_json(uses: list[KernelUse], device: str) -> dict[str, Any]:
    """Return plain data; an ``extent`` of 0 is global attention, over the map of ``map_hw``."""
    return {"device": device, "attention": [_row(use) for use in uses]}


def _row(use: KernelUse) -> dict[str, Any]:
    return {
        "layer": use.layer,
        **use.call._asdict(),
        "map_hw": list(use.call.map_hw),
        "dtype": str(use.call.dtype).removeprefix("torch."),
    }
