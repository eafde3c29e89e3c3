"""Settings from files and the command line into checked models, with errors a person can act on."""

import json
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from cluster.files import sha256

__all__ = ["check_settings", "configuration_hash", "difference", "override", "read_settings_file"]

Model = TypeVar("Model", bound=BaseModel)


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
    text = path.read_text(encoding="utf-8")
    try:
        content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:  # its own text quotes the file over several lines
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark else str(path)
        raise ValueError(f"{where}: this is no YAML: {error.problem or error.context}") from error
    except (ValueError, yaml.YAMLError) as error:
        raise ValueError(f"{path} is not readable: {' '.join(str(error).split())}") from error
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ValueError(
            f"{path} holds a {type(content).__name__}; settings by name (`data: ...`) are needed"
        )
    return content


def check_settings(
    model: type[Model],
    content: Mapping[str, Any],
    source: str,
    line: Callable[[tuple[str | int, ...]], int | None] = lambda _: None,
) -> Model:
    """Build `model` from settings.

    Args:
        model: what to build.
        content: settings by name.
        source: where they came from.
        line: tells the line of a setting in a file; None: it has none.

    Raises:
        ValueError: one sentence for the first setting that is wrong: its dotted name, what came, what is
            allowed, the nearest right name, and how many more are wrong.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        wrong: dict[str, list[Mapping[str, Any]]] = {}
        for one in error.errors():
            wrong.setdefault(_dotted(model, one["loc"]), []).append(dict(one))
        name, first = next(iter(wrong.items()))
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        number = line(_place(name, first))
        where = source if number is None else f"{source}, line {number}"
        raise ValueError(f"{where}: {_sentence(model, name, first)}{more}") from error


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


def _place(name: str, errors: list[Mapping[str, Any]]) -> tuple[str | int, ...]:
    """The place of a setting in a file: its names, and positions in lists as numbers."""
    return tuple(errors[0]["loc"][: len(name.split("."))]) if name else ()


def _dotted(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """The setting's name. Pydantic appends the kinds of a union to the place, which nobody has typed."""
    names: list[str] = []
    inner: type[BaseModel] | None = model
    for part in place:
        if names and inner is None and not isinstance(part, int):
            break
        names.append(str(part))
        field = inner.model_fields.get(str(part)) if inner else None
        inner = _model_in(field.annotation) if field else None
    return ".".join(names)


def _sentence(model: type[BaseModel], name: str, errors: list[Mapping[str, Any]]) -> str:
    """What is wrong with one setting, in our words; several errors are the branches of a union."""
    place = name.split(".") if name else []
    kind, came = errors[0]["type"], errors[0]["input"]
    if kind == "extra_forbidden":
        known = _fields(model, place[:-1])
        where = f" of {'.'.join(place[:-1])}" if place[:-1] else ""
        nearest = _nearest(place[-1], known)
        return f"there is no setting {name!r}{nearest}; the settings{where} are {', '.join(known)}"
    if kind == "missing":
        return f"setting {name!r} is missing"
    if kind in ("value_error", "assertion_error"):
        message = str(errors[0]["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
        return f"{name}: {message}" if name else message
    if kind in ("model_type", "model_attributes_type"):
        return f"{name or 'the content'} is {came!r}; settings by name are needed"
    wanted = " or ".join(dict.fromkeys(_wanted(error) for error in errors))
    choices = [word for error in errors if "expected" in error.get("ctx", {}) for word in _quoted(error)]
    return f"{name} is {came!r}; it must be {wanted}{_nearest(str(came), choices)}"


def _wanted(error: Mapping[str, Any]) -> str:
    """The second half of "it must be ..."."""
    message = str(error["msg"]).split(", unable to parse")[0].removeprefix("Input is not a valid ")
    return message.removeprefix("Input should be ")


def _quoted(error: Mapping[str, Any]) -> list[str]:
    return re.findall("'([^']*)'", str(error["ctx"]["expected"]))


def _nearest(word: str, known: list[str]) -> str:
    close = get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _fields(model: type[BaseModel], place: list[str]) -> list[str]:
    """Names of the settings at a dotted place; of the last place that has any."""
    for part in place:
        field = model.model_fields.get(part)
        inner = _model_in(field.annotation) if field else None
        if inner is None:
            break
        model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model in `Model` or `Model | None`."""
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)


def configuration_hash(configuration: Mapping[str, Any]) -> str:
    """A hash that two configurations share exactly when all their JSON values are equal, key order aside."""
    return sha256(json.dumps(configuration, sort_keys=True, separators=(",", ":")).encode())
