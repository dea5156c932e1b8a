"""Commands that show networks, of the papers or found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.options import RUNS, AsJson, Runs, Trust
from nas.cli.output import Output


def zoo(
    containing: Annotated[
        str, typer.Option("--filter", help="Only those with this text in name, group or source.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """List the papers' networks by name, with their costs."""
    from nas.cli.commands.networks.zoo import show_zoo  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_zoo(output, containing=containing)


def tables(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="Such as aacn3 or sasa1; all if none is given."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show every table of the two papers beside the costs counted here."""
    from nas.cli.commands.networks.tables import show_tables  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_tables(output, names or [])


def describe(
    networks: Annotated[
        list[str],
        typer.Argument(help="Names of networks, arch_ids of a run, or files."),
    ],
    image: Annotated[
        str, typer.Option(help="Channels, height, width in pixels, such as 3x224x224.")
    ] = "",
    classes: Annotated[int | None, typer.Option(help="Number of classes.")] = None,
    kernels: Annotated[
        bool,
        typer.Option(
            "--kernels", help="Show which kernel computes each attention layer on this machine."
        ),
    ] = False,
    draw: Annotated[
        Path | None,
        typer.Option(help="SVG or PNG to write: the network drawn, a bar for each block."),
    ] = None,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Show architectures stage by stage: parameters, MACs, output shape."""
    from nas.cli.commands.networks.describe import show_architectures  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        show_architectures(
            output,
            networks,
            runs,
            image=image,
            classes=classes,
            kernels=kernels,
            draw=draw,
            trust=trust,
        )


def attention_maps(
    model_file: Annotated[Path, typer.Argument(help="A model.pt that `nas retrain` wrote.")],
    image: Annotated[str, typer.Option(help="validation:INDEX or an image file.")] = "validation:0",
    pixels: Annotated[
        str,
        typer.Option(
            help="'row,column row,column', counted from 0; by default the centres of the quadrants."
        ),
    ] = "",
    layer: Annotated[
        str,
        typer.Option(
            help="Name of a layer; by default the backbone's last whose map has several pixels."
        ),
    ] = "",
    png: Annotated[
        Path | None,
        typer.Option(help="PNG to write; by default attention-maps.png beside the model."),
    ] = None,
    trust: Trust = False,
) -> None:
    """Draw where the heads of a retrained network attend, for chosen pixels of an image."""
    from nas.cli.commands.networks.attention_maps import show_attention_maps  # noqa: PLC0415

    show_attention_maps(
        Output(), model_file, image=image, pixels=pixels, layer=layer, png=png, trust=trust
    )
