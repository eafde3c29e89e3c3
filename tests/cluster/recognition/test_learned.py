"""New poses are made like those that a model learned: axes, frame rate, windows in seconds."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cluster.recognition.classifier import TrainedClassifier
from cluster.recognition.learned import LearnedPoses, scaled_windows, window_config, windows_of
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.pose_files import NamedClip, in_learned_axes
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.windows import WindowConfig
from encoding.datasets.synthetic import synthetic
from encoding.posture import turned
from encoding.resample import resampled
from lifting.skeleton import MSR_20
from recognition_models import small_classifier

CLIPS = [clip.poses for clip in synthetic(num_subjects=2, clips_per_action=1).train]
LEARNED = LearnedPoses.of(CLIPS)


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    classifier = replace(small_classifier(MSR_20), learned=LEARNED)
    return Recognizer(RecognitionModel(classifier=classifier, lifter=None))


def test_what_was_learned_is_measured_and_kept_in_the_folder(tmp_path: Path) -> None:
    assert (LEARNED.up, LEARNED.fps, LEARNED.fps_range) == ("y", CLIPS[0].fps, (CLIPS[0].fps, CLIPS[0].fps))
    replace(small_classifier(MSR_20), learned=LEARNED).save(tmp_path / "model")
    assert TrainedClassifier.load(tmp_path / "model").learned == LEARNED
    small_classifier(MSR_20).save(tmp_path / "old")
    assert TrainedClassifier.load(tmp_path / "old").learned is None


@pytest.mark.parametrize("factor", [2, 4, 0.5])
def test_another_rate_gives_the_answer_of_the_learned_one(recognizer: Recognizer, factor: float) -> None:
    for clip in CLIPS[:3]:
        other = resampled(clip, clip.fps * factor)
        back = resampled(other, clip.fps)
        expected = recognizer.predict(back).probabilities
        np.testing.assert_array_equal(recognizer.predict(other).probabilities, expected)


def test_a_rate_that_was_learned_changes_nothing(recognizer: Recognizer) -> None:
    clip = replace(CLIPS[0], fps=CLIPS[0].fps * 1.02)
    assert LEARNED.at_rate(clip) is clip


def test_upside_down_poses_are_turned_and_a_person_who_lies_is_not(recognizer: Recognizer) -> None:
    clip = CLIPS[0]
    expected = recognizer.predict(clip).probabilities
    down = recognizer.predict(turned(clip, "y", "-y")).probabilities
    np.testing.assert_allclose(down, expected, atol=1e-3)
    lying = replace(clip, xyz=clip.xyz[..., [1, 0, 2]])
    assert LEARNED.standing(lying) is lying


def test_many_clips_along_another_axis_are_turned_and_it_is_said() -> None:
    named = [
        NamedClip(name=f"{n}", poses=turned(clip, "y", "z"), action=None) for n, clip in enumerate(CLIPS)
    ]
    alike, note = in_learned_axes(named, LEARNED)
    assert note == "the poses have z up; they are turned to y up, as the model learned"
    np.testing.assert_allclose(alike[0].poses.xyz, CLIPS[0].xyz, atol=1e-2)
    assert in_learned_axes(named[:1], LEARNED)[1] is None  # it may be a person who lies
    assert in_learned_axes(named, None) == (named, None)


def test_windows_last_as_long_as_the_clips_learned_whatever_the_rate() -> None:
    learned = LearnedPoses(up="y", fps=15, fps_range=(15, 15), clip_seconds=2.0)
    windows = window_config(learned)
    assert (windows.window, windows.stride, windows.least) == (30, 5, 10)
    twice = scaled_windows(windows, 30, learned)
    assert (twice.window, twice.stride, twice.least) == (60, 10, 20)
    assert scaled_windows(windows, 15.2, learned) is windows
    assert window_config(None) == WindowConfig()


def test_windows_may_be_given_in_seconds() -> None:
    """1.2 s at the learned 15 frames/s are 18 frames; the thresholds stay."""
    learned = LearnedPoses(up="y", fps=15, fps_range=(15, 15), clip_seconds=2.0)
    windows = windows_of(1.2, learned, WindowConfig(enter=0.7))
    assert (windows.window, windows.stride, windows.least, windows.enter) == (18, 3, 6, 0.7)
    with pytest.raises(ValueError, match=r"`window_seconds` is 0\.05; at 15 frames/s a window of 2 frames"):
        windows_of(0.05, learned, windows)
    with pytest.raises(ValueError, match="which this one does not say; give `window`, in frames"):
        windows_of(1.0, None, windows)
