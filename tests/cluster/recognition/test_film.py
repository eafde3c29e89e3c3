"""The film: what is where in its pictures, what it keeps in memory, and what it leaves on the disk."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cluster.recognition.film import RecognitionFilm
from cluster.recognition.records import PersonView, RecognizedFrame, WindowPrediction
from cluster.recognition.theme import class_color
from lifting.skeleton import BODY_25, H36M_17

NAMES = (
    "high arm wave",
    "kick",
    "grüßen Привет",
    "a name so long that no panel of any film could ever hold all of it",
)
SIZE = (640, 360)
FPS = 25.0


def person(track: int = 0, x: float = 320, height: float = 200, **changes: Any) -> PersonView:
    """Somebody upright at x; decided for class 1 with 80 %."""
    draw = np.random.default_rng(1)
    xy = draw.uniform(-0.5, 0.5, (25, 2)) * [height / 3, height] + [x, 180]
    pose = draw.normal(0, 300, (17, 3))
    pose[0] = 0
    values: dict[str, Any] = {
        "track": track,
        "keypoints": xy.astype(np.float32),
        "confidence": np.ones(25, np.float32),
        "pose": pose.astype(np.float32),
        "image": np.full((32, 32, 3), (200, 30, 60), np.uint8),
        "filled": 0.5,
        "probabilities": np.array([0.1, 0.8, 0.06, 0.04], np.float32),
        "label": 1,
    }
    return PersonView(**{**values, **changes})


def frame(number: int, *people: PersonView, picture: np.ndarray | None = None) -> RecognizedFrame:
    return RecognizedFrame(number=number, seconds=number / FPS, picture=picture, people=people)


def film(folder: Path, size: tuple[int, int] = SIZE) -> RecognitionFilm:
    return RecognitionFilm(
        folder / "film.mp4", skeletons=(BODY_25, H36M_17), class_names=NAMES, image_size=size, fps=FPS
    )


def one_picture(
    folder: Path, *people: PersonView, picture: np.ndarray | None = None, part: str | None = None
) -> np.ndarray:
    """The picture of one frame, or a part of it by its name in the layout."""
    made = film(folder)
    made._video.discard()
    drawn = made.picture(frame(0, *people, picture=picture))
    return drawn if part is None else getattr(made._layout, part).of(drawn)


def num_pixels(picture: np.ndarray, color: tuple[int, int, int]) -> int:
    return int((picture == color).all(axis=2).sum())


def test_the_film_is_a_video_of_as_many_frames_in_h264(tmp_path: Path) -> None:
    with film(tmp_path) as made:
        for number in range(10):
            made.append(frame(number, person()))
        size = made.size
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    capture = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert (capture.get(cv2.CAP_PROP_FRAME_WIDTH), capture.get(cv2.CAP_PROP_FRAME_HEIGHT)) == size
    assert (capture.get(cv2.CAP_PROP_FRAME_COUNT), capture.get(cv2.CAP_PROP_FPS)) == (10, FPS)
    code = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little")
    capture.release()
    assert code in (b"avc1", b"h264")


def test_the_video_lies_under_the_skeletons(tmp_path: Path) -> None:
    green = np.full((360, 640, 3), (30, 140, 20), np.uint8)
    assert num_pixels(one_picture(tmp_path, picture=green), (30, 140, 20)) == 800 * 450  # 640 x 360, enlarged
    drawn = one_picture(tmp_path, person(), picture=green)
    assert 800 * 450 * 0.5 < num_pixels(drawn, (30, 140, 20)) < 800 * 450 - 2000


def test_the_motion_image_fills_its_frame_from_the_left(tmp_path: Path) -> None:
    bgr = (60, 30, 200)
    quarter, half, whole = (one_picture(tmp_path, person(filled=share)) for share in (0.25, 0.5, 1.0))
    side = 144
    assert [num_pixels(each, bgr) for each in (quarter, half, whole)] == [
        side * side // 4,
        side * side // 2,
        side**2,
    ]
    columns = np.flatnonzero((quarter == bgr).all(axis=2).any(axis=0))
    assert columns[0] == np.flatnonzero((whole == bgr).all(axis=2).any(axis=0))[0]


def test_a_pixel_of_the_motion_image_is_one_square_of_the_film(tmp_path: Path) -> None:
    image = np.zeros((2, 2, 3), np.uint8)
    image[0, 1] = (250, 10, 20)  # upper right
    drawn = one_picture(tmp_path, person(image=image, filled=1.0))
    rows, columns = np.nonzero((drawn == (20, 10, 250)).all(axis=2))
    assert len(rows) == 72 * 72
    assert (np.ptp(rows), np.ptp(columns)) == (71, 71)


def test_a_bar_is_as_long_as_its_class_is_likely(tmp_path: Path) -> None:
    lengths = []
    for share in (0.3, 0.6):
        probabilities = np.array([share, 0.1, 0.1, 0.1], np.float32)
        drawn = one_picture(tmp_path, person(probabilities=probabilities, label=None), part="bars")
        lengths.append(np.ptp(np.flatnonzero((drawn == class_color(0)).all(axis=2).any(axis=0))))
    assert lengths[1] == pytest.approx(2 * lengths[0], abs=4)


def test_a_class_keeps_its_color_whatever_its_place(tmp_path: Path) -> None:
    for order in ([0.7, 0.2, 0.1, 0], [0.1, 0.2, 0.7, 0]):
        unsure = person(probabilities=np.array(order, np.float32), label=None)
        drawn = one_picture(tmp_path, unsure, part="bars")
        lengths = [num_pixels(drawn, class_color(label)) for label in range(3)]
        assert np.argmax(lengths) == np.argmax(order)


def test_fourteen_classes_have_fourteen_colors() -> None:
    assert len({class_color(label) for label in range(14)}) == 14


def test_before_anything_is_known_the_film_says_so_without_a_class(tmp_path: Path) -> None:
    young = person(image=None, probabilities=None, label=None, filled=0.1)
    unsure = person(label=None)
    pictures = [one_picture(tmp_path, *people) for people in ((), (young,), (unsure,), (person(),))]
    for one, other in pairwise(pictures):
        assert (one != other).any()
    for part in ("bars", "decision", "plot"):
        drawn = one_picture(tmp_path, young, part=part)
        assert not any(num_pixels(drawn, class_color(label)) for label in range(4))


def test_the_panels_keep_their_person_while_in_view_and_then_take_the_largest(tmp_path: Path) -> None:
    made = film(tmp_path)
    small, large = person(3, x=100, height=80), person(5, x=400, height=250)
    assert made._choose(frame(0, small)) is small
    assert made._choose(frame(1, small, large)) is small
    assert made._choose(frame(10, large)) is None  # 0.4 s: may come back
    assert made._choose(frame(30, large)) is large
    assert made._choose(frame(31, small, large)) is large
    made._video.discard()


def test_of_several_people_each_label_has_its_number(tmp_path: Path) -> None:
    alone, other = person(3, x=150), person(4, x=500)
    one, two = (one_picture(tmp_path, *people, part="video") for people in ((alone,), (alone, other)))
    left = slice(0, one.shape[1] // 2 - 40)
    assert (one[:, left] != two[:, left]).any()
    only, both = (num_pixels(each[:, left], class_color(1)) for each in (one, two))
    assert both > only  # the longer label


def test_a_pair_is_drawn_at_its_distance(tmp_path: Path) -> None:
    one = person()

    def pair(meters: float) -> PersonView:
        poses = np.stack([one.pose, one.pose]) + np.array([[[0, 0, 4000]], [[1000 * meters, 0, 4000]]])
        return person(
            keypoints=np.stack([one.keypoints, one.keypoints + 60]),
            confidence=np.ones((2, 25), np.float32),
            pose=poses.astype(np.float32),
        )

    widths = []
    for meters in (0.5, 1.0):
        made = film(tmp_path)
        made._video.discard()
        box = made._layout.turntable.of(made.picture(frame(0, pair(meters))))
        widths.append(np.ptp(np.flatnonzero((box == (178, 114, 0)).all(axis=2).any(axis=0))))
    assert widths[1] > widths[0] + 20


@pytest.mark.parametrize("size", [(1280, 720), (360, 640), (97, 53), (2001, 300), (16, 16), (300, 4001)])
def test_any_shape_of_video_has_its_place(tmp_path: Path, size: tuple[int, int]) -> None:
    picture = np.full((size[1], size[0], 3), 100, np.uint8)
    with film(tmp_path, size) as made:
        drawn = made.picture(frame(0, person(x=size[0] / 2, height=size[1]), picture=picture))
        made.append(frame(1))
    assert drawn.shape == (made.size[1], made.size[0], 3)
    assert made.size[0] % 2 == made.size[1] % 2 == 0
    assert max(made.size) < 1400


def test_missing_keypoints_and_poses_are_left_out(tmp_path: Path) -> None:
    nothing = person(
        keypoints=np.full((25, 2), np.nan, np.float32),
        confidence=np.full(25, np.nan, np.float32),
        pose=np.full((17, 3), np.nan, np.float32),
    )
    drawn, box = one_picture(tmp_path, nothing), one_picture(tmp_path)
    np.testing.assert_array_equal(drawn[17:400, 17:800], box[17:400, 17:800])


def test_names_of_any_alphabet_and_length_are_written(tmp_path: Path) -> None:
    texts = [one_picture(tmp_path, person(label=label)) for label in (2, 3)]
    assert (texts[0] != texts[1]).any()
    right = film(tmp_path)
    right._video.discard()
    edge = right._layout.decision
    # the long name ends before the number at the right edge
    gap = texts[1][edge.top + 10 : edge.top + 45, edge.right - 108 : edge.right - 98]
    assert (gap == 255).all()


def test_a_long_film_keeps_no_more_than_a_short_one(tmp_path: Path) -> None:
    made = film(tmp_path)
    made._video.discard()
    kept = []
    for number in range(0, 60 * 60 * 240, 240):  # an hour at 240 frames/s, one in 240 of them
        made._plot.append(_moment(number / 240))
        kept.append(len(made._plot))
    assert max(kept) <= 22
    for number in range(20_000):  # and 20 s at 1000 frames/s
        made._plot.append(_moment(3600 + number / 1000))
        kept.append(len(made._plot))
    assert max(kept) < 1300  # one a pixel


def _moment(seconds: float) -> Any:
    from cluster.recognition.confidence_plot import Moment

    return Moment(seconds, 1, np.ones(4, np.float32) / 4)


def test_the_now_mark_moves_and_stays_at_the_right_end(tmp_path: Path) -> None:
    made, marks = film(tmp_path), []
    made._video.discard()
    for seconds in (0.0, 10.0, 20.0, 30.0):
        drawn = made.picture(RecognizedFrame(number=0, seconds=seconds, picture=None, people=()))
        plot = made._layout.plot.of(drawn)
        ink = (plot[40:80] == (40, 35, 31)).all(axis=(0, 2))
        marks.append(int(np.flatnonzero(ink)[0]))
    assert marks[0] < marks[1] < marks[2] == marks[3]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_a_film_that_breaks_off_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def break_off() -> None:
        with film(tmp_path) as made:
            made.append(frame(0, person()))
            raise failure

    with pytest.raises(failure):
        break_off()
    assert not list(tmp_path.iterdir())


def test_an_old_film_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    old = tmp_path / "film.mp4"
    old.write_bytes(b"old")
    with pytest.raises(ValueError, match="no picture for film"), film(tmp_path):
        pass
    assert old.read_bytes() == b"old"


def test_what_does_not_belong_to_the_film_is_named(tmp_path: Path) -> None:
    made = film(tmp_path)
    with pytest.raises(ValueError, match=r"keypoints \(17, 2\).*\(25, 2\)"):
        made.picture(frame(0, person(keypoints=np.zeros((17, 2), np.float32))))
    with pytest.raises(ValueError, match=r"probabilities \(3,\); the film has 4 classes"):
        made.picture(frame(0, person(probabilities=np.ones(3, np.float32))))
    made._video.discard()
    with pytest.raises(ValueError, match="at least 1 class"):
        RecognitionFilm(
            tmp_path / "x.mp4", skeletons=(BODY_25, H36M_17), class_names=(), image_size=SIZE, fps=25
        )


def last_prediction(label: int | None, track: int = 0) -> WindowPrediction:
    shares = np.array([0.7, 0.1, 0.1, 0.1], np.float32)
    image = np.zeros((32, 32, 3), np.uint8)
    return WindowPrediction(
        who=(track,),
        begin=0,
        end=1,
        num_frames=25,
        image=image,
        probabilities=shares,
        label=label,
        final=True,
    )


def test_what_is_decided_after_the_last_frame_is_shown_for_a_second(tmp_path: Path) -> None:
    """Or the text would name an action that neither the curve nor the film shows."""
    with film(tmp_path) as made:
        made.append(frame(0, person(label=None)))
        made.conclude(last_prediction(0, track=5))  # somebody else's
        made.finish()
        made.conclude(last_prediction(0))
        made.finish()
        assert made._plot._curves() == [0]
        plot = np.zeros((made._layout.plot.height, made._layout.plot.width, 3), np.uint8)
        made._plot.draw(plot)
        assert num_pixels(plot, class_color(0)) > 20
    video = cv2.VideoCapture(str(tmp_path / "film.mp4"))
    assert int(video.get(cv2.CAP_PROP_FRAME_COUNT)) == 1 + 25
    with film(tmp_path) as made:  # shown already: nothing is added
        made.append(frame(0, person(label=1)))
        made.conclude(last_prediction(1))
        made.finish()
    assert int(cv2.VideoCapture(str(tmp_path / "film.mp4")).get(cv2.CAP_PROP_FRAME_COUNT)) == 1
