"""Problems of pictures, collected to be said together, by the pictures' names."""

from __future__ import annotations

from collections import Counter

from trainers.data.sources.labelled_set import Pictures

MOST_SHOWN = 20
"""Images that are named in one message, at most."""


class PictureProblems:
    """All that is wrong with some pictures.

    Args:
        is_resized: the pictures get one size; False where they must have one.
    """

    def __init__(self, *, is_resized: bool) -> None:
        self._is_resized = is_resized
        self._problems: list[str] = []
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._first_of_size: dict[tuple[int, int], str] = {}

    def add(self, pictures: Pictures, index: int, problem: str) -> None:
        """Note a picture that cannot be used, and why, as follows its name."""
        self._problems.append(f"{pictures.name(index)} {problem}")

    def note_size(self, hw: tuple[int, int], pictures: Pictures, index: int) -> None:
        """Note the (height, width) in pixels of a picture that can be used."""
        self._sizes[hw] += 1
        if hw not in self._first_of_size:  # a name may be slow to read
            self._first_of_size[hw] = pictures.name(index)

    def lines(self, most: int | None = MOST_SHOWN) -> list[str]:
        """Return a line for each picture with a problem, and one for sizes that differ.

        ``most`` pictures are named, all of them where it is None.
        """
        lines = sorted(self._problems)
        if most is not None and len(lines) > most:
            lines = [*lines[:most], f"and {len(lines) - most} more that cannot be used"]
        if len(self._sizes) > 1 and not self._is_resized:
            sizes = [
                f"{count} of {list(size)} ({self._first_of_size[size]})"
                for size, count in self._sizes.most_common(MOST_SHOWN)
            ]
            lines.append(
                f"images differ in size, [height, width]: {', '.join(sizes)}; set image_size to "
                "resize them"
            )
        return lines
