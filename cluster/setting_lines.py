"""On which line of a YAML file each setting stands, so that an error can name it."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from lifting.yaml_text import compose_yaml

__all__ = ["SettingLines"]

Place = tuple[str | int, ...]


class SettingLines:
    """The lines of one file; they are looked up when an error needs one.

    Args:
        path: the file; JSON is YAML too.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def line(self, *places: Place) -> int | None:
        """Where a setting stands, counted from 1.

        Args:
            places: where it may stand, as ("search", "epochs"); dotted keys (`search.epochs: 3`) are found
                too. The first that is there counts; where none is, the nearest section around them does.

        Returns:
            None where nothing of it is in the file.
        """
        known = self._lines()
        longest = max(map(len, places), default=0)
        for missing in range(longest):
            for place in places:
                around = place[: len(place) - missing]
                if around and around in known:
                    return known[around]
        return None

    def exact(self, place: Place) -> int | None:
        """Where exactly this setting stands; None where it does not."""
        return self._lines().get(place)

    def _lines(self) -> dict[Place, int]:
        root = compose_yaml(self._path.read_bytes().decode("utf-8-sig"))
        return dict(_walk(root, ())) if root is not None else {}


def _walk(node: yaml.Node, place: Place) -> Iterator[tuple[Place, int]]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            inner = (*place, *str(key.value).split("."))
            yield inner, key.start_mark.line + 1
            yield from _walk(value, inner)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            yield (*place, position), value.start_mark.line + 1
            yield from _walk(value, (*place, position))
