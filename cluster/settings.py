"""Settings from files and the command line, and what they differ in."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.files import sha256
from lifting.checked_settings import check_settings
from lifting.yaml_text import load_yaml

__all__ = [
    "check_settings",
    "configuration_hash",
    "difference",
    "override",
    "read_settings_file",
    "without_defaults",
]


def read_settings_file(path: Path) -> dict[str, Any]:
    """The mapping in a YAML (.yaml, .yml) or JSON (.json) file.

    Raises:
        FileNotFoundError: no such file.
        ValueError: another ending, not readable in its format (with the line), or not a mapping.
    """
    path = Path(path)
    if path.suffix not in (".yaml", ".yml", ".json"):
        raise ValueError(f"{path} ends in {path.suffix or 'nothing'!r}; .yaml, .yml or .json is needed")
    if not path.is_file():
        raise FileNotFoundError(f"there is no experiment file {path}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
        content = _load_json(text) if path.suffix == ".json" else load_yaml(text)
    except ValueError as error:
        separator = ", " if str(error).startswith("line ") else ": "
        raise ValueError(f"{path}{separator}{' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; settings by name (`data: ...`) are needed"
        )
    return content


def _load_json(text: str) -> Any:
    def mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is there twice; each name is needed once")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=mapping)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno}: this is no JSON: {error.msg}") from error
    except RecursionError:
        raise ValueError(
            "this JSON is nested too deeply to be read; settings are a few levels deep"
        ) from None


def override(content: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with some of them changed; keys are dotted names such as "search.epochs".

    A part of a section that is not there, or is null, makes the section.

    Raises:
        ValueError: a name goes through a setting that has no parts.
    """
    result = json.loads(json.dumps(content))
    for name, value in changes.items():
        *parents, last = name.split(".")
        place = result
        for parent in parents:
            if place.get(parent) is None:
                place[parent] = {}
            place = place[parent]
            if not isinstance(place, dict):
                raise ValueError(f"setting {name!r} cannot be: {parent!r} is a single value and has no parts")
        place[last] = value
    return dict(result)


def difference(
    one: Mapping[str, Any], other: Mapping[str, Any], prefix: str = ""
) -> list[tuple[str, Any, Any]]:
    """The settings in which two nested mappings differ: (dotted name, value here, value there)."""
    found: list[tuple[str, Any, Any]] = []
    for key in sorted(set(one) | set(other)):
        here, there = one.get(key), other.get(key)
        if isinstance(here, Mapping) and isinstance(there, Mapping):
            found += difference(here, there, f"{prefix}{key}.")
        elif here != there:
            found.append((prefix + key, here, there))
    return found


def without_defaults(settings: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Settings but for those that have the given value."""
    return {k: value for k, value in settings.items() if k not in defaults or defaults[k] != value}


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """A hash that two configurations share exactly when all their JSON values are equal, key order aside."""
    return sha256(json.dumps(configuration, sort_keys=True, separators=(",", ":")).encode())
