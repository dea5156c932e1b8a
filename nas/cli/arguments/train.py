"""Commands that train what was found, or any other network, and use it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nas.cli.arguments.options import RUNS, AllowChangedData, AsJson, RunName, Runs, Trust
from nas.cli.output import Output

Tensorboard = Annotated[
    bool,
    typer.Option(help="Also write each training's curves as TensorBoard's event files."),
]
Seeds = Annotated[
    int | None,
    typer.Option(help="Full trainings of each; by default the run's retrain_seeds."),
]


def retrain(
    run: RunName,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[recipe.KEY=VALUE]...",
            help="Changes of the run's full recipe: recipe=FILE, then recipe.section.key=value; "
            "and resources.key=value, such as resources.workers_per_training=8.",
        ),
    ] = None,
    *,
    pick: Annotated[
        str,
        typer.Option(
            help="knee, best, knee-or-best (best if the front has no knee), all (of the front), "
            "evaluated (all that the search trained to the end), or an arch_id."
        ),
    ] = "knee-or-best",
    baseline: Annotated[
        bool,
        typer.Option(
            help="Also train a plain convolutional network of equal parameters beside each."
        ),
    ] = False,
    seeds: Seeds = None,
    tensorboard: Tensorboard = False,
    allow_changed_data: AllowChangedData = False,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Train found architectures in full; the test images are used once, here."""
    from nas.cli.commands.train.retrain import run_retrain_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_retrain_command(
            output,
            run,
            runs,
            pick=pick,
            baseline=baseline,
            seeds=seeds,
            overrides=overrides or [],
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
            trust=trust,
        )


def train(
    network: Annotated[
        str,
        typer.Argument(
            help="A name of `nas zoo`, such as resnet26@0.25, a file of an architecture, or the "
            "arch_id of one of a run."
        ),
    ],
    config: Annotated[Path, typer.Argument(help="The YAML file of a search.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Changes to the file: section.key=value ...")
    ] = None,
    *,
    seeds: Annotated[
        int | None, typer.Option(help="Full trainings; by default the file's retrain_seeds.")
    ] = None,
    tensorboard: Tensorboard = False,
    allow_changed_data: AllowChangedData = False,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Train any network in full by a search's recipe, to stand beside its front."""
    from nas.cli.commands.train.train import run_train_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_train_command(
            output,
            network,
            config,
            overrides or [],
            runs,
            seeds=seeds,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
            trust=trust,
        )


def trace(
    config: Annotated[Path, typer.Argument(help="The YAML file of a trace.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Changes to the file, or to the search's file that it names: section.key=value ..."
        ),
    ] = None,
    *,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only print what would be trained, and its hours.")
    ] = False,
    retime: Annotated[
        bool,
        typer.Option(
            "--retime",
            help="After the trainings, time some steps of each network in turn, for the axis "
            "device_seconds: trainings beside other work take longer than they need.",
        ),
    ] = False,
    tensorboard: Tensorboard = False,
    allow_changed_data: AllowChangedData = False,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Train lists of networks in full, and draw accuracy against parameters, MACs, latency."""
    from nas.cli.commands.train.trace import run_trace_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_trace_command(
            output,
            config,
            overrides or [],
            runs,
            plan=plan,
            retime=retime,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
            trust=trust,
        )


def ablate(
    run: RunName,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[recipe.KEY=VALUE]...",
            help="Changes of the run's full recipe: recipe=FILE, then recipe.section.key=value; "
            "and resources.key=value.",
        ),
    ] = None,
    *,
    pick: Annotated[
        str,
        typer.Option(
            help="One network: knee, best, knee-or-best (best if the front has no knee), or an "
            "arch_id."
        ),
    ] = "knee-or-best",
    seeds: Seeds = None,
    hours: Annotated[
        float | None,
        typer.Option(help="Train the most informative part that takes so long on this machine."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only print what would be trained, and its time.")
    ] = False,
    tensorboard: Tensorboard = False,
    allow_changed_data: AllowChangedData = False,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Exchange each part of a found network, to see what it contributes."""
    from nas.cli.commands.train.ablate import run_ablate_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_ablate_command(
            output,
            run,
            runs,
            pick=pick,
            overrides=overrides or [],
            seeds=seeds,
            hours=hours,
            plan=plan,
            tensorboard=tensorboard,
            allow_changed_data=allow_changed_data,
            trust=trust,
        )


def export(
    what: Annotated[
        str,
        typer.Argument(
            metavar="RUN|MODEL|NETWORK",
            help="A run, a model.pt, a name of `nas zoo` or a file of an architecture.",
        ),
    ],
    *,
    pick: Annotated[
        str, typer.Option(help="Of a run: knee, best, knee-or-best, all, or an arch_id.")
    ] = "knee-or-best",
    file_format: Annotated[
        str | None,
        typer.Option("--format", help="onnx (the default), torch_export or safetensors."),
    ] = None,
    precision: Annotated[
        str, typer.Option(help="float32, float16, or (of ONNX) int8.")
    ] = "float32",
    to: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="File to write; by default beside the network's own."),
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", help="Licence of the weights, kept in the file.")
    ] = None,
    image: Annotated[
        str, typer.Option(help="Of a network that is not trained: its images, such as 3x32x32.")
    ] = "",
    classes: Annotated[
        int | None, typer.Option(help="Of a network that is not trained: its classes.")
    ] = None,
    as_json: AsJson = False,
    trust: Trust = False,
    runs: Runs = RUNS,
) -> None:
    """Write trained networks as files that run without this package, and check them."""
    from nas.cli.commands.train.export import run_export_command  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        run_export_command(
            output,
            what,
            runs,
            pick=pick,
            file_format=file_format,
            precision=precision,
            to=to,
            licence=licence,
            trust=trust,
            image=image,
            classes=classes,
        )


def predict(
    model_file: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="A model.pt that `nas retrain` wrote, a file of `nas export`, or its URL.",
        ),
    ],
    images: Annotated[
        list[Path],
        typer.Argument(metavar="IMAGE", help="Image files, or folders of them at any depth."),
    ],
    top: Annotated[
        int | None, typer.Option(help="Of a classifier: classes shown for each image (1).")
    ] = None,
    score_threshold: Annotated[
        float | None,
        typer.Option(help="Of a detector: least probability of an object that is shown (0.3)."),
    ] = None,
    detections_per_image: Annotated[
        int | None,
        typer.Option(help="Of a detector: most objects of an image (those of its recipe, 100)."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="Of a detector: PNG to draw the images in, with boxes over them."),
    ] = None,
    batch: Annotated[
        int | None, typer.Option(help="Images in memory at once (64, of a detector 8).")
    ] = None,
    as_json: AsJson = False,
    trust: Trust = False,
) -> None:
    """Classify pictures by a trained network, or detect objects; its file is all it needs."""
    from nas.cli.commands.train.predict import show_predictions  # noqa: PLC0415
    from nas.cli.commands.train.predicting.predictor import PredictOptions  # noqa: PLC0415

    with Output(as_json=as_json) as output:
        every_image_was_read = show_predictions(
            output,
            model_file,
            images,
            PredictOptions(top, score_threshold, detections_per_image, picture),
            batch=batch,
            trust=trust,
        )
    if not every_image_was_read:
        raise typer.Exit(1)
