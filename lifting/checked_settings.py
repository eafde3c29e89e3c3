"""Settings into a checked model; what is wrong is said in one sentence that a person can act on."""

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

__all__ = ["check_settings"]

Model = TypeVar("Model", bound=BaseModel)


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
        ValueError: a sentence for every setting that is wrong: its dotted name, what came, what is allowed,
            the nearest right name.
    """
    try:
        return model.model_validate(content)
    except ValidationError as error:
        wrong: dict[str, list[Mapping[str, Any]]] = {}
        for one in error.errors():
            wrong.setdefault(_dotted(model, one["loc"]), []).append(dict(one))
        sentences = []
        for name, errors in wrong.items():
            number = line(_place(name, errors))
            where = source if number is None else f"{source}, line {number}"
            sentences.append(f"{where}: {_sentence(model, name, errors)}")
        raise ValueError(" | ".join(sentences)) from error


def _place(name: str, errors: list[Mapping[str, Any]]) -> tuple[str | int, ...]:
    """The place of a setting in a file: its names, and positions in lists as numbers."""
    return tuple(errors[0]["loc"][: len(name.split("."))]) if name else ()


def _dotted(model: type[BaseModel], place: tuple[int | str, ...]) -> str:
    """The setting's name. Pydantic appends the kinds of a union to the place, which no user has typed."""
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
