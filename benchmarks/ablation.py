"""What matters: the choices of encoding, augmentation and training, one by one, on training subjects.

    python benchmarks/ablation.py --data FOLDER --out runs/ablation
    python benchmarks/ablation.py --only enhancement=off image_size=48
    python benchmarks/ablation.py --try 'augmentation.rotation_degrees=40 augmentation.time_warp=0.5'
    python benchmarks/ablation.py --try 'epochs=250, stronger + parameters=400000'  # a row, and what differs
    python benchmarks/ablation.py --genotype RUN/genotype.json  # final training of a search's cells
    python benchmarks/ablation.py --subsets fold1 fold2 fold3 fold4 fold5 --only bones=reference mirror=0.5

Each training subject of MSR Action3D AS1, AS2 and AS3 in turn is left out, a small residual network is
trained on the others, and scored on the one left out; the test part is not looked at. Of a fold of SBU,
whose training part are four others, the next one is left out, so that five folds score every clip once.
Answers of every clip are kept, so that a row is compared with the defaults clip by clip. What is done
already is not done again: start it again after a stop, or once more beside on another core.
"""

import argparse
import hashlib
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.locking import locked
from cluster.reproduction.protocol import TABLES, Part, parts_of
from cluster.stages.preparation import PreparedExperiment
from encoding.augmentation import AugmentationConfig
from encoding.datasets import Clip
from lifting.tables import as_text
from lifting.yaml_text import load_yaml
from nas.baselines import Baseline, baseline_for_budget
from nas.evaluate import evaluate
from nas.genotype import Genotype
from nas.image_classifier import ImageClassifier
from nas.network import Network
from nas.threads import torch_threads
from nas.train import Training

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("POSENAS_DATA", REPOSITORY.parent / "shared" / "data"))  # as in the tests
PARTS = {part.name.replace(" ", ""): part for table in TABLES for part in parts_of(table, DATA)}
SUBSETS = [name for name, part in PARTS.items() if part.table == "msr"]

# A network that learns in half a minute what others need minutes for, in 60 epochs instead of 250 and with
# the augmentation of the search; its budget, the epochs and the stronger augmentation are rows below.
BASE: dict[str, Any] = {
    "parameters": 100_000, "network.stem_stride": 2,
    "training.epochs": 60, "data.validation_fraction": 0.0, "tracking": None,
}  # fmt: skip

# What the preset for small data does in the final training, for 250 epochs.
_STRONGER = {
    f"augmentation.{name}": value
    for name, value in (ExperimentConfig.preset("small").final_augmentation or {}).items()
}
ROWS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "bones=reference": {"encoding.bones": "reference"},
    "bones=reference, no spread": {"encoding.bones": "reference", "augmentation.bone_spread": 0.0},
    "bones=reference, spread=0.2": {"encoding.bones": "reference", "augmentation.bone_spread": 0.2},
    "no spread of bones": {"augmentation.bone_spread": 0.0},
    "spread of bones=0.2": {"augmentation.bone_spread": 0.2},
    "distance_scope=train": {"encoding.distance_scope": "train"},
    "enhancement=off": {"encoding.enhancement": "off"},
    "enhancement=hsv": {"encoding.enhancement": "hsv"},
    "clip_limit=2": {"encoding.clip_limit": 2.0},
    "clip_limit=4": {"encoding.clip_limit": 4.0},
    "pairs=ordered": {"encoding.pairs": "ordered"},
    "smooth=no": {"encoding.smooth": False},
    "image_size=48": {"encoding.image_size": 48},
    "image_size=64": {"encoding.image_size": 64},
    "no crop": {"augmentation.temporal_crop": 1.0},
    "crop=0.6": {"augmentation.temporal_crop": 0.6},
    "no rotation": {"augmentation.rotation_degrees": 0.0},
    "rotation=45": {"augmentation.rotation_degrees": 45.0},
    "no tilt": {"augmentation.tilt_degrees": 0.0},
    "tilt=30": {"augmentation.tilt_degrees": 30.0},
    "no warp": {"augmentation.time_warp": 0.0},
    "warp=0.6": {"augmentation.time_warp": 0.6},
    "no noise": {"augmentation.joint_noise_mm": 0.0},
    "noise=25": {"augmentation.joint_noise_mm": 25.0},
    "mirror=0.5": {"augmentation.mirror": 0.5},
    "scale=0, distance_scope=train": {"augmentation.scale": 0.0, "encoding.distance_scope": "train"},
    "epochs=30": {"training.epochs": 30},
    "epochs=250": {"training.epochs": 250},
    "epochs=250, stronger": {"training.epochs": 250, **_STRONGER},
    "bones=reference, epochs=250, stronger": {
        "encoding.bones": "reference", "training.epochs": 250, **_STRONGER,
    },
    "stronger": _STRONGER,
    "ema=0.99": {"training.ema_decay": 0.99},
    "no smoothing of labels": {"training.label_smoothing": 0.0},
    "batch=32": {"training.batch_size": 32},
    "parameters=30k": {"parameters": 30_000},
    "parameters=400k": {"parameters": 400_000},
    "stem_stride=1": {"network.stem_stride": 1},
}  # fmt: skip

# Of the network of a genotype, in the whole final training.
_OF_CELLS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "every path kept": {"network.drop_path_keep": 1.0},
    "drop_path_keep=0.6": {"network.drop_path_keep": 0.6},
    "no auxiliary head": {"network.auxiliary": False},
    "every path kept, no auxiliary head": {"network.drop_path_keep": 1.0, "network.auxiliary": False},
    "parameters=400k": {"parameters": 400_000},
}
CELL_ROWS = {
    f"cells: {name}": {**ROWS["epochs=250, stronger"], **changes} for name, changes in _OF_CELLS.items()
}


def main() -> None:
    """Measure what is missing, then print the table."""
    given = _arguments()
    rows, genotype, base = ROWS, None, "defaults"
    if given.genotype:
        genotype = Genotype.from_json(given.genotype.read_text(encoding="utf-8"))
        rows, base = CELL_ROWS, "cells: defaults"
    if wrong := [name for name in given.only or [] if name not in rows]:
        kind = "a genotype's network" if genotype else "the residual network"
        raise SystemExit(f"{'; '.join(wrong)}: no row of {kind}, which has {'; '.join(rows)}")
    rows = {name: rows[name] for name in ((base, *given.only) if given.only else rows)}
    known = ROWS if genotype is None else CELL_ROWS
    for text in given.attempts:
        name = text if genotype is None else f"cells: {text}"
        rows[name] = {**known[base], **attempt(text, known)}
    subsets = given.subsets or SUBSETS
    for name, changes in rows.items():  # all of them before hours go into the first
        try:
            settings_of(given.data, subsets[0], given.seed, changes)
        except ValueError as error:
            raise SystemExit(f"{name}: {error}") from None
    if not given.report:
        for name, changes in rows.items():
            folder = folder_of(given.out, name)
            folder.mkdir(parents=True, exist_ok=True)
            with suppress(BlockingIOError), locked(folder):  # another process is at it
                for subset in subsets:
                    measure(given.data, given.out, name, changes, subset, given.seed, genotype)
    print(report(given.out, list(rows), base, subsets, given.seed))
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread each.")


def attempt(text: str, known: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The settings of "NAME=VALUE NAME=VALUE", or of "ROW + NAME=VALUE" over those of a row."""
    row, separator, rest = text.rpartition(" + ")
    if separator and row not in known:
        raise SystemExit(f"{text!r} begins with no row; there are {'; '.join(known)}")
    changes = {}
    for part in rest.split():
        name, equals, value = part.partition("=")
        if not equals:
            raise SystemExit(
                f"{part!r} of {text!r} is no setting: NAME=VALUE, with blanks between, is needed"
            )
        changes[name] = load_yaml(value)
    return {**known.get(row, {}), **changes}


def measure(
    data: Path,
    out: Path,
    name: str,
    changes: Mapping[str, Any],
    subset: str,
    seed: int,
    genotype: Genotype | None = None,
) -> None:
    """Leave out each of a part's units in turn; one file a unit. No genotype: the residual network."""
    part, experiment = PARTS[subset], PreparedExperiment.load(settings_of(data, subset, seed, changes))
    clips = experiment.split.development
    asked = {"changes": dict(changes), **({"genotype": str(genotype)} if genotype else {})}
    for unit in left_out(part, clips):
        path = folder_of(out, name) / f"{subset}-{unit.replace(' ', '')}-{seed}.json"
        if path.exists() and read_json(path).items() >= asked.items():
            continue
        begin = time.perf_counter()
        others = [clip for clip in clips if unit_of(part, clip) == unit]
        content = fold(experiment, [clip for clip in clips if unit_of(part, clip) != unit], others, genotype)
        seconds = time.perf_counter() - begin
        write_json(path, {**asked, "seconds": seconds, **content})
        print(
            f"{name}, {subset} without {unit}: {np.mean(content['right']):.3f}, {seconds:.0f} s", flush=True
        )


def settings_of(data: Path, subset: str, seed: int, changes: Mapping[str, Any]) -> ExperimentConfig:
    """Those of a row on a part.

    Raises:
        ValueError: a change is not allowed.
    """
    (part,) = (part for part in parts_of(PARTS[subset].table, data) if part.name == PARTS[subset].name)
    settings = {**BASE, **{f"data.{name}": value for name, value in part.data.items()}, "training.seed": seed}
    return ExperimentConfig.preset("small", {**settings, **changes})


def left_out(part: Part, clips: Sequence[Clip]) -> list[str]:
    """The units of a training part that are left out in turn: every subject of MSR, one fold of SBU."""
    if part.table == "msr":
        return sorted({unit_of(part, clip) for clip in clips})
    return [f"fold {part.data['fold'] % 5 + 1}"]


def unit_of(part: Part, clip: Clip) -> str:
    """Clips of one unit are left out together: a subject of MSR, a fold of SBU."""
    return str(clip.unit) if part.table == "msr" else f"fold {clip.fold}"


def fold(
    experiment: PreparedExperiment,
    kept: Sequence[Clip],
    others: Sequence[Clip],
    genotype: Genotype | None = None,
) -> dict[str, Any]:
    """Train on some clips; which of the others are right, by name, and their mean loss."""
    config, statistics = experiment.config, experiment.statistics(kept)
    network = _network(experiment, genotype)
    with torch_threads(1):
        training = Training(network, experiment.images(kept, statistics), config.training)
        for _ in range(config.training.epochs):
            metrics = training.run_epoch()
        images = experiment.images(others, statistics, AugmentationConfig.none())
        score = evaluate(training.use_average(), images)
    right = score.predictions == images.labels
    return {
        "right": right.astype(int).tolist(),
        "clips": [clip.name for clip in others],
        "loss": score.loss,
        "training_accuracy": metrics.accuracy,
    }


def _network(experiment: PreparedExperiment, genotype: Genotype | None) -> ImageClassifier:
    config = experiment.config
    assert config.parameters is not None
    if genotype is not None:
        return Network(genotype, experiment.network(genotype, config.parameters), config.training.seed)
    sizes = experiment.split.num_classes, config.encoding.image_size, config.parameters
    return Baseline(baseline_for_budget("residual", *sizes, config.network.stem_stride), config.training.seed)


def folder_of(out: Path, name: str) -> Path:
    """Where the results of a row lie, a file for each subset and subject left out."""
    plain = "".join(letter if letter.isalnum() or letter in "=.-" else "_" for letter in name)
    if len(plain) > 150:  # a file system takes 255 bytes
        plain = f"{plain[:130]}-{hashlib.sha256(name.encode()).hexdigest()[:12]}"
    return out / plain


def report(out: Path, names: Sequence[str], defaults: str, subsets: Sequence[str], seed: int) -> str:
    """Accuracy of each row, and its difference from that of the defaults with the standard error over
    clips."""
    base = right_by_clip(out, defaults, subsets, seed)
    rows = [["", *subsets, "mean", "difference", "loss", "minutes"]]
    for name in names:
        found = right_by_clip(out, name, subsets, seed)
        contents = _contents(out, name, subsets, seed)
        if not contents or len(found) < len(base):
            continue
        by_subset = [np.mean([right for key, right in found.items() if key[0] == one]) for one in subsets]
        rows.append(
            [
                name,
                *(f"{value:.3f}" for value in by_subset),
                f"{np.mean(by_subset):.3f}",
                difference(found, base) if name != defaults else "",
                f"{np.mean([content['loss'] for content in contents]):.3f}",
                f"{sum(content['seconds'] for content in contents) / 60:.1f}",
            ]
        )
    return as_text(rows, markdown=True)


def difference(found: Mapping[Any, int], base: Mapping[Any, int]) -> str:
    """Accuracy of a row less that of the defaults, with its standard error over the clips of both."""
    apart = np.array([found[key] - base[key] for key in base])
    return f"{apart.mean():+.3f} ± {apart.std(ddof=1) / np.sqrt(len(apart)):.3f}"


def right_by_clip(out: Path, name: str, subsets: Sequence[str], seed: int) -> dict[tuple[str, str], int]:
    """Whether each clip, by subset and name, was right when its subject was left out."""
    found: dict[tuple[str, str], int] = {}
    for subset in subsets:
        for content in _contents(out, name, [subset], seed):
            found |= {
                (subset, clip): right for clip, right in zip(content["clips"], content["right"], strict=True)
            }
    return found


def _contents(out: Path, name: str, subsets: Sequence[str], seed: int) -> list[dict[str, Any]]:
    folder = folder_of(out, name)
    return [read_json(path) for subset in subsets for path in sorted(folder.glob(f"{subset}-*-{seed}.json"))]


def options(doc: str | None, out: Path, rows: Iterable[str]) -> argparse.ArgumentParser:
    """What both ablations are asked: which rows, of which data, kept where."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the data sets")
    parser.add_argument("--out", type=Path, default=out, help="where results lie")
    parser.add_argument("--only", nargs="+", choices=list(rows), help="rows to measure; by default all")
    parser.add_argument(
        "--try",
        dest="attempts",
        nargs="+",
        default=[],
        help="further rows: settings with blanks between, after a row's name and ' + ' or alone",
    )
    parser.add_argument("--seed", type=int, default=0, help="of searches and trainings")
    parser.add_argument("--report", action="store_true", help="measure nothing, only print the table")
    return parser


def _arguments() -> argparse.Namespace:
    parser = options(__doc__, Path("runs/ablation"), [*ROWS, *CELL_ROWS])
    parser.add_argument("--genotype", type=Path, help="genotype.json: its network, not the residual one")
    parser.add_argument("--subsets", nargs="+", choices=PARTS, help="by default those of MSR Action3D")
    return parser.parse_args()


if __name__ == "__main__":
    main()
