"""Names of splits as files have them, xsub_train and xsub_val, train1 and test1, as protocols and parts."""

import re
from collections.abc import Iterable, Mapping

from encoding.datasets.formats.entry import Part
from encoding.datasets.formats.takes import PROTOCOL

__all__ = ["protocols_in"]

_NAME = re.compile(r"(.*?)_?(train|val|validation|test)(\d*)$")


def protocols_in(splits: Mapping[str, Iterable[str]]) -> dict[str, dict[str, Part]]:
    """protocol -> clip -> part.

    Where a protocol has no test part, its `val` is what papers report and tests here: validation is then
    split off the training part, as for every data set.
    """
    found: dict[str, dict[str, list[str]]] = {}
    for name, clips in splits.items():
        match = _NAME.match(str(name))
        stem, part, number = match.groups() if match else (str(name), "train", "")
        protocol = (stem or (PROTOCOL if not number else "split")) + number
        found.setdefault(protocol, {})[part.replace("validation", "val")] = [str(clip) for clip in clips]
    return {protocol: _parts(lists) for protocol, lists in found.items()}


def _parts(lists: Mapping[str, list[str]]) -> dict[str, Part]:
    parts: dict[str, Part] = {}
    for name, clips in lists.items():
        part: Part = "train" if name == "train" else "test"
        if name == "val" and "test" in lists:
            part = "validation"
        parts |= dict.fromkeys(clips, part)
    return parts
