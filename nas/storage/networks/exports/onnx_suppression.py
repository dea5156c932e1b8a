"""Non-maximum suppression in ONNX's standard operators, behind a detector's boxes and scores.

It computes what :func:`trainers.tasks.detection.detections.detections` does. ONNX's own operator
``NonMaxSuppression`` works class by class on every box; here it gets the most probable pairs of a
box and a class alone, each as a box of its own, and its results are put in order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nas.storage.networks.exports.formats import library
from nas.storage.networks.exports.record import BOXES, DETECTIONS, SCORES, Suppression

PREFIX = "suppression/"
"""The beginning of the names of its nodes and values."""

# B images, N boxes of C classes, K candidates, S that stay, D detections
GRAPH = f"""
suppression (float[B, N, 4] {BOXES}, float[B, N, C] {SCORES}) => (float[B, D, 6] {DETECTIONS}) {{
    pair_scores = Reshape ({SCORES}, flat_shape)
    best, pairs = TopK <axis = 1> (pair_scores, candidate_count)
    boxes_of_pairs = Div (pairs, class_count)
    labels = Mod (pairs, class_count)
    box_rows = Unsqueeze (boxes_of_pairs, last_axis)
    box_cells = Expand (box_rows, box_shape)
    candidates = GatherElements <axis = 1> ({BOXES}, box_cells)
    labels_by_class = Unsqueeze (labels, class_axis)
    is_of_class = Equal (labels_by_class, class_numbers)
    best_by_class = Unsqueeze (best, class_axis)
    scores_by_class = Where (is_of_class, best_by_class, no_score)
    selected = NonMaxSuppression (candidates, scores_by_class, most, most_overlap, below_least)
    places = Gather <axis = 1> (selected, image_and_box)
    count = Shape <start = 0, end = 1> (selected)
    ones = Expand (one, count)
    shape = Shape (best)
    none = ConstantOfShape (shape)
    stays = ScatterND (none, places, ones)
    kept = Mul (best, stays)
    first, order = TopK <axis = 1> (kept, row_count)
    order_rows = Unsqueeze (order, last_axis)
    order_cells = Expand (order_rows, box_shape)
    kept_boxes = GatherElements <axis = 1> (candidates, order_cells)
    label_values = Cast <to = 1> (labels)
    kept_labels = GatherElements <axis = 1> (label_values, order)
    label_column = Unsqueeze (kept_labels, last_axis)
    score_column = Unsqueeze (first, last_axis)
    rows = Concat <axis = 2> (kept_boxes, label_column, score_column)
    is_detection = Greater (score_column, zero)
    {DETECTIONS} = Where (is_detection, rows, zero)
}}
"""


def with_suppression(content: bytes, suppression: Suppression) -> bytes:
    """Return an ONNX file of a detector with one more output, its detections.

    They are float32 ``[B, D, 6]``, D at most ``detections_per_image``, with the columns of
    :mod:`trainers.tasks.detection.detections`.

    Args:
        content: of a file with the outputs boxes ``[B, N, 4]`` and scores ``[B, N, C]``.
        suppression: the numbers.

    Raises:
        CommandError: the library is not installed.
    """
    onnx = library("onnx")
    model = onnx.load_from_string(content)
    dimensions = model.graph.output[1].type.tensor_type.shape.dim
    added = onnx.parser.parse_graph(GRAPH)
    constants = _constants(dimensions[1].dim_value, dimensions[2].dim_value, suppression)
    for name, value in constants.items():
        added.initializer.append(onnx.numpy_helper.from_array(value, name))
    rows = added.output[0].type.tensor_type.shape
    rows.dim[0].CopyFrom(dimensions[0])
    rows.dim[1].dim_value = int(constants["row_count"][0])
    for index, node in enumerate(added.node):
        node.name = f"{node.op_type}_{index}"
    added = onnx.compose.add_prefix_graph(added, PREFIX, rename_inputs=False, rename_outputs=False)
    model.graph.node.extend(added.node)
    model.graph.initializer.extend(added.initializer)
    model.graph.output.extend(added.output)
    completed: bytes = model.SerializeToString()
    return completed


def _constants(boxes: int, classes: int, suppression: Suppression) -> dict[str, Any]:
    """Return the constants of the graph by name, as arrays."""
    candidates = min(suppression.candidates_per_image, boxes * classes)
    rows = min(suppression.detections_per_image, candidates)
    # NonMaxSuppression takes scores above its threshold alone, and here one at it counts
    below_least = np.nextafter(np.float32(suppression.score_threshold), np.float32(-1))
    whole: dict[str, Any] = {
        "flat_shape": [0, -1],
        "candidate_count": [candidates],
        "class_count": classes,
        "last_axis": [2],
        "class_axis": [1],
        "box_shape": [1, 1, 4],
        "class_numbers": np.arange(classes).reshape(1, classes, 1),
        "most": [rows],
        "image_and_box": [0, 2],
        "row_count": [rows],
    }
    real = {
        "no_score": -1,
        "most_overlap": [suppression.suppression_iou],
        "below_least": [below_least],
        "one": 1,
        "zero": 0,
    }
    return {name: np.asarray(value, np.int64) for name, value in whole.items()} | {
        name: np.asarray(value, np.float32) for name, value in real.items()
    }
