"""From an experiment file to the plan of its jobs: the steps of each variant."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.scheduling.experiment_file import read_experiment
from cluster.scheduling.kinds import FILE_KINDS, FileKindEntry
from cluster.scheduling.labels import name_of_file
from cluster.scheduling.plan import Plan, PlannedJob
from cluster.scheduling.variants import SettingOrigin, variants

__all__ = ["plan_of"]


def plan_of(path: Path) -> Plan:
    """The jobs of an experiment file, everything in it checked as far as that goes without running it.

    Raises:
        FileNotFoundError: no such file.
        ValueError: a key, type or range is wrong: file, line, what came, what is allowed, the nearest name.
    """
    path = Path(path)
    file = read_experiment(path)
    kind = _entry(file.kind)
    source = SettingOrigin(path, kind.own_places)
    source.refuse_twice()
    name = file.name or name_of_file(path)
    jobs: list[PlannedJob] = []
    for variant in variants(file):
        run = f"{name}-{variant.label}" if variant.label else name
        for number, step in enumerate(kind.steps(file, variant, source)):
            _check_data(step.settings, source)
            jobs.append(
                PlannedJob(
                    name=run if step.kind == file.kind else f"{run}:{step.kind}",
                    kind=step.kind,
                    settings=step.settings,
                    run=run,
                    needs=step.needs,
                    limit_seconds=file.limits.seconds,
                    after=(len(jobs) - 1,) if number else (),  # a step runs after the one before it
                )
            )
    plan = Plan(name=name, kind=file.kind, source=path.read_text(encoding="utf-8"), jobs=tuple(jobs))
    plan.refuse_shared_folders()
    return plan


def _check_data(settings: Mapping[str, Any], source: SettingOrigin) -> None:
    """The data are looked for before anything is queued.

    Raises:
        ValueError: nothing lies where they should.
    """
    root = settings.get("config", {}).get("data", {}).get("root")
    if root is not None and not Path(root).exists():
        raise source.error(
            ("data", "root"), f"data.root is {root}, where nothing lies; the path of the data is needed"
        )


def _entry(kind: str) -> FileKindEntry:
    """What the jobs of a kind are; those of the lifter load torch."""
    if kind in FILE_KINDS:
        return FILE_KINDS[kind]
    from cluster.scheduling.lift_kinds import LIFT_KINDS

    return LIFT_KINDS[kind]
