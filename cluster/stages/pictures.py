"""Pictures and report of a run: each stage draws what it has found, and the report shows all so far."""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from cluster.files import read_json
from cluster.images import write_image
from cluster.report.curves import operation_frequency_panels, search_panels, training_panels
from cluster.report.figures import (
    confusion_figure,
    curves_figure,
    reward_figure,
    search_figure,
    training_figure,
)
from cluster.report.page import Picture, ReportContent, ShownClip, picture_of_file, write_report
from cluster.stages.folder import RunFolder
from cluster.stages.picture_table import REPORT_PICTURES
from cluster.stages.preparation import PreparedExperiment
from cluster.stages.report_picture import Stage
from encoding.contact_sheets import as_pictures
from encoding.datasets import Clip
from encoding.spmf import encode_all
from nas.draw import ThemeName, draw_cell, draw_genotype, draw_network, save_figure
from nas.genotype import Genotype

__all__ = ["sheet_of_clips", "write_results"]

SHEET, DARK = "contact_sheet.png", "-dark"
MILESTONES = 5
COUNTED = "Accuracies count every original test sequence once; nothing is augmented when scoring."


def write_results(run: RunFolder, experiment: PreparedExperiment, stage: Stage) -> None:
    """Draw what a stage has found, as SVG and PNG, and write report.html from all that is there by now."""
    for name, figure in (*_FIGURES[stage](run, experiment), *_further_figures(run, experiment, stage)):
        (run.pictures / name).parent.mkdir(parents=True, exist_ok=True)
        save_figure(figure, run.pictures / f"{name}.svg")
        if not name.endswith(DARK):
            save_figure(figure, run.pictures / f"{name}.png")
    if stage == "search":
        write_image(run.pictures / SHEET, sheet_of_clips(experiment, experiment.split.train))
    write_report(run.report_file, _content(run, experiment))


def sheet_of_clips(experiment: PreparedExperiment, clips: Sequence[Clip]) -> NDArray[np.uint8]:
    """The contact sheet of clips, encoded with the statistics of the training part."""
    statistics = experiment.statistics(experiment.split.train)
    images = encode_all([clip.poses for clip in clips], experiment.config.encoding, statistics)
    return experiment.contact_sheet(clips, images)


def _further_figures(
    run: RunFolder, experiment: PreparedExperiment, stage: Stage
) -> Iterator[tuple[str, Figure]]:
    for picture in REPORT_PICTURES:
        if picture.stage == stage:
            yield picture.name, picture.draw(run, experiment)


def _search_figures(run: RunFolder, experiment: PreparedExperiment) -> Iterator[tuple[str, Figure]]:
    genotype, search = run.genotype(), read_json(run.search_file)
    network = experiment.network(genotype, experiment.config.parameters)
    themes: tuple[tuple[ThemeName, str], ...] = (("light", ""), ("dark", DARK))
    for theme, ending in themes:
        for kind, cell in (("normal", genotype.normal), ("reduction", genotype.reduction)):
            yield (
                f"{kind}_cell{ending}",
                draw_cell(cell, f"{kind} cell", theme, reduction=kind == "reduction"),
            )
        yield f"network{ending}", draw_network(genotype, network, theme=theme)
    for row in _milestones(search["epochs"]):
        for theme, ending in themes:
            title = f"best of epoch {row['epoch']}"
            yield (
                f"{_milestone(row)}{ending}",
                draw_genotype(Genotype.parse(row["best_genotype"]), title, theme),
            )
    yield "search", search_figure(search["epochs"])
    yield (
        "operation_frequencies",
        curves_figure(operation_frequency_panels(search["sampled"]), "Operations sampled, by epoch"),
    )
    yield "rewards", reward_figure([row["reward"] for row in search["sampled"]])


def _milestones(epochs: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The first, the last and a few epochs between: enough to see where the search went."""
    places = np.linspace(0, len(epochs) - 1, min(MILESTONES, len(epochs))).round().astype(int)
    return [epochs[place] for place in places]


def _milestone(row: Mapping[str, Any]) -> str:
    return f"milestones/epoch_{row['epoch']:04d}"


def _training_figures(run: RunFolder, _: PreparedExperiment) -> Iterator[tuple[str, Figure]]:
    yield "training", training_figure(read_json(run.training_file)["epochs"])


def _evaluation_figures(run: RunFolder, _: PreparedExperiment) -> Iterator[tuple[str, Figure]]:
    score = read_json(run.evaluation_file)
    yield "confusion", confusion_figure(score["confusion"], score["class_names"])


_FIGURES: dict[Stage, Callable[[RunFolder, PreparedExperiment], Iterator[tuple[str, Figure]]]] = {
    "search": _search_figures,
    "training": _training_figures,
    "evaluation": _evaluation_figures,
}


def _content(run: RunFolder, experiment: PreparedExperiment) -> ReportContent:
    search = read_json(run.search_file)
    training = read_json(run.training_file)["epochs"] if run.training_file.exists() else []
    score = read_json(run.evaluation_file) if run.evaluation_file.exists() else None
    split = experiment.split.describe().splitlines()
    return ReportContent(
        title=run.path.name,
        subtitle=split[0],
        facts=_facts(search, training, score),
        notes=[*_standing(score), COUNTED, *split[1:], *_warnings(search)],
        genotype=search["genotype"],
        cells=[
            _picture(run, "Normal cell", "normal_cell"),
            _picture(run, "Reduction cell", "reduction_cell"),
        ],
        network=[_picture(run, "The network", "network")],
        search=search_panels(search["epochs"]),
        rewards=[row["reward"] for row in search["sampled"]],
        operation_frequencies=operation_frequency_panels(search["sampled"]),
        milestones=[
            _picture(run, f"Best of epoch {row['epoch']}: reward {row['best_reward']:.3f}", _milestone(row))
            for row in _milestones(search["epochs"])
        ],
        candidates=[row for row in search["candidates"] if row["retrained"] is not None],
        training=training_panels(training),
        class_names=experiment.split.class_names,
        confusion=score["confusion"] if score else None,
        clips=_clips(experiment, score["predictions"]) if score else [],
        images=[picture_of_file("Training clips as images", run.pictures / SHEET, caption="Rows by class.")],
        further=[
            picture_of_file(picture.title, path)
            for picture in REPORT_PICTURES
            if (path := run.pictures / f"{picture.name}.svg").exists()
        ],
        configuration=experiment.config.to_dict(),
        commands=_commands(run),
        environment=_environment(run),
    )


def _picture(run: RunFolder, title: str, name: str) -> Picture:
    return picture_of_file(title, run.pictures / f"{name}.svg", run.pictures / f"{name}{DARK}.svg")


def _clips(experiment: PreparedExperiment, predictions: Sequence[Mapping[str, Any]]) -> list[ShownClip]:
    """The test clips with what the network said of them, encoded as it saw them."""
    split = experiment.split
    statistics = experiment.statistics(split.development)
    images = encode_all([clip.poses for clip in split.test], experiment.config.encoding, statistics)
    return [
        ShownClip(
            name=clip.name,
            label=clip.label,
            answer=split.class_names.index(row["answer"]),
            probability=row["probability"],
            poses=clip.poses,
            image=image,
        )
        for clip, image, row in zip(split.test, as_pictures(images), predictions, strict=True)
    ]


def _facts(
    search: Mapping[str, Any], training: Sequence[Mapping[str, Any]], score: Mapping[str, Any] | None
) -> list[tuple[str, str]]:
    facts = []
    if score:
        facts.append(("test accuracy", f"{score['accuracy']:.3f}"))
        facts.append(("test sequences right", f"{score['correct']} of {score['total']}"))
        if score.get("with_kernels") is not None:
            facts.append(("with random kernels", f"{score['with_kernels']:.3f}"))
        facts.append(("parameters", f"{score['parameters']:,}"))
        facts.append(("for one answer, one thread", f"{score['latency_ms']:.1f} ms"))
    if training:
        facts.append(("epochs of final training", str(len(training))))
    best = next(row for row in search["candidates"] if row["chosen"])
    facts.append(("validation accuracy of the choice", f"{best['retrained']:.3f}"))
    facts.append(("architectures sampled", f"{len(search['sampled']):,}"))
    facts.append(("epochs of search", str(len(search["epochs"]))))
    return facts


def _standing(score: Mapping[str, Any] | None) -> list[str]:
    """How the network stands against the baselines, where it was asked."""
    return [score["standing"]] if score and "standing" in score else []


def _warnings(search: Mapping[str, Any]) -> list[str]:
    collapsed = sum(bool(row["reward_collapsed"]) for row in search["epochs"])
    if collapsed == 0:
        return []
    return [
        f"In {collapsed} of {len(search['epochs'])} epochs all rewards were alike: "
        "there the controller learnt nothing about architectures."
    ]


def _commands(run: RunFolder) -> list[str]:
    """How to repeat the whole run in a folder of its own; what is there is left alone."""
    again, options = shlex.quote(f"{run.path}-again"), _seeds(run)
    if run.is_branch:
        begin = [f"posenas train {again} --from {shlex.quote(str(run.path))}{options}"]
    else:
        config = shlex.quote(str(run.experiment_file))
        begin = [f"posenas search --config {config} --out {again}", f"posenas train {again}{options}"]
    return [*begin, f"posenas evaluate {again}"]


def _seeds(run: RunFolder) -> str:
    """The option of a training of several seeds."""
    content = read_json(run.training_file) if run.training_file.exists() else {}
    seeds = [str(row["seed"]) for row in content.get("seeds", [])]
    return f" --seeds {','.join(seeds)}" if len(seeds) > 1 else ""


def _environment(run: RunFolder) -> dict[str, str]:
    return {
        f"{stage}: {name}": str(value)
        for stage, facts in run.environment.items()
        for name, value in facts.items()
    }
