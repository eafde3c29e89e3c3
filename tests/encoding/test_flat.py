"""2D clips: depth is absent, nothing that needs it enters an image."""

from pathlib import Path

import numpy as np
import pytest

from encoding.augmentation import AugmentationConfig, augment
from encoding.bones import mean_bone_lengths
from encoding.datasets import DataConfig, check, check_split, load
from encoding.flat import from_pixels, in_plane, without_depth
from encoding.smoothing import clean
from encoding.spmf import EncodingConfig, encode
from lifting.poses import PoseSequence3D
from lifting.skeleton import COCO_17, MSR_20
from recording_files import in_picture, movement


def flat(action: str = "hand clap") -> PoseSequence3D:
    return without_depth(
        PoseSequence3D(xyz=from_pixels(in_picture(movement(action))), fps=30, skeleton=COCO_17)
    )


def file(path: Path, **changes: object) -> Path:
    clips = [in_picture(movement(action, seed=seed)) for seed in range(3) for action in ("hand clap", "bend")]
    arrays = {
        "xyz": np.concatenate(clips).astype(np.float32),
        "offsets": np.cumsum([0] + [len(clip) for clip in clips]),
        "labels": np.arange(6) % 2,
        "class_names": np.array(["hand clap", "bend"]),
        "skeleton": np.array("coco_17"),
        "fps": np.array(30.0),
        "unit": np.array("px"),
        "split": np.array(["train", "train", "train", "train", "test", "test"]),
    }
    np.savez(path, **{**arrays, **changes})
    return path


def test_pixels_are_scaled_and_turned_upright() -> None:
    xy = np.array([[[100, 50], [100, 250]]], np.float32)  # 200 pixels tall, the first joint on top
    np.testing.assert_allclose(from_pixels(xy), [[[850, -425, 0], [850, -2125, 0]]])
    xy[0, 1] = np.nan
    assert np.isnan(from_pixels(xy)[0, 1]).all()


def test_depth_is_absent_in_the_record_and_does_not_count_in_the_image() -> None:
    poses = flat()
    assert poses.flat
    assert not in_plane(poses).flat
    assert (clean(poses)[..., 2] == 0).all()
    config = EncodingConfig(distance_scope="sequence")
    np.testing.assert_array_equal(encode(poses, config, None), encode(in_plane(poses), config, None))


def test_augmentation_stays_in_the_picture() -> None:
    poses = flat()
    strong = AugmentationConfig(
        rotation_degrees=90, tilt_degrees=45, bone_spread=0.2, time_warp=0.3, mirror=1
    )
    changed = augment(poses, strong, np.random.default_rng(0))
    assert changed.flat
    # Turned by up to 90 degrees about the vertical, a body would be narrow; here its width stays.
    width = np.ptp(changed.xyz[..., 0], axis=1).mean() / np.ptp(poses.xyz[..., 0], axis=1).mean()
    assert 0.8 < width < 1.25
    assert not augment(in_plane(poses), strong, np.random.default_rng(0)).flat


def test_a_3d_clip_is_not_flat_and_reference_bones_are_refused_for_2d() -> None:
    solid = PoseSequence3D(xyz=movement(), fps=15, skeleton=MSR_20)
    assert not solid.flat
    assert in_plane(solid) is solid
    with pytest.raises(ValueError, match="2D clips show bones of any length"):
        mean_bone_lengths([flat()])


def test_a_file_of_2d_clips_is_checked_and_loaded(tmp_path: Path) -> None:
    path = file(tmp_path / "two.npz")
    assert check(path).ok
    split = load(DataConfig(name="npz", root=path))
    assert all(clip.poses.flat for clip in split.clips)
    assert check_split(split).ok
    height = np.ptp(split.train[0].poses.xyz[..., 1], axis=1)
    assert 1500 < np.median(height) < 1800


def test_2d_with_a_length_unit_is_refused_with_the_unit_that_is_needed(tmp_path: Path) -> None:
    report = check(file(tmp_path / "two.npz", unit=np.array("mm")))
    assert any("of 2D clips (frames, J, 2), with the unit px" in str(finding) for finding in report.errors)
