"""docs/settings.md, made from the configurations and what they allow."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

_SETTINGS_HEAD = """# Settings

Every setting with its default, its range and its meaning. Set one on the command line by its dotted name, or
in an experiment file section by section:

```
posenas search --data synthetic --set search.epochs=5 --set encoding.distance_scope=train --out runs/few
```

```yaml
# few.yaml, for `posenas search --config few.yaml`
preset: small
data: {name: synthetic}
search:
  epochs: 5
```

A wrong name is answered with the nearest right one. Defaults are those of the preset `small` for an
experiment, and of `paper` for a lifter; [the presets](#presets) lists what other presets change.
`resources` and `tracking` never change a result, all other sections do. "none" is written `null` in a file.
`python docs/make_pages.py` makes this page from the code.
"""

ENVIRONMENT = {
    "POSENAS_DATA": "Folder that holds the data sets, as `$POSENAS_DATA/msr_action3d`.",
    "POSENAS_DATABASE": "Registry of the queue, as `sqlite:///queue.db` or `postgresql://USER:PASSWORD@HOST/NAME`.",
    "POSENAS_DETECTOR": "Python interpreter that has MediaPipe, for `posenas detect`.",
    "POSENAS_TOKEN": "Token of the queue's page.",
    "MLFLOW_TRACKING_URI": "MLflow store or server, where `tracking.uri` is not set.",
}


def settings_page() -> str:
    """docs/settings.md: a table for each section; the environment of this machine has no part in it."""
    with mock.patch.dict(os.environ):
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # the default of tracking.uri, where it is set
        return _settings_page()


def _settings_page() -> str:
    from cluster.config import ExperimentConfig
    from cluster.lifter.config import LiftConfig
    from cluster.scheduling.experiment_file import ExperimentFile
    from cluster.tuning.run import LiftTuningConfig

    parts = [
        _SETTINGS_HEAD,
        "# Experiments\n",
        "`posenas search`, `train`, `baseline`; `--set SECTION.NAME=VALUE`.\n",
    ]
    parts += _tables(ExperimentConfig, ExperimentConfig.preset("small").model_dump(mode="json"))
    parts += [_presets(ExperimentConfig)]
    parts += ["# The lifter\n", "`posenas lift train`; `--set SECTION.NAME=VALUE`.\n"]
    parts += _tables(LiftConfig, LiftConfig.preset("paper").model_dump(mode="json"), "lifter: ")
    parts += ["# Tuning the lifter\n", "`posenas lift tune`; `--set SECTION.NAME=VALUE`.\n"]
    parts += _tables(
        LiftTuningConfig, LiftTuningConfig().model_dump(mode="json"), "tuning: ", ("lift", "space")
    )
    parts += ["# Files of the queue\n", "`posenas submit FILE`; see [experiments.md](experiments.md).\n"]
    parts += _tables(ExperimentFile, {}, "file: ")
    rows = [f"| `{name}` | {meaning} |" for name, meaning in ENVIRONMENT.items()]
    parts += ["\n".join(["# Environment variables\n", "| variable | meaning |", "|---|---|", *rows, ""])]
    return _levels("\n".join(parts))


def _levels(page: str) -> str:
    """One title; its parts become chapters, and their sections one level lower."""
    head, _, rest = page.partition("\n# Experiments")
    return head + re.sub(r"^(#+ )", r"#\1", "\n# Experiments" + rest, flags=re.MULTILINE)


def _tables(
    model: Any, values: Mapping[str, Any], prefix: str = "", without: tuple[str, ...] = ()
) -> list[str]:
    """A table for each section, settings without a section first."""
    schema = model.model_json_schema()
    plain: dict[str, Any] = {}
    sections: list[str] = []
    for name, field in schema["properties"].items():
        section = _section(field, schema)
        if name in without:
            continue
        if section is None:
            plain[name] = field
        else:
            below = values.get(name) or {}
            rows = _rows(section, below, schema, f"{name}.")
            sections.append(_table(f"## {prefix}{name}", _sentence(field.get("description", "")), rows))
    if not plain:
        return sections
    rows = [row for name, field in plain.items() for row in _row(name, field, values, schema, "", schema)]
    return [_table(f"## {prefix}settings without a section", "", rows), *sections]


def _table(title: str, text: str, rows: list[str]) -> str:
    head = ["| setting | default | range | meaning |", "|---|---|---|---|"]
    return "\n".join([f"{title}\n", *([f"{text}\n"] if text else []), *head, *rows, ""])


def _section(field: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The object that a field holds; None of a plain value."""
    options = [field, *field.get("allOf", ()), *field.get("anyOf", ())]
    for one in options:
        if "$ref" in one:
            found: dict[str, Any] = schema["$defs"][one["$ref"].rpartition("/")[2]]
            return found if "properties" in found else None
    return None


def _rows(
    section: Mapping[str, Any], values: Mapping[str, Any], schema: Mapping[str, Any], prefix: str
) -> list[str]:
    rows = []
    for name, field in section["properties"].items():
        if name not in ("num_classes", "image_size") or "stem_stride" not in section["properties"]:
            rows += _row(name, field, values, schema, prefix, section)  # those two follow from the data
    return rows


def _row(
    name: str,
    field: Mapping[str, Any],
    values: Mapping[str, Any],
    schema: Mapping[str, Any],
    prefix: str,
    owner: Mapping[str, Any],
) -> list[str]:
    below = _section(field, schema)
    if below is not None:
        return _rows(below, values.get(name) or {}, schema, f"{prefix}{name}.")
    empty = {"array": [], "object": {}}.get(field.get("type", ""))
    default = values[name] if name in values else field.get("default", empty)
    shown = "required" if name in owner.get("required", ()) and not values else f"`{cell(_value(default))}`"
    meaning = cell(_sentence(field.get("description", "")))
    return [f"| `{prefix}{name}` | {shown} | {_range(field)} | {meaning} |"]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping) and value:
        return ", ".join(f"{name}: {_value(one)}" for name, one in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


_WORDS = {
    "integer": "whole number",
    "string": "text",
    "boolean": "true, false",
    "array": "list",
    "object": "mapping",
}


def _range(field: Mapping[str, Any]) -> str:
    """What is allowed, in words: choices, or a kind and its limits."""
    if "anyOf" in field:
        parts = [_range(one) for one in field["anyOf"]]
        return " or ".join(dict.fromkeys(parts))
    if "enum" in field or "const" in field:
        return ", ".join(f"`{one}`" for one in field.get("enum", [field.get("const")]))
    if field.get("type") == "null":
        return "none"
    limits = [
        f"{sign} {field[key]:g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in field
    ]
    limits += [f"multiple of {field['multipleOf']}"] if "multipleOf" in field else []
    kind = (
        "path"
        if field.get("format") == "path"
        else _WORDS.get(field.get("type", ""), field.get("type", "any"))
    )
    return ", ".join([kind, *limits])


def _presets(model: Any) -> str:
    """Settings in which the presets differ, a column each."""
    from cluster.config import PRESETS

    flat = {name: dict(_flat(model.preset(name).to_dict())) for name in PRESETS}
    names = dict.fromkeys(key for values in flat.values() for key in values)
    rows = []
    for key in names:
        values = [_value(flat[name].get(key)) for name in PRESETS]
        if len(set(values)) > 1:
            rows.append(f"| `{key}` | {' | '.join(values)} |")
    head = f"| setting | {' | '.join(f'`{name}`' for name in PRESETS)} |"
    return "\n".join(
        ["## Presets\n", "Settings in which the presets differ.\n", head, "|---" * 5 + "|", *rows, ""]
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _sentence(text: str) -> str:
    """A description as a sentence of its own."""
    text = " ".join(text.split())
    if not text:
        return text
    word = text.split()[0]
    first = text[0] if word[-1] in ":," else text[0].upper()  # "msr: ..." speaks of the value msr
    return first + text[1:] + ("" if text.endswith(".") else ".")


def cell(value: object) -> str:
    """A value as a cell of a table."""
    text = str(value).replace("|", "\\|")
    return " ".join(text.replace(str(Path.home()), "~").split())
