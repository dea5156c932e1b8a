"""``nas data``: show what is read of a data set, how it is converted, and what is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis.boxed_pictures import BoxedPicture, draw_boxed_pictures
from analysis.picture_sheet import draw_picture_sheet
from nas.cli.commands.object_boxes import drawn_boxes
from nas.cli.commands.picture_files import check_ending
from nas.cli.number_table import number_table
from nas.cli.output import Output
from nas.cli.progress import LineDisplay
from nas.config.data_file import load_data_config
from nas.errors import CommandError
from nas.workflows.data_report import ClassCount, DataReport, report_on
from nas.workflows.data_samples import Samples, samples_of
from trainers.data.pictures.pixels import CONVERSIONS

MOST_PROBLEMS = 50
"""Problems that are shown, at most; JSON has all."""


def show_data(
    output: Output,
    source: Path,
    overrides: Sequence[str],
    *,
    headers_only: bool,
    picture: Path | None,
) -> bool:
    """Print the report of a data set; return whether it has no problem.

    Args:
        output: to print to.
        source: a file with a section ``data``, such as a search's.
        overrides: changes to it.
        headers_only: do not decode pixels.
        picture: a PNG of sample pictures to draw, or None.

    Raises:
        CommandError, ConfigError, DataError: see :mod:`nas.errors`.
    """
    check_ending("--picture", picture, ".png")
    config, pixels = load_data_config(source, overrides)
    seen = [0, 0]
    what = "reading headers" if headers_only else "decoding pictures"

    def line() -> str:
        return f"{what}: {seen[0]:,} of {seen[1]:,}" if seen[1] else "reading the data"

    with LineDisplay(Output(stderr=True), line) as display:

        def show(done: int, total: int) -> None:
            seen[:] = done, total
            display.update()

        report = report_on(
            config,
            pixels,
            headers_only=headers_only,
            processes=len(os.sched_getaffinity(0)),
            on_progress=show,
        )
    if output.as_json:
        output.show_json(report_json(report))
    else:
        _show(output, report)
    if picture is not None:
        samples = samples_of(config, pixels)
        if not samples.samples:
            raise CommandError(f"--picture: no first image of a class of {config.name!r} is usable")
        _draw(samples, picture, config.name)
        output.say(f"sample pictures are drawn in {picture}")
    return not report.problems


def _draw(samples: Samples, path: Path, name: str) -> None:
    """Draw sample pictures, with the boxes of their objects where they have some."""
    title = f"train images of {name}"
    caption = "as a network takes them, before any augmentation"
    if samples.samples[0].objects is None:
        pictures = [(sample.name, sample.pixels) for sample in samples.samples]
        draw_picture_sheet(pictures, path, title=title, caption=caption)
        return
    boxed = [
        BoxedPicture(sample.name, sample.pixels, drawn_boxes(sample.objects, samples.class_names))
        for sample in samples.samples
        if sample.objects is not None
    ]
    caption += "; broken lines are crowds"
    draw_boxed_pictures(boxed, path, title=title, caption=caption)


def report_json(report: DataReport) -> dict[str, Any]:
    """Return a report as plain data; sizes are [height, width] in pixels."""
    parts = {}
    for part, each in report.parts.items():
        modes = {
            mode: {"images": images, "is_read_as": CONVERSIONS[mode]}
            for mode, images in each.modes.items()
        }
        sizes = dict(zip(("smallest", "median", "largest"), each.sizes, strict=False))
        parts[part] = asdict(each) | {"modes": modes, "sizes": sizes}
    return asdict(report) | {"parts": parts, "classes": len(report.class_names)}


def _show(output: Output, report: DataReport) -> None:
    content = f", fingerprint {report.fingerprint}" if report.fingerprint else ""
    output.say("data ", (report.name, "bold"), f": {len(report.class_names):,} classes{content}")
    table = number_table(
        "part", "images", "classes", "fewest of a class", "most", "smallest", "median", "largest"
    )
    for part, each in report.parts.items():
        sizes = [f"{height} x {width}" for height, width in each.sizes] or 3 * ["-"]
        ends = [_class_count(count) for count in (each.smallest_class, each.largest_class)]
        table.add_row(part, f"{each.images:,}", f"{each.classes:,}", *ends, *sizes)
    output.show(table, columns=output.columns_of(table))
    _show_objects(output, report)
    _show_modes(output, report)
    if report.splits is not None:
        train, validation, test = (report.splits[p] for p in ("train", "validation", "test"))
        output.say(f"splits: {train:,} to train, {validation:,} to validate, {test:,} to test")
    for line in report.left_out:
        output.say(("note: ", "bold yellow"), line)
    if report.headers_only:
        output.say("only headers were read: damaged pixels are not found, without --quick they are")
    if not report.problems:
        output.say("no problems")
        return
    output.say((f"{len(report.problems):,} problems:", "bold red"))
    for line in report.problems[:MOST_PROBLEMS]:
        output.say(f"  {line}")
    if len(report.problems) > MOST_PROBLEMS:
        output.say(f"  and {len(report.problems) - MOST_PROBLEMS:,} more, which --json lists")


def _show_objects(output: Output, report: DataReport) -> None:
    """Show the objects of each part, where images have some."""
    table = number_table(
        *("part", "objects", "crowds", "images without", "most of an image"),
        *("smallest box", "median", "largest"),
    )
    for part, each in report.parts.items():
        if (objects := each.objects) is None:
            continue
        counts = (objects.objects, objects.crowds, objects.images_without, objects.most_of_an_image)
        sizes = [f"{height:g} x {width:g}" for height, width in objects.sizes] or 3 * ["-"]
        table.add_row(part, *(f"{count:,}" for count in counts), *sizes)
    if table.row_count:
        output.show(table, columns=output.columns_of(table))


def _show_modes(output: Output, report: DataReport) -> None:
    """Show the modes and formats of all parts together."""
    modes: dict[str, int] = {}
    formats: dict[str, int] = {}
    for each in report.parts.values():
        for counts, own in ((modes, each.modes), (formats, each.formats)):
            for name, images in own.items():
                counts[name] = counts.get(name, 0) + images
    if not modes:
        return
    table = number_table("Pillow's mode", "images", "is read as")
    for mode, images in sorted(modes.items(), key=lambda item: -item[1]):
        table.add_row(mode, f"{images:,}", CONVERSIONS[mode])
    output.show(table)
    counted = (f"{images:,} {name}" for name, images in formats.items())
    output.say(f"formats: {', '.join(counted)}")


def _class_count(count: ClassCount | None) -> str:
    return "-" if count is None else f"{count.images:,} ({count.name})"
