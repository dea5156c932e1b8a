"""Matching, losses and suppression of one image, box by box, in plain Python numbers."""

from __future__ import annotations

from math import exp, log
from typing import NamedTuple

from trainers.boxes import CROWD, OBJECT
from trainers.recipe import Detection

Box = list[float]


def area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def shared(a: Box, b: Box) -> float:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return width * height if width > 0 and height > 0 else 0.0


def overlap(a: Box, b: Box) -> float:
    both = area(a) + area(b) - shared(a, b)
    return shared(a, b) / both if both > 0 else 0.0


class Wanted(NamedTuple):
    label: int  # -1: background, -2: not trained
    box: Box | None


def matched(anchors: list[Box], objects: list[list[float]], settings: Detection) -> list[Wanted]:
    real = [each for each in objects if each[5] == OBJECT]
    crowds = [each for each in objects if each[5] == CROWD]
    wanted = []
    for anchor in anchors:
        best, most = None, -1.0
        for each in real:
            if overlap(each, anchor) > most:
                best, most = each, overlap(each, anchor)
        if best is not None and most >= settings.match_iou:
            wanted.append(Wanted(int(best[4]), best[:4]))
        elif most >= settings.background_iou or is_crowded(anchor, crowds, settings):
            wanted.append(Wanted(-2, None))
        else:
            wanted.append(Wanted(-1, None))
    if settings.match_best_anchor:
        claims: dict[int, tuple[float, list[float]]] = {}
        for each in real:
            overlaps = [overlap(each, anchor) for anchor in anchors]
            place = overlaps.index(max(overlaps))
            if overlaps[place] > claims.get(place, (0.0, []))[0]:
                claims[place] = overlaps[place], each
        for place, (_, each) in claims.items():
            wanted[place] = Wanted(int(each[4]), each[:4])
    return wanted


def is_crowded(anchor: Box, crowds: list[list[float]], settings: Detection) -> bool:
    return any(shared(each, anchor) / area(anchor) >= settings.match_iou for each in crowds)


def loss(
    logits: list[list[float]],
    offsets: list[list[float]],
    anchors: list[Box],
    wanted: list[Wanted],
    settings: Detection,
) -> float:
    total = 0.0
    count = 0
    for anchor, scores, offset, (label, box) in zip(anchors, logits, offsets, wanted, strict=True):
        if label == -2:
            continue
        for number, score in enumerate(scores):
            p = 1 / (1 + exp(-score))
            if number == label:
                weight, right = settings.focal_alpha, p
            else:
                weight, right = 1 - settings.focal_alpha, 1 - p
            total -= weight * (1 - right) ** settings.focal_gamma * log(right)
        if box is not None:
            count += 1
            for mine, theirs in zip(offset, encoded(box, anchor), strict=True):
                d = abs(mine - theirs)
                beta = settings.box_beta
                smooth = d * d / (2 * beta) if d < beta else d - beta / 2
                total += settings.box_weight * smooth
    return total / max(count, 1)


def encoded(box: Box, anchor: Box) -> list[float]:
    width, height = anchor[2] - anchor[0], anchor[3] - anchor[1]
    return [
        ((box[0] + box[2]) / 2 - (anchor[0] + anchor[2]) / 2) / width,
        ((box[1] + box[3]) / 2 - (anchor[1] + anchor[3]) / 2) / height,
        log((box[2] - box[0]) / width),
        log((box[3] - box[1]) / height),
    ]


def staying(boxes: list[Box], classes: list[int], is_box: list[bool], most: float) -> list[bool]:
    stays: list[bool] = []
    for index, box in enumerate(boxes):
        rivals = [j for j in range(index) if stays[j] and classes[j] == classes[index]]
        stays.append(is_box[index] and all(overlap(boxes[j], box) <= most for j in rivals))
    return stays
