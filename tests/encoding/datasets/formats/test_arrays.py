"""pyskl and mmaction2 annotations, ST-GCN and CTR-GCN arrays: splits, people by motion, no pickle run."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.formats.splits import protocols_in
from encoding.datasets.formats.table import recognize
from encoding.datasets.importing import import_clips
from encoding.datasets.npz import load_clips
from lifting.pickles import read_pickle
from lifting.skeleton import COCO_17, KINECT2_25
from ntu_files import kinect2
from recording_files import in_picture, movement, pyskl_annotation, write_pyskl

NAMES = [
    f"S001C00{camera}P00{person}R001A{action:03}"
    for person in (1, 3)
    for camera in (1, 2)
    for action in (10, 24)
]


def meters(action: int) -> np.ndarray:
    """(1, T, 25, 3)."""
    return kinect2(movement("hand clap" if action == 10 else "forward kick"))[None] / 1000


def annotations_3d() -> list[dict[str, object]]:
    return [
        pyskl_annotation(name, int(name[-3:]) - 1, meters(int(name[-3:])).astype(np.float16))
        for name in NAMES
    ]


def ntu_splits() -> dict[str, list[str]]:
    return {
        "xsub_train": [name for name in NAMES if "P001" in name],
        "xsub_val": [name for name in NAMES if "P003" in name],
        "xview_train": [name for name in NAMES if "C002" in name],
        "xview_val": [name for name in NAMES if "C001" in name],
    }


def test_every_split_of_a_3d_file_becomes_a_protocol(tmp_path: Path) -> None:
    write_pyskl(tmp_path / "ntu60.pkl", annotations_3d(), ntu_splits())
    assert recognize(tmp_path / "ntu60.pkl").name == "pyskl"
    report = import_clips(tmp_path / "ntu60.pkl", tmp_path / "x.npz")
    assert report.imported.protocols == {"xsub": {"train": 4, "test": 4}, "xview": {"train": 4, "test": 4}}
    assert report.imported.class_names == ("clapping", "kicking something")
    split = load_clips(tmp_path / "x.npz", validation_fraction=0)
    assert split.skeleton == KINECT2_25
    assert {clip.subject for clip in split.test} == {3}
    first = next(clip for clip in split.train if clip.name == NAMES[0])
    np.testing.assert_allclose(first.poses.xyz, 1000 * meters(10)[0], atol=2)  # float16 in the file
    import_clips(tmp_path / "ntu60.pkl", tmp_path / "y.npz", protocol="xview")
    assert {clip.name[5:8] for clip in load_clips(tmp_path / "y.npz").test} == {"001"}


def test_two_people_of_whom_one_is_absent(tmp_path: Path) -> None:
    alone = meters(10)
    both = np.concatenate([np.zeros_like(alone), alone])  # the absent one first, as some files have it
    write_pyskl(tmp_path / "a.pkl", [pyskl_annotation("a", 0, both), pyskl_annotation("b", 1, both)], {})
    report = import_clips(tmp_path / "a.pkl", tmp_path / "x.npz")
    assert report.imported.people == 1
    with np.load(tmp_path / "x.npz") as file:
        np.testing.assert_allclose(file["xyz"][:24], 1000 * alone[0], atol=0.01)


def test_pixels_keep_confidence_and_size(tmp_path: Path) -> None:
    xy = in_picture(movement())[None]
    score = np.full(xy.shape[:3], 0.8, np.float32)
    score[0, 2, 9] = 0
    one = pyskl_annotation("v_1", 0, xy.astype(np.float16), keypoint_score=score, img_shape=(480, 640))
    write_pyskl(
        tmp_path / "k.pkl",
        [one, {**one, "frame_dir": "v_2", "label": 1}],
        {"train1": ["v_1"], "test1": ["v_2"]},
    )
    report = import_clips(tmp_path / "k.pkl", tmp_path / "x.npz")
    assert (report.imported.coordinates, report.skeleton) == (2, COCO_17)
    assert report.imported.protocols == {"split1": {"train": 1, "test": 1}}
    with np.load(tmp_path / "x.npz") as file:
        assert (file["xyz"].shape, str(file["unit"]), str(file["axes"])) == ((48, 17, 2), "px", "y down")
        assert file["image_sizes"].tolist() == [[640, 480]] * 2
        assert np.isnan(file["xyz"][2, 9]).all()
        assert file["confidence"][2, 9] == 0
        np.testing.assert_allclose(file["xyz"][0], xy[0, 0], atol=0.3)


def test_keypoints_of_the_kinetics_kind_come_from_their_folder(tmp_path: Path) -> None:
    xy = in_picture(movement(frames=10))
    bystander = np.repeat(xy[:1], 10, axis=0) + np.array([250, 0])
    boxes = np.stack([xy, bystander], axis=1).reshape(20, 17, 2)  # two boxes in each frame, by frame
    values = np.concatenate([boxes, np.full((20, 17, 1), 0.9)], axis=-1).astype(np.float32)
    one = {
        "frame_dir": "abc",
        "label": 0,
        "img_shape": (480, 640),
        "frame_inds": np.repeat(np.arange(1, 11), 2),
    }
    write_pyskl(
        tmp_path / "k400.pkl", [one, {**one, "frame_dir": "def", "label": 1}], {"train": ["abc", "def"]}
    )
    with pytest.raises(
        ValueError, match=r"2 of 2 annotations have no 'keypoint'.* must be given as keypoints"
    ):
        import_clips(tmp_path / "k400.pkl", tmp_path / "x.npz")
    (tmp_path / "kp").mkdir()
    (tmp_path / "kp" / "abc.pkl").write_bytes(pickle.dumps(values))
    np.save(tmp_path / "kp" / "def.npy", values)
    import_clips(tmp_path / "k400.pkl", tmp_path / "x.npz", ImportOptions(keypoints=tmp_path / "kp"))
    with np.load(tmp_path / "x.npz") as file:
        np.testing.assert_allclose(file["xyz"][:10], xy, atol=0.01)
        assert file["split"].tolist() == ["train", "train"]


class Thing:
    """Something that is no plain value."""


def test_a_class_in_a_pickle_is_refused_by_name_and_nothing_is_run(tmp_path: Path) -> None:
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps({"annotations": [{"frame_dir": "a", "label": Thing()}]}))
    with pytest.raises(
        ValueError, match=r"bad\.pkl .*it wants to use .*Thing; only arrays, dictionaries and lists"
    ):
        import_clips(path, tmp_path / "x.npz")


def test_arrays_of_old_and_new_pickles_are_read(tmp_path: Path) -> None:
    content = {"a": np.arange(3, dtype=np.float16), "b": np.float32(2), "c": [1, "x", None, (2,)]}
    for protocol in (2, 3, 4, 5):
        (tmp_path / "p.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
        back = read_pickle(tmp_path / "p.pkl")
        np.testing.assert_array_equal(back["a"], content["a"])
        assert (back["b"], back["c"]) == (2, content["c"])
    (tmp_path / "p.pkl").write_bytes(pickle.dumps(content)[:40])
    with pytest.raises(
        ValueError, match=r"p\.pkl is not a pickle of plain values and arrays, or it is damaged"
    ):
        read_pickle(tmp_path / "p.pkl")


def test_files_that_are_no_annotations_say_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(pickle.dumps({"annotations": [], "frame_dir": 1}))
    with pytest.raises(ValueError, match="holds annotations, frame_dir; `annotations`, a list of clips"):
        import_clips(tmp_path / "a.pkl", tmp_path / "x.npz")
    write_pyskl(tmp_path / "b.pkl", [{"frame_dir": "a"}], {})
    with pytest.raises(ValueError, match="annotation 0 has no 'label'"):
        import_clips(tmp_path / "b.pkl", tmp_path / "x.npz")
    write_pyskl(tmp_path / "c.pkl", [pyskl_annotation("a", 0, np.zeros((1, 4, 12, 3)))], {})
    with pytest.raises(ValueError, match="clips have 12 joints with 3 coordinates; known are 17 in 2D"):
        import_clips(tmp_path / "c.pkl", tmp_path / "x.npz")


def test_split_names_become_protocols_and_parts() -> None:
    assert protocols_in({"xset_train": ["a"], "xset_val": ["b"]}) == {"xset": {"a": "train", "b": "test"}}
    assert protocols_in({"train": ["a"], "val": ["b"], "test": ["c"]}) == {
        "given": {"a": "train", "b": "validation", "c": "test"}
    }
    assert protocols_in({"train2": ["a"], "test2": ["b"]}) == {"split2": {"a": "train", "b": "test"}}


def test_stgcn_arrays_with_padding_and_names(tmp_path: Path) -> None:
    (tmp_path / "xsub").mkdir()
    for part, names in (("train", NAMES[:4]), ("val", NAMES[4:])):
        data = np.zeros((len(names), 3, 40, 25, 2), np.float32)
        for n, name in enumerate(names):
            data[n, :, :24, :, 0] = meters(int(name[-3:]))[0].transpose(2, 0, 1)
        np.save(tmp_path / "xsub" / f"{part}_data_joint.npy", data)
        labels = [int(name[-3:]) - 1 for name in names]
        (tmp_path / "xsub" / f"{part}_label.pkl").write_bytes(
            pickle.dumps(([f"{n}.skeleton" for n in names], labels))
        )
    assert recognize(tmp_path / "xsub").name == "stgcn"
    report = import_clips(tmp_path / "xsub", tmp_path / "x.npz")
    assert report.imported.protocols == {"given": {"train": 4, "test": 4}}
    assert (report.imported.people, report.imported.class_names) == (1, ("clapping", "kicking something"))
    split = load_clips(tmp_path / "x.npz", validation_fraction=0)
    assert {(clip.poses.num_frames, clip.subject) for clip in split.test} == {(24, 3)}


def test_ctrgcn_npz(tmp_path: Path) -> None:
    x = np.zeros((2, 30, 150), np.float32)
    x[:, :24, :75] = meters(10)[0].reshape(24, 75)
    one_hot = np.eye(60, dtype=np.float32)[[9, 23]]
    np.savez(tmp_path / "NTU60_CS.npz", x_train=x, y_train=one_hot, x_test=x, y_test=one_hot)
    report = import_clips(tmp_path / "NTU60_CS.npz", tmp_path / "x.npz")
    assert report.imported.class_names == ("9", "23")
    assert report.left_out == ("22 classes have no clip",)
    assert load_clips(tmp_path / "x.npz", validation_fraction=0).train[0].poses.num_frames == 24


def test_labels_that_do_not_fit_the_array_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "train_data.npy", np.ones((3, 3, 4, 25, 1), np.float32))
    with pytest.raises(
        ValueError, match=r"train_data\.npy has no labels beside it; train_label\.pkl is needed"
    ):
        import_clips(tmp_path, tmp_path / "x.npz")
    (tmp_path / "train_label.pkl").write_bytes(pickle.dumps((["a", "b"], [0, 1])))
    with pytest.raises(ValueError, match=r"train_label\.pkl has 2 labels; train_data\.npy has 3 clips"):
        import_clips(tmp_path, tmp_path / "x.npz")
