"""A clip at another rate: values worked by hand."""

from dataclasses import replace

import numpy as np
import pytest

from encoding.resample import resampled
from lifting.poses import PoseSequence3D
from lifting.skeleton import SBU_15


def ramp(frames: int, fps: float) -> PoseSequence3D:
    """Every coordinate is the number of milliseconds."""
    seconds = np.arange(frames) / fps
    return PoseSequence3D(xyz=np.tile(1000 * seconds[:, None, None], (1, 15, 3)), fps=fps, skeleton=SBU_15)


@pytest.mark.parametrize(("fps", "frames"), [(15, 6), (30, 11), (60, 21), (24, 9), (12, 5)])
def test_the_movement_stays_the_same_in_seconds(fps: float, frames: int) -> None:
    again = resampled(ramp(11, 30), fps)  # 10 steps of 1/30 s: a third of a second
    assert (again.num_frames, again.fps) == (frames, fps)
    np.testing.assert_allclose(again.xyz[:, 0, 0], 1000 * np.arange(frames) / fps, rtol=1e-5, atol=1e-3)


def test_its_own_rate_changes_nothing_and_one_frame_stays_one() -> None:
    clip = ramp(4, 30)
    assert resampled(clip, 30) is clip
    assert resampled(ramp(1, 30), 60).num_frames == 1


def test_a_gap_stays_a_gap_and_spoils_no_frame_that_is_met_exactly() -> None:
    clip = ramp(4, 30)
    xyz = clip.xyz.copy()
    xyz[1, 0] = np.nan
    again = resampled(replace(clip, xyz=xyz), 60)
    assert np.isnan(again.xyz[:, 0, 0]).tolist() == [False, True, True, True, False, False, False]
    assert np.isfinite(again.xyz[:, 1]).all()
