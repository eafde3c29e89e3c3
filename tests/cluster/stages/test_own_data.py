"""A file of one's own clips through every stage: its layout, its name and its content stay with the run."""

import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.config import ExperimentConfig
from cluster.interruption import Interrupted
from cluster.progress import PlainProgress, SilentProgress
from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.model_lookup import open_model
from cluster.recognition.pose_files import read_pose_file
from cluster.recognition.recognizer import Recognizer
from cluster.stages import evaluation, final_training, search
from cluster.stages.evaluation import run_evaluation
from cluster.stages.final_training import run_training
from cluster.stages.search import run_search
from encoding.datasets import Clip, Split, load, save_clips
from encoding.datasets.fingerprint import with_class_order
from encoding.datasets.npz import layout_arrays
from encoding.datasets.synthetic import synthetic
from lifting.skeleton import MSR_20
from search_facts import search_facts

TINY = Path(__file__).parents[1] / "tiny.yaml"
OWN = replace(MSR_20, name="studio_20")


def _own(clip: Clip) -> Clip:
    return replace(clip, poses=replace(clip.poses, skeleton=OWN))


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures take longer than everything else here."""
    for module in (search, final_training, evaluation):
        monkeypatch.setattr(module, "write_results", lambda *_: None)


@pytest.fixture
def own_file(tmp_path: Path) -> Path:
    """Four people's clips of two actions on a layout that posenas does not know by name."""
    split = synthetic(actions=("high arm wave", "forward kick"), num_subjects=4)
    parts = {part: tuple(map(_own, getattr(split, part))) for part in ("train", "validation", "test")}
    save_clips(tmp_path / "studio.npz", replace(split, **parts))
    return tmp_path / "studio.npz"


def test_a_layout_of_its_own_goes_with_the_model(own_file: Path, tmp_path: Path) -> None:
    run_search(_config(own_file), tmp_path / "run")
    run_training(tmp_path / "run")
    assert TrainedClassifier.load(tmp_path / "run" / "model").skeleton == OWN
    assert run_evaluation(tmp_path / "run").total == 8
    recognizer = Recognizer(open_model(str(tmp_path / "run")))
    clip = read_pose_file(own_file)[0]
    np.savez(tmp_path / "one.npz", xyz=clip.poses.xyz, fps=15.0, skeleton="studio_20", **layout_arrays(OWN))
    np.savez(tmp_path / "name.npz", xyz=clip.poses.xyz, fps=15.0, skeleton="studio_20")
    expected = recognizer.predict(clip.poses).probabilities
    for path, known in ((tmp_path / "one.npz", ()), (tmp_path / "name.npz", (OWN,))):
        (again,) = read_pose_file(path, known)
        np.testing.assert_array_equal(recognizer.predict(again.poses).probabilities, expected)
    with pytest.raises(ValueError, match="skeleton 'studio_20' is not known"):
        read_pose_file(tmp_path / "name.npz")


@pytest.fixture
def stopped(own_file: Path, tmp_path: Path) -> Path:
    """A run whose search was stopped on its way."""
    with pytest.raises(Interrupted):
        run_search(_config(own_file), tmp_path / "run", progress=_Stopper("search", 4))
    return tmp_path / "run"


def test_a_search_is_not_resumed_on_other_data(own_file: Path, stopped: Path) -> None:
    split = load(_config(own_file).data)
    larger = _changed(split, train=tuple(_scaled(clip, 1.1) for clip in split.train))
    save_clips(own_file, larger)
    with pytest.raises(
        ValueError, match=r"changed since the run began: \d+ clips have other poses, such as "
    ):
        run_search(None, stopped, resume=True)
    save_clips(own_file, _changed(split, test=split.test[1:]))
    lines: list[str] = []
    run_search(None, stopped, resume=True, progress=PlainProgress(lines.append))
    gone = split.test[0].name
    assert any(f"changed since the run began: the clip {gone!r} is missing" in line for line in lines)


def test_classes_in_another_order_change_nothing(own_file: Path, stopped: Path, tmp_path: Path) -> None:
    split = load(_config(own_file).data)
    run_search(_config(own_file), tmp_path / "straight")
    save_clips(own_file, with_class_order(split, split.class_names[::-1]))
    run_search(None, stopped, resume=True)
    assert search_facts(stopped) == search_facts(tmp_path / "straight")
    run_training(stopped)
    assert TrainedClassifier.load(stopped / "model").class_names == split.class_names
    save_clips(own_file, split)
    before = run_evaluation(stopped)
    save_clips(own_file, with_class_order(split, split.class_names[::-1]))
    after = run_evaluation(stopped)
    assert (before.class_names, before.confusion.tolist()) == (after.class_names, after.confusion.tolist())


def test_a_run_from_before_gets_a_fingerprint_and_its_classes_are_matched_by_name(
    own_file: Path, stopped: Path
) -> None:
    (stopped / "data.json").unlink()
    run_search(None, stopped, resume=True)
    assert (stopped / "data.json").is_file()
    run_training(stopped)
    before = run_evaluation(stopped)
    (stopped / "data.json").unlink()
    split = load(_config(own_file).data)
    save_clips(own_file, with_class_order(split, split.class_names[::-1]))
    assert run_evaluation(stopped).confusion.tolist() == before.confusion.tolist()
    assert (stopped / "data.json").is_file()


def test_a_score_on_clips_that_were_learned_or_on_other_classes_is_refused(
    own_file: Path, stopped: Path
) -> None:
    run_search(None, stopped, resume=True)
    run_training(stopped)
    split = load(_config(own_file).data)
    learned = _changed(split, validation=(), test=(*split.test, *split.validation))
    save_clips(own_file, learned)
    with pytest.raises(ValueError, match=r"another part, such as .* \('validation', now 'test'\)"):
        run_evaluation(stopped)
    with pytest.raises(ValueError, match=r"Restore the data, or start another run with --out"):
        run_training(stopped)
    save_clips(own_file, replace(split, class_names=("high arm wave", "bow")))
    with pytest.raises(ValueError, match="the class 'forward kick' is missing, the class 'bow' is new"):
        run_evaluation(stopped)


def _config(path: Path) -> ExperimentConfig:
    return ExperimentConfig.from_file(
        TINY, {"data.name": "npz", "data.root": str(path), "data.num_subjects": 10}
    )


def _scaled(clip: Clip, size: float) -> Clip:
    return replace(clip, poses=replace(clip.poses, xyz=clip.poses.xyz * np.float32(size)))


def _changed(split: Split, **parts: tuple[Clip, ...]) -> Split:
    return replace(split, **parts)  # type: ignore[arg-type]


class _Stopper(SilentProgress):
    """Interrupts the process in a phase, as Ctrl-C does."""

    def __init__(self, phase: str, at: int) -> None:
        self._phase, self._at, self._now = phase, at, ""

    def begin(self, phase: str, total: int, done: int = 0) -> None:
        self._now = phase

    def advance(self, done: int, detail: str = "") -> None:
        if self._now == self._phase and done == self._at:
            signal.raise_signal(signal.SIGINT)
