"""What a person looks at after an evaluation: poses side by side, and which joints are hard.

Every `..._figure` returns a matplotlib figure outside of pyplot; the caller saves it.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mpl_toolkits.mplot3d import Axes3D  # noqa: F401 - registers the projection "3d"
from numpy.typing import NDArray

from cluster.files import write_atomically
from cluster.report.figures import COLORS
from lifting.datasets import PosePairs
from lifting.metrics import Evaluation, joint_errors
from lifting.skeleton import Skeleton

__all__ = ["examples_figure", "joints_figure", "save_pictures"]

FloatArray = NDArray[np.float32]

NUM_EXAMPLES = 6
_LEFT, _RIGHT, _MIDDLE = "#0072b2", "#d55e00", "#57606a"
_INK, _FAINT = "#24292f", "#6e7781"


def save_pictures(
    folder: Path,
    part: str,
    pairs: PosePairs,
    predicted: FloatArray,
    methods: Mapping[str, Evaluation],
) -> None:
    """Write `PART_examples.png` and `PART_joints.png`.

    Args:
        folder: made where it is missing.
        part: name of the test part.
        pairs: N frames of it.
        predicted: (N, K, 3) millimeters, of the deployed mode.
        methods: what each mode of inference scored.
    """
    name = "".join(letter if letter.isalnum() else "_" for letter in part)
    figures = {
        "examples": examples_figure(pairs, predicted, title=f"{part}: 2D keypoints, truth, prediction"),
        "joints": joints_figure(methods, pairs.pose_skeleton, title=f"{part}: error by joint"),
    }
    for kind, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
        write_atomically(folder / f"{name}_{kind}.png", buffer.getvalue())


def examples_figure(
    pairs: PosePairs, predicted: FloatArray, title: str = "", examples: int = NUM_EXAMPLES
) -> Figure:
    """2D keypoints, true pose and predicted pose of some frames side by side (as the paper's figure 5).

    The frames are the middle ones of clips of different actions: chosen by place, never by error.
    """
    frames = _spread_frames(pairs, examples)
    columns = 2 if len(frames) > 1 else 1
    rows = -(-len(frames) // columns)
    figure = Figure(figsize=(6.6 * columns, 2.5 * rows + 0.5), layout="constrained")
    figure.suptitle(title, color=_INK, fontsize=11)
    errors = joint_errors(predicted, pairs.poses).mean(axis=1)
    for place, frame in enumerate(frames):
        cell = 3 * place + 1
        flat = figure.add_subplot(rows, 3 * columns, cell)
        clip = pairs.clips[pairs.clip[frame]]
        _draw_2d(flat, pairs.keypoints[frame], pairs.keypoint_skeleton)
        flat.set_title(clip.action or clip.name, fontsize=8, color=_INK)
        reach = float(np.abs(pairs.poses[frame]).max()) * 1.05
        for column, (pose, name) in enumerate(
            [(pairs.poses[frame], "truth"), (predicted[frame], f"prediction, {errors[frame]:.0f} mm")],
            start=1,
        ):
            solid = figure.add_subplot(rows, 3 * columns, cell + column, projection="3d")
            _draw_3d(solid, pose, pairs.pose_skeleton, reach)
            solid.set_title(name, fontsize=8, color=_INK)
    return figure


def joints_figure(methods: Mapping[str, Evaluation], skeleton: Skeleton, title: str = "") -> Figure:
    """P1 of every joint, a bar for each method, the hardest joint on top."""
    first = next(iter(methods.values()))
    order = np.argsort(first.joints)
    order = order[order != skeleton.root]
    figure = Figure(figsize=(7.2, 0.34 * len(order) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    shown = {name: found for name, found in methods.items() if name != "mean pose"}
    height = 0.8 / len(shown)
    for number, (name, found) in enumerate(shown.items()):
        at = np.arange(len(order)) + 0.4 - height * (number + 0.5)
        axes.barh(at, found.joints[order], height, label=name, color=COLORS[number % len(COLORS)])
    axes.set_yticks(np.arange(len(order)), [skeleton.joints[joint].replace("_", " ") for joint in order])
    axes.set_xlabel("mean distance from the truth (P1), mm")
    axes.set_title(title, fontsize=11, color=_INK, loc="left")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(left=False, labelsize=8, colors=_FAINT, labelcolor=_INK)
    axes.grid(axis="x", color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.margins(y=0.01)
    return figure


def _spread_frames(pairs: PosePairs, count: int) -> list[int]:
    """The middle frames of some clips: one clip of each action, then a second one of each, and so on."""
    by_action: dict[str, list[int]] = {}
    for index, clip in enumerate(pairs.clips):
        by_action.setdefault(clip.action, []).append(index)
    turns = max(len(clips) for clips in by_action.values())
    queue = [clips[turn] for turn in range(turns) for clips in by_action.values() if turn < len(clips)]
    chosen = queue[:count]
    middles = [(part.start + part.stop) // 2 for part in map(pairs.frames_of, chosen)]
    return [int(frame) for frame in middles]


def _draw_2d(axes: Axes, xy: FloatArray, skeleton: Skeleton) -> None:
    for parent, child in skeleton.bones:
        axes.plot(
            *xy[[parent, child]].T, color=_color(skeleton, child), linewidth=1.8, solid_capstyle="round"
        )
    axes.scatter(xy[:, 0], xy[:, 1], s=5, color=_INK, zorder=3)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.margins(0.15)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#d0d7de")


def _draw_3d(axes: Any, pose: FloatArray, skeleton: Skeleton, reach: float) -> None:
    """Camera axes (x right, y down, z away) as the viewer sees them: z to the back, -y upwards."""
    x, y, z = pose.T
    for parent, child in skeleton.bones:
        bone = [parent, child]
        axes.plot(x[bone], z[bone], -y[bone], color=_color(skeleton, child), linewidth=1.8)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    axes.set_box_aspect((1, 1, 1), zoom=1.25)
    axes.view_init(elev=12, azim=-68)
    axes.set_xticklabels([])
    axes.set_yticklabels([])
    axes.set_zticklabels([])
    axes.tick_params(length=0)


def _color(skeleton: Skeleton, child: int) -> str:
    name = skeleton.joints[child]
    return _LEFT if name.startswith("left_") else _RIGHT if name.startswith("right_") else _MIDDLE
