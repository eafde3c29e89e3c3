"""OpenPose, AlphaPose, MMPose and COCO JSON: clips, people, layouts by their number of joints."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from encoding.datasets.formats.entry import ImportOptions
from encoding.datasets.formats.table import recognize
from encoding.datasets.importing import ImportReport, import_clips
from lifting.skeleton import COCO_17, HALPE_26
from recording_files import alphapose_entries, in_picture, movement, write_json


def imported(source: Path, out: Path, **options: object) -> tuple[ImportReport, dict[str, np.ndarray]]:
    report = import_clips(source, out, ImportOptions.from_words(options))
    with np.load(out) as file:
        return report, {name: file[name] for name in file.files}


def openpose(folder: Path, xy: np.ndarray) -> None:
    for t, joints in enumerate(xy):
        values = np.column_stack([joints, np.full(len(joints), 0.8)]).ravel().tolist()
        write_json(
            folder / f"v_{t:012}_keypoints.json", {"version": 1.3, "people": [{"pose_keypoints_2d": values}]}
        )


def test_openpose_folders_are_clips_of_their_class(tmp_path: Path) -> None:
    xy = in_picture(movement())
    for name in ("wave/one", "wave/two", "bend/three"):
        openpose(tmp_path / "data" / name, xy)
    assert recognize(tmp_path / "data").name == "openpose"
    report, arrays = imported(tmp_path / "data", tmp_path / "x.npz", fps=25)
    assert (report.skeleton, report.imported.class_names) == (COCO_17, ("bend", "wave"))
    assert arrays["names"].tolist() == ["bend/three", "wave/one", "wave/two"]
    np.testing.assert_allclose(arrays["xyz"][:24], xy, atol=0.01)


def test_openpose_shares_of_the_picture_need_its_size(tmp_path: Path) -> None:
    openpose(tmp_path / "data" / "wave" / "one", in_picture(movement()) / [640, 480])
    with pytest.raises(ValueError, match="image_size, the picture's width and height in pixels, is needed"):
        imported(tmp_path / "data", tmp_path / "x.npz")
    _, arrays = imported(tmp_path / "data", tmp_path / "x.npz", image_size="640x480")
    np.testing.assert_allclose(arrays["xyz"], in_picture(movement()), atol=0.05)


@pytest.mark.parametrize(("joints", "skeleton"), [(17, COCO_17), (26, HALPE_26), (136, HALPE_26)])
def test_alphapose_of_17_26_and_136_joints(tmp_path: Path, joints: int, skeleton: Any) -> None:
    xy = in_picture(movement(frames=12), skeleton)
    more = np.repeat(xy[:, :1], joints - xy.shape[1], axis=1)
    entries = alphapose_entries(np.concatenate([xy, more], axis=1))
    # 2.jpg stands before 10.jpg as a number, after it as text; an image without people has no entry.
    entries = sorted(
        (entry for entry in entries if entry["image_id"] != "5.jpg"), key=lambda entry: entry["image_id"]
    )
    write_json(tmp_path / "data" / "wave" / "a.json", entries)
    assert recognize(tmp_path / "data").name == "alphapose"
    report, arrays = imported(tmp_path / "data", tmp_path / "x.npz")
    assert report.skeleton == skeleton
    assert np.isnan(arrays["xyz"][5]).all()
    np.testing.assert_allclose(arrays["xyz"][6:], xy[6:], atol=0.01)


def test_of_two_people_the_one_with_most_motion_is_kept_or_both(tmp_path: Path) -> None:
    xy = in_picture(movement(frames=12))
    still = np.repeat(xy[:1], 12, axis=0) + np.array([250, 0])
    entries = alphapose_entries(still, idx=1) + alphapose_entries(xy, idx=[2])
    write_json(tmp_path / "data" / "wave" / "a.json", entries)
    _, arrays = imported(tmp_path / "data", tmp_path / "x.npz")
    np.testing.assert_allclose(arrays["xyz"], xy, atol=0.01)
    _, arrays = imported(tmp_path / "data", tmp_path / "x.npz", people=2)
    assert arrays["xyz"].shape == (12, 2, 17, 2)
    np.testing.assert_allclose(arrays["xyz"][:, 1], still, atol=0.01)


def test_names_that_are_time_stamps_are_refused(tmp_path: Path) -> None:
    entries = alphapose_entries(in_picture(movement(frames=4)))
    for n, entry in enumerate(entries):
        entry["image_id"] = f"{1_700_000_000_000 + 33 * n * 1000}.jpg"
    write_json(tmp_path / "data" / "wave" / "a.json", entries)
    with pytest.raises(ValueError, match="these are time stamps, and numbers of frames are needed"):
        imported(tmp_path / "data", tmp_path / "x.npz")


@pytest.mark.parametrize("wrapped", [False, True])
def test_mmpose_predictions_of_both_kinds(tmp_path: Path, wrapped: bool) -> None:
    xy = in_picture(movement(frames=6))
    frames = [
        {
            "frame_id": t,
            "instances": [{"keypoints": frame.tolist(), "keypoint_scores": [0.9] * 17, "bbox_score": 1.0}],
        }
        for t, frame in enumerate(xy)
    ]
    content: Any = {"meta_info": {}, "instance_info": frames} if wrapped else frames
    write_json(tmp_path / "data" / "wave" / "a.json", content)
    assert recognize(tmp_path / "data").name == "mmpose"
    report, arrays = imported(tmp_path / "data", tmp_path / "x.npz")
    assert report.skeleton == COCO_17
    np.testing.assert_allclose(arrays["xyz"], xy, atol=0.01)


def test_coco_images_of_one_folder_are_a_clip(tmp_path: Path) -> None:
    xy = in_picture(movement(frames=6))
    images, annotations = [], []
    for clip in ("walk_1", "run_1"):
        for t in range(6):
            number = len(images) + 1
            images.append({"id": number, "file_name": f"{clip}/{t}.jpg", "width": 640, "height": 480})
            values = np.column_stack([xy[t], np.full(17, 2)]).ravel().tolist()
            annotations.append({"id": number, "image_id": number, "keypoints": values, "category_id": 1})
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}]
    path = tmp_path / "person.json"
    write_json(path, {"images": images, "annotations": annotations, "categories": categories})
    assert recognize(path).name == "coco"
    (tmp_path / "labels.csv").write_text("clip,label\nwalk_1,walk\nrun_1,run\n")
    report, arrays = imported(path, tmp_path / "x.npz", labels=tmp_path / "labels.csv")
    assert (report.skeleton, report.imported.class_names) == (COCO_17, ("run", "walk"))
    assert arrays["names"].tolist() == ["run_1", "walk_1"]
    assert arrays["image_sizes"].tolist() == [[640, 480]] * 2
    np.testing.assert_allclose(arrays["xyz"][:6], xy, atol=0.01)


def test_another_number_of_joints_is_answered_with_those_known(tmp_path: Path) -> None:
    write_json(tmp_path / "data" / "wave" / "a.json", alphapose_entries(np.ones((3, 21, 2)) * 50))
    with pytest.raises(ValueError, match=r"people have 21 joints; 17, 18, 25, 26, 133, 136 are known"):
        imported(tmp_path / "data", tmp_path / "x.npz")


def test_a_large_coco_file_is_known_though_its_keys_lie_in_the_middle(tmp_path: Path) -> None:
    """More than a megabyte of images, then as much of annotations."""
    points = in_picture(movement(frames=4))
    keypoints = [np.c_[xy, np.full(17, 2)].ravel().tolist() for xy in points]
    images = [
        {"id": n, "file_name": f"wave/{n:06}.jpg", "width": 640, "height": 480, "license": "x" * 400_000}
        for n in range(4)
    ]
    annotations = [
        {"id": n, "image_id": n, "category_id": 1, "segmentation": [0] * 150_000, "keypoints": keypoints[n]}
        for n in range(4)
    ]
    categories = [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}]
    write_json(
        tmp_path / "coco.json",
        {"images": images, "annotations": annotations, "categories": categories},
    )
    report = import_clips(tmp_path / "coco.json", tmp_path / "out.npz", unlabeled=True)
    assert report.format == "COCO keypoints"
    assert report.imported.num_frames == 4
