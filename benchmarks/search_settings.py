"""What matters in a search: the reward, M, how validation is split off, the length, and who proposes.

    python benchmarks/search_settings.py --data FOLDER --out runs/search_settings
    python benchmarks/search_settings.py --only reward=accuracy M=1
    python benchmarks/search_settings.py --try 'search.epochs=40 search.controller.learning_rate=0.0035'
    python benchmarks/search_settings.py --preset temporal  # the temporal space, its whole preset

Each training subject of an MSR Action3D subset in turn is left out of everything: cells are searched,
derived and trained on the others, through the stages of a run, and the network is scored once on the one left
out; the test part is not looked at. Answers of every clip are kept, so that a row is compared with the
defaults clip by clip. What is done already is not done again: start it again after a stop, and it goes on
from its checkpoint, or once more beside on another core.
"""

import argparse
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import numpy as np
from ablation import attempt, difference, folder_of, options

from cluster.config import ExperimentConfig
from cluster.files import read_json, write_json
from cluster.interruption import Interrupted
from cluster.locking import locked
from cluster.stages.evaluation import run_evaluation
from cluster.stages.final_training import run_training
from cluster.stages.folder import RunFolder
from cluster.stages.search import run_search
from encoding.datasets import Clip, DataConfig, Split, load, save_clips
from lifting.msr_files import FOLDER, Subset
from lifting.tables import as_text

# A short search and training: with the preset's 100 and 250 epochs, a person costs four times as much.
BASE: dict[str, Any] = {
    "parameters": 100_000, "search.epochs": 20, "training.epochs": 60, "final_augmentation": None,
    "resources.threads": 1, "tracking": None,
}  # fmt: skip

# Next to no search: the first architectures drawn, ranked by weights that are as good as random.
_DRAWN: dict[str, Any] = {
    "search.strategy": "random", "search.epochs": 1, "search.weight_steps_per_epoch": 1,
    "search.controller_steps_per_epoch": 1, "search.num_samples": 1, "derivation.num_samples": 1,
    "derivation.num_retrained": 1,
}  # fmt: skip

# M shards of 16 images; the two that change M keep the 64 images of a step.
ROWS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "strategy=random": {"search.strategy": "random"},
    "validation by sequence": {"data.validation_by": "sequence"},
    "reward=accuracy": {"search.reward": "accuracy"},
    "M=1": {"search.num_shards": 1, "search.batch_size": 64},
    "M=8": {"search.num_shards": 8, "search.batch_size": 8},
    "no bias to convolutions": {"search.controller.normal_bias": 0.0},
    "controller rate=0.0035": {"search.controller.learning_rate": 0.0035},
    "search epochs=60": {"search.epochs": 60},
    "rank by accuracy": {"derivation.rank_by": "accuracy"},
}

TEMPORAL_ROWS: dict[str, dict[str, Any]] = {
    f"temporal: {name}": {"preset": "temporal", **changes}
    for name, changes in {
        "defaults": {},
        "strategy=random": {"search.strategy": "random"},
        "one random draw": _DRAWN,
        "image=spmf": {"encoding.kind": "spmf"},
    }.items()
}
PRESET_ROWS = {"small": ROWS, "temporal": TEMPORAL_ROWS}

SUBSETS = [subset for subset in get_args(Subset) if subset != "all"]
_RESULT = "result.json"


def main() -> None:
    """Measure what is missing, then print the table."""
    given = _arguments()
    known = PRESET_ROWS[given.preset]
    base = next(iter(known))
    if wrong := [name for name in given.only or [] if name not in known]:
        raise SystemExit(f"{'; '.join(wrong)}: no row of preset {given.preset}; there are {'; '.join(known)}")
    rows = {name: known[name] for name in ((base, *given.only) if given.only else known)}
    rows |= {text: {**known[base], **attempt(text, known)} for text in given.attempts}
    for name, changes in rows.items():  # all of them before hours go into the first
        try:
            settings_of(Path("clips.npz"), given.seed, changes)
        except ValueError as error:
            raise SystemExit(f"{name}: {error}") from None
    if not given.report:
        try:
            parts = [(subset, *part) for subset in given.subsets for part in left_out(given.data, subset)]
            for subset, subject, split in parts:  # stopped early, all rows have been on the same people
                for name, changes in rows.items():
                    measure(given.out, name, changes, subset, subject, split, given.seed)
        except FileNotFoundError as error:
            raise SystemExit(str(error)) from None
        except Interrupted as error:
            raise SystemExit(f"{error}, and this command, started again, goes on with all") from None
    print(report(given.out, list(rows), base, given.subsets, given.seed))
    print(f"\n{platform.processor() or platform.machine()}, {os.cpu_count()} cores, one thread each.")


def left_out(data: Path, subset: Subset) -> list[tuple[int, Split]]:
    """Each training subject, and the split of the training part that has him for its test part."""
    config = DataConfig(name="msr", root=data / FOLDER, subset=subset, validation_fraction=0.0)
    whole = load(config)
    subjects = sorted({_subject(clip) for clip in whole.development})
    return [(subject, without(whole, subject)) for subject in subjects]


def without(whole: Split, subject: int) -> Split:
    """The development clips of the others, and for a test part those of a subject."""
    return Split(
        name=f"{whole.name}, without subject {subject}",
        class_names=whole.class_names,
        train=tuple(clip for clip in whole.development if _subject(clip) != subject),
        test=tuple(clip for clip in whole.development if _subject(clip) == subject),
    )


def _subject(clip: Clip) -> int:
    assert clip.subject is not None
    return clip.subject


def settings_of(clips: Path, seed: int, changes: Mapping[str, Any]) -> ExperimentConfig:
    """Those of a row, on the clips of a file.

    Raises:
        ValueError: a change is not allowed.
    """
    data = {"data.name": "npz", "data.root": str(clips), "data.seed": 1}  # as in the tables
    seeds = {"search.seed": seed, "training.seed": seed}
    own = dict(changes)
    preset = own.pop("preset", "small")
    base = BASE if preset == "small" else {"resources.threads": 1, "tracking": None}
    return ExperimentConfig.preset(preset, {**base, **data, **seeds, **own})


def measure(
    out: Path, name: str, changes: Mapping[str, Any], subset: str, subject: int, split: Split, seed: int
) -> None:
    """Search, train and score with one person left out; what another process is at, or has done, is left."""
    folder, clips = folder_of(out, name) / f"{subset}-{subject}-{seed}", out / f"{subset}-{subject}.npz"
    folder.mkdir(parents=True, exist_ok=True)
    run, path = RunFolder(folder / "run"), folder / _RESULT
    with suppress(BlockingIOError), locked(folder):
        if path.exists() and read_json(path)["changes"] == dict(changes):
            return
        if not clips.exists():
            save_clips(clips, split)
        begin = time.process_time()
        run_search(settings_of(clips, seed, changes), run.path, resume=run.experiment_file.exists())
        run_training(run.path)
        score = run_evaluation(run.path)
        content = {"changes": dict(changes), "seconds": time.process_time() - begin, **_found(run)}
        write_json(path, content)
        print(
            f"{name}, {subset} without subject {subject}: {score.accuracy:.3f}, {content['seconds']:.0f} s",
            flush=True,
        )


def _found(run: RunFolder) -> dict[str, Any]:
    """What a run says of itself: its validation part, and the clips of the person left out."""
    search, answers = read_json(run.search_file), read_json(run.evaluation_file)["predictions"]
    return {
        "shared": search["epochs"][-1]["validation_accuracy"],
        "retrained": search["candidates"][0]["retrained"],
        "genotype": search["candidates"][0]["genotype"],
        "clips": [one["clip"] for one in answers],
        "right": [int(one["answer"] == one["class"]) for one in answers],
    }


def report(out: Path, names: Sequence[str], base_row: str, subsets: Sequence[str], seed: int) -> str:
    """Accuracy on the people left out, and the difference from the base row on the same people with its
    standard error over clips; beside them what the search's own validation part said."""
    defaults = _contents(out, base_row, subsets, seed)
    rows = [["", "people", "left out", "difference", "validation, shared weights", "retrained", "minutes"]]
    for name in names:
        contents = _contents(out, name, subsets, seed)
        common = contents.keys() & defaults.keys()
        if not common:
            continue
        found, base = (_right({key: one[key] for key in common}) for one in (contents, defaults))
        own = [contents[key] for key in common]
        rows.append(
            [
                name,
                str(len(common)),
                f"{np.mean(list(found.values())):.3f}",
                difference(found, base) if name != base_row else "",
                f"{np.mean([content['shared'] for content in own]):.3f}",
                f"{np.mean([content['retrained'] for content in own]):.3f}",
                f"{sum(content['seconds'] for content in own) / 60:.1f}",
            ]
        )
    return as_text(rows, markdown=True)


def _contents(out: Path, name: str, subsets: Sequence[str], seed: int) -> dict[str, dict[str, Any]]:
    """By subset and subject, what is finished."""
    folder = folder_of(out, name)
    paths = [path for one in subsets for path in folder.glob(f"{one}-*-{seed}/{_RESULT}")]
    return {path.parent.name: read_json(path) for path in paths}


def _right(contents: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], int]:
    """Whether each clip, by subset and name, was right when its subject was left out."""
    return {
        (key.split("-")[0], clip): right
        for key, content in contents.items()
        for clip, right in zip(content["clips"], content["right"], strict=True)
    }


def _arguments() -> argparse.Namespace:
    parser = options(__doc__, Path("runs/search_settings"), {**ROWS, **TEMPORAL_ROWS})
    parser.add_argument("--preset", choices=list(PRESET_ROWS), default="small", help="by default small")
    parser.add_argument("--subsets", nargs="+", choices=SUBSETS, default=["AS1"], help="by default AS1")
    return parser.parse_args()


if __name__ == "__main__":
    main()
