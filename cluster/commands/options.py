"""Options that several commands share, and how they become changes of an experiment."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from cluster.progress import Progress
    from lifting.trained_lifter import Runtime

__all__ = [
    "Address",
    "Config",
    "Data",
    "Device",
    "FileList",
    "Fold",
    "Gpus",
    "LifterRuntime",
    "Mlflow",
    "Placement",
    "PlacementTimeout",
    "Precision",
    "Preset",
    "Protocol",
    "ResumableCommand",
    "Resume",
    "ResumeAuto",
    "Root",
    "Seed",
    "Settings",
    "Subset",
    "Threads",
    "Tracking",
    "Workers",
    "changes",
    "data_changes",
    "image_size",
    "is_resumed",
    "lifter_runtime",
    "numbers",
    "opened_progress",
    "parse_settings",
    "place_changes",
    "show",
]  # fmt: skip

_AUTO = "--resume=auto"


class ResumableCommand(TyperCommand):
    """A command whose `--resume` may be `--resume=auto`: one line that begins a run, or continues it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The option with a value becomes a flag of its own."""
        return super().parse_args(ctx, [f"--{_AUTO_FLAG}" if one == _AUTO else one for one in args])


_AUTO_FLAG = "resume-if-begun"

Resume = Annotated[
    bool, typer.Option("--resume", help="Continue the run in --out; --resume=auto: if there is one.")
]
ResumeAuto = Annotated[bool, typer.Option(f"--{_AUTO_FLAG}", hidden=True)]


def is_resumed(out: Path | None, resume: bool, auto: bool, file: str) -> bool:
    """Whether a run continues: as asked for, or with `--resume=auto` where `file` lies in its folder.

    Raises:
        ValueError: no folder is named.
    """
    if (resume or auto) and out is None:
        raise ValueError("--resume needs --out, the folder of the run to go on with")
    return resume or (auto and out is not None and (out / file).exists())


_DATA, _WHERE, _EXPERIMENT = "Data", "Where it runs", "Experiment"

Data = Annotated[
    str | None,
    typer.Option("--data", help="msr, sbu, npz or synthetic.", rich_help_panel=_DATA, show_default=False),
]
Root = Annotated[
    Path | None,
    typer.Option("--root", help="Folder of the data set.", rich_help_panel=_DATA, show_default=False),
]
Subset = Annotated[
    str | None,
    typer.Option("--subset", help="MSR: AS1, AS2, AS3 or all.", rich_help_panel=_DATA, show_default=False),
]
FileList = Annotated[
    str | None,
    typer.Option("--file-list", help="MSR: 557 or 567.", rich_help_panel=_DATA, show_default=False),
]
Protocol = Annotated[
    str | None,
    typer.Option(
        "--protocol",
        help="MSR: cross-subject, one-third or two-thirds.",
        rich_help_panel=_DATA,
        show_default=False,
    ),
]
Fold = Annotated[
    int | None,
    typer.Option("--fold", help="SBU: test fold, 1 to 5.", rich_help_panel=_DATA, show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Experiment file (YAML or JSON).", rich_help_panel=_EXPERIMENT, show_default=False
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="small (for data of this size), temporal (networks that read time), released or paper.",
        rich_help_panel=_EXPERIMENT,
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", help="Random seed.", rich_help_panel=_EXPERIMENT, show_default=False),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Any other setting, as search.batch_size=32; may be repeated.",
        rich_help_panel=_EXPERIMENT,
        show_default=False,
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers", help="Ray evaluators; 0: no Ray; auto.", rich_help_panel=_WHERE, show_default=False
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        help="Ray cluster to join: auto, or HOST:PORT.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Gpus = Annotated[
    float | None,
    typer.Option(
        "--gpus-per-worker",
        help="GPUs for each Ray worker; 0.5: two workers share one.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Placement = Annotated[
    str | None,
    typer.Option(
        "--placement",
        help="SPREAD over machines, or PACK: fill one before the next.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
PlacementTimeout = Annotated[
    float | None,
    typer.Option(
        "--placement-timeout",
        help="Seconds to wait for free resources on the cluster.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="cpu, or cuda (a GPU).", rich_help_panel=_WHERE, show_default=False),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        help="float32, or bfloat16 (mixed).",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(
        "--threads", help="Threads of the final training.", rich_help_panel=_WHERE, show_default=False
    ),
]
Tracking = Annotated[
    str | None,
    typer.Option(
        "--tracking",
        help="MLflow store; by default sqlite:///mlflow.db.",
        rich_help_panel=_WHERE,
        show_default=False,
    ),
]
Mlflow = Annotated[
    bool, typer.Option("--mlflow/--no-mlflow", help="Record the run in MLflow.", rich_help_panel=_WHERE)
]
LifterRuntime = Annotated[
    str, typer.Option("--runtime", help="Runtime of the lifter: onnx, int8 (8-bit weights) or torch.")
]


def data_changes(
    data: str | None,
    root: Path | None,
    subset: str | None,
    file_list: str | None,
    protocol: str | None,
    fold: int | None,
) -> dict[str, Any]:
    """The options of the data set as settings; None where one was not given."""
    return {
        "data.name": data,
        "data.root": root,
        "data.subset": subset,
        "data.file_list": file_list,
        "data.protocol": protocol,
        "data.fold": fold,
    }


def place_changes(
    workers: str | None,
    address: str | None,
    gpus: float | None,
    placement: str | None,
    placement_timeout: float | None,
) -> dict[str, Any]:
    """The options of where it runs as settings; None where one was not given.

    Who names a cluster, or GPUs for workers, means workers on Ray: as many as the resources allow.
    """
    meant = workers is None and (address is not None or gpus)
    return {
        "resources.workers": "auto" if meant else workers,
        "resources.address": address,
        "resources.gpus_per_worker": gpus,
        "resources.placement": placement.upper() if placement else None,
        "resources.placement_timeout_seconds": placement_timeout,
    }


def changes(
    options: Mapping[str, Any], settings: list[str] | None = None, *, mlflow: bool = True
) -> dict[str, Any]:
    """Settings by dotted name: the options that were given, what --set says, no record without MLflow."""
    given = {name: _plain(name, value) for name, value in options.items() if value is not None}
    return {**given, **parse_settings(settings or []), **({} if mlflow else {"tracking": None})}


def numbers(option: str, text: str) -> tuple[int, ...]:
    """The numbers of "0,1,2".

    Raises:
        ValueError: the text is something else; the sentence names the option.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise ValueError(
            f"{option} is {text!r}; numbers of 0 or more with commas between are needed, as 0,1,2"
        )
    return tuple(map(int, parts))


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """`name=value` texts; values are read as YAML does (20, 0.5, true, null, text).

    Raises:
        ValueError: a text has no `=`, or its value is no YAML.
    """
    from lifting.yaml_text import load_yaml

    result: dict[str, Any] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise ValueError(f"--set {text!r} must read NAME=VALUE, as search.batch_size=32")
        try:
            result[name.strip()] = load_yaml(value)
        except ValueError as error:
            raise ValueError(f"--set {text!r}: {error}") from error
    return result


def lifter_runtime(choice: str) -> "Runtime":
    """What --runtime says.

    Raises:
        ValueError: it is something else.
    """
    if choice not in ("onnx", "int8", "torch"):
        raise ValueError(f"--runtime is {choice!r}; onnx, int8 or torch is needed")
    return choice  # type: ignore[return-value]


def opened_progress() -> "AbstractContextManager[Progress]":
    """As `cluster.progress_file.opened_progress`, which is loaded when it is needed: help does without."""
    from cluster.progress_file import opened_progress as opened

    return opened()


def show(*lines: str) -> None:
    """Lines for a person, none of them folded."""
    for line in lines:
        typer.echo(line)


def _plain(name: str, value: Any) -> Any:
    """As a settings file would hold it; paths absolute, since a run may be resumed from elsewhere."""
    if isinstance(value, Path):
        return str(value.absolute())
    return int(value) if name == "resources.workers" and str(value).lstrip("-").isdigit() else value


def image_size(text: str | None) -> tuple[int, int] | None:
    """(width, height) of "1280x720".

    Raises:
        ValueError: it is no two whole numbers above 0.
    """
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.strip().isdigit() and height.strip().isdigit() and int(width) and int(height)):
        raise ValueError(f"--image-size is {text!r}; width x height in pixels, as 1280x720, is needed")
    return int(width), int(height)
