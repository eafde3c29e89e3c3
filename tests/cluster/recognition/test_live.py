"""Streams of people: who is who, what is remembered, and that a stream says what the whole clip says."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cluster.recognition.live import Event, LiveOptions, LiveRecognizer
from cluster.recognition.model_folder import RecognitionModel
from cluster.recognition.recognizer import Recognizer
from cluster.recognition.records import RecognizedFrame, WindowPrediction
from cluster.recognition.timeline import ActionSpan
from cluster.recognition.windows import WindowConfig
from lifting.gaps import Frame2D, GapConfig
from lifting.inference import LiftedFrame
from lifting.poses import Keypoints2D, PoseSequence3D
from lifting.skeleton import BODY_25, H36M_17, SBU_15
from lifting.sources import ClipSource
from lifting.tracking import DetectedPerson, TrackingConfig
from recognition_models import WINDOWS, small_classifier

FPS, SIZE = 30.0, (1280, 720)


def person(walker: Keypoints2D, frame: int, shift: float = 0.0) -> DetectedPerson:
    xy = walker.xy[frame % walker.num_frames] + np.float32([shift, 0])
    return DetectedPerson(xy=xy, confidence=np.ones(17, np.float32))


def stream(recognizer: Recognizer, **options: Any) -> LiveRecognizer:
    return recognizer.stream(H36M_17, fps=FPS, image_size=SIZE, options=LiveOptions(**options))


def windows(events: Iterable[Event]) -> list[WindowPrediction]:
    return [event for event in events if isinstance(event, WindowPrediction)]


def frames_of(events: Iterable[Event]) -> list[RecognizedFrame]:
    return [event for event in events if isinstance(event, RecognizedFrame)]


def test_a_stream_says_what_the_whole_clip_says(recognizer: Recognizer, walker: Keypoints2D) -> None:
    heard: list[WindowPrediction] = []
    live = stream(recognizer, whole=True)
    for frame in range(walker.num_frames):
        heard += windows(live.advance([person(walker, frame)]))
    heard += windows(live.end())
    whole = recognizer.predict(walker)
    assert heard[-1].final
    assert heard[-1].num_frames == walker.num_frames
    np.testing.assert_allclose(heard[-1].probabilities, whole.probabilities, atol=1e-3)
    (span,) = live.timeline.spans
    assert span.label == whole.label
    assert (span.begin, span.end) == (0, pytest.approx(19 / FPS))


def test_predictions_come_by_stride_from_the_first_that_has_enough(
    recognizer: Recognizer, walker: Keypoints2D
) -> None:
    heard: list[WindowPrediction] = []
    live = stream(recognizer)
    frames = []
    for frame in range(20):
        events = live.advance([person(walker, frame)])
        heard += windows(events)
        frames += frames_of(events)
    assert [round(window.end * FPS) for window in heard] == [5, 9, 13, 17]
    assert [window.num_frames for window in heard] == [6, 10, 14, 16]
    (view,) = frames[4].people
    assert (view.image, view.probabilities, view.filled) == (None, None, pytest.approx(5 / 16))
    (view,) = frames[19].people
    assert view.image is not None
    assert view.image.shape == (32, 32, 3)
    assert view.filled == 1
    assert [round(window.end * FPS) for window in windows(live.end())] == [19]


def test_lookahead_delays_frames_and_loses_none(recognizer: Recognizer, walker: Keypoints2D) -> None:
    live = stream(recognizer, gaps=GapConfig(lookahead=3))
    counts = [len(live.push([person(walker, frame)], seconds=float(frame))) for frame in range(8)]
    assert counts == [0, 0, 0, 1, 1, 1, 1, 1]
    assert [frame.number for frame in live.finish()] == [5, 6, 7]


def test_two_people_who_cross_keep_their_windows(recognizer: Recognizer, walker: Keypoints2D) -> None:
    heard: list[WindowPrediction] = []
    live = stream(recognizer)
    for frame in range(20):
        left, right = person(walker, 0, -500 + 50 * frame), person(walker, 0, 500 - 50 * frame)
        events = live.advance([left, right] if frame % 2 else [right, left])
        heard += windows(events)
        shown = frames_of(events)[0].people
        assert {view.track for view in shown} == {0, 1}
    heard += windows(live.end())
    assert {window.num_frames for window in heard if window.end == heard[-1].end} == {16}
    places = {view.track: float(np.nanmean(view.keypoints[:, 0])) for view in shown}
    assert abs(places[0] - places[1]) > 500


def test_somebody_who_leaves_is_forgotten_and_comes_back_as_new(
    recognizer: Recognizer, walker: Keypoints2D
) -> None:
    live = stream(recognizer, tracking=TrackingConfig(max_gap=5))
    tracks = []
    for frame in range(200):
        here = frame % 40 < 20
        for shown in live.push([person(walker, frame)] if here else []):
            tracks += [view.track for view in shown.people]
        assert len(live._tracks) <= 1
        assert len(live._windows) <= 1
    assert sorted(set(tracks)) == [0, 1, 2, 3, 4]
    live.finish()
    assert not live._windows


def test_joints_that_are_missing_now_and_then_do_not_stop_the_predictions(
    recognizer: Recognizer, walker: Keypoints2D
) -> None:
    draw = np.random.default_rng(4)
    poses = recognizer.lift(walker).xyz.copy()
    poses[draw.random(poses.shape[:2]) < 0.2] = np.nan
    gappy = PoseSequence3D(xyz=poses, fps=30, skeleton=H36M_17)
    assert len(windows(recognizer.events(gappy))) >= 4
    poses[:, 3] = np.nan
    assert windows(recognizer.events(PoseSequence3D(xyz=poses, fps=30, skeleton=H36M_17)))
    nothing = np.full_like(poses, np.nan)
    assert windows(recognizer.events(PoseSequence3D(xyz=nothing, fps=30, skeleton=H36M_17))) == []


def test_nobody_gives_nothing(recognizer: Recognizer) -> None:
    live = stream(recognizer)
    frames = [live.push([])[0] for _ in range(30)]
    assert all(frame.people == () for frame in frames)
    assert live.finish() == []
    assert live.timeline.spans == ()


def test_another_layout_is_refused_before_the_first_frame(recognizer: Recognizer) -> None:
    with pytest.raises(ValueError, match="no mapping from skeleton 'sbu_15' to 'h36m_17'"):
        recognizer.stream(SBU_15, fps=FPS, image_size=SIZE)
    recognizer.stream(BODY_25, fps=FPS, image_size=SIZE)
    with pytest.raises(ValueError, match="keypoints"):
        recognizer.stream(BODY_25, fps=FPS, image_size=SIZE).push(
            [DetectedPerson(xy=np.ones((17, 2), np.float32), confidence=np.ones(17, np.float32))]
        )


class _TrueLifter:
    """Stands in for a perfect lifter: it knows the true root-relative poses by the order of its streams."""

    skeleton = keypoint_skeleton = H36M_17

    def __init__(self, poses: Sequence[np.ndarray]) -> None:
        self._poses = [np.zeros_like(poses[0]), *poses]  # the first stream is the one that tries the layout

    def stream(self, *_: object, **__: object) -> Any:
        poses, frames = self._poses.pop(0), iter(range(10**6))

        def push(xy: np.ndarray | None, confidence: np.ndarray | None = None) -> list[LiftedFrame]:
            number = next(frames)
            nothing = np.zeros(17, bool)
            return [LiftedFrame(number, Frame2D(xy, confidence, nothing), poses[number % len(poses)])]  # type: ignore[arg-type]

        return SimpleNamespace(push=push, finish=list)


def test_two_people_lifted_from_one_image_keep_their_distance() -> None:
    """With true poses and the camera's focal length the gap between them comes back to a millimeter."""
    draw = np.random.default_rng(2)
    body = draw.normal(0, 300, (17, 3))
    body[0] = 0
    roots = [
        np.array([[-400 + 10 * t, 0, 4000] for t in range(20)]),
        np.array([[500 - 10 * t, 50, 4600] for t in range(20)]),
    ]
    relative = [np.repeat(body[None], 20, axis=0), np.repeat(body[None, :, [2, 1, 0]], 20, axis=0)]
    focal = 1000.0
    model = RecognitionModel(classifier=small_classifier(num_people=2), lifter=None, windows=WINDOWS)
    object.__setattr__(model, "lifter", _TrueLifter([pose.astype(np.float32) for pose in relative]))
    heard: list[WindowPrediction] = []
    live = LiveRecognizer(model, H36M_17, fps=FPS, image_size=SIZE, options=LiveOptions(focal=focal))
    for t in range(20):
        people = []
        for root, pose in zip(roots, relative, strict=True):
            xyz = pose[t] + root[t]
            xy = focal * xyz[:, :2] / xyz[:, 2:] + [640, 360]
            people.append(DetectedPerson(xy=xy.astype(np.float32), confidence=np.ones(17, np.float32)))
        events = live.advance(people)
        heard += windows(events)
        (frame,) = frames_of(events)
        (view,) = frame.people
        assert view.pose.shape == (2, 17, 3)
        gap = view.pose[1, 0] - view.pose[0, 0]
        np.testing.assert_allclose(gap, roots[1][t] - roots[0][t], atol=1.0)
    assert heard
    (frame,) = live.push(people[:1])
    assert frame.people == ()
    assert {window.who for window in heard} == {(0, 1)}


def test_a_long_clip_of_poses_has_a_timeline(recognizer: Recognizer, walker: Keypoints2D) -> None:
    poses = recognizer.lift(walker)
    long = PoseSequence3D(xyz=np.tile(poses.xyz, (4, 1, 1)), fps=poses.fps, skeleton=poses.skeleton)
    options = LiveOptions(windows=WindowConfig(window=20, stride=10, enter=0.2, leave=0.1))
    events = list(recognizer.events(long, options=options))
    assert [window.num_frames for window in windows(events)] == [20] * 7
    spans = recognizer.watch(long, options=options)
    assert spans[0].begin == pytest.approx(10 / 30)  # the second window confirms what the first one said
    assert spans[-1].end == pytest.approx(79 / 30)
    assert sorted(spans, key=str) == sorted((one for one in events if isinstance(one, ActionSpan)), key=str)


def test_events_of_a_source_come_in_the_order_in_which_they_happen(
    recognizer: Recognizer, walker: Keypoints2D
) -> None:
    options = LiveOptions(windows=WINDOWS.model_copy(update={"enter": 0.2, "leave": 0.1}))
    events = list(recognizer.events(ClipSource(walker), options=options))
    frames = frames_of(events)
    assert [frame.number for frame in frames] == list(range(20))
    assert all(frame.num_detected == 1 for frame in frames)
    # the window that ends with a frame is told before the frame, which shows what is decided by then
    at = {round(window.end * FPS): events.index(window) for window in windows(events) if not window.final}
    assert list(at) == [5, 9, 13, 17]
    assert all(index == events.index(frames[number]) - 1 for number, index in at.items())
    assert all(
        window.delay is not None and window.delay > 0 for window in windows(events) if not window.final
    )
    assert isinstance(events[-1], ActionSpan)  # the action ends with the source
    assert recognizer.watch(ClipSource(walker), options=options) == (events[-1],)


def test_a_source_that_is_stopped_ends_as_if_it_had_ended_there(
    recognizer: Recognizer, walker: Keypoints2D
) -> None:
    answers = iter([False] * 8 + [True])
    events = list(recognizer.events(ClipSource(walker), stop=lambda: next(answers)))
    assert len(frames_of(events)) == 9
    assert windows(events)[-1].final
