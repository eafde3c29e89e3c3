"""Draws docs/pictures/spmf.png, the image with its axes named: `python docs/draw_pictures.py`."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from encoding import EncodingConfig, encode  # noqa: E402 - the packages lie beside docs/
from encoding.datasets import DataConfig, load  # noqa: E402
from encoding.features import joint_pairs  # noqa: E402
from encoding.spmf import feature_image  # noqa: E402
from lifting.poses import PoseSequence3D  # noqa: E402

ACTION = "two hand wave"
_SHOWN = 5  # skeletons above the image
_CONFIG = EncodingConfig(distance_scope="sequence")


def example() -> PoseSequence3D:
    """The first clip of an action that moves both arms."""
    split = load(DataConfig(name="synthetic"))
    names = list(split.class_names)
    label = names.index(ACTION)
    return next(clip.poses for clip in split.train if clip.label == label)


def spmf_figure(poses: PoseSequence3D) -> Figure:
    """Poses over time, the image before enhancement below them, and the finished image beside it."""
    figure = Figure(figsize=(12, 7.2), dpi=110)
    grid = figure.add_gridspec(
        2, 2, width_ratios=(1.6, 1), height_ratios=(0.3, 1), left=0.12, right=0.965, top=0.93, bottom=0.1,
        wspace=0.36, hspace=0.08,
    )  # fmt: skip
    raw_axes = figure.add_subplot(grid[1, 0])
    _raw(raw_axes, poses)
    _skeletons(figure.add_subplot(grid[0, 0], sharex=raw_axes), poses)
    _finished(figure.add_subplot(grid[1, 1]), poses)
    _legend(figure.add_subplot(grid[0, 1]))
    return figure


def _raw(axes: Any, poses: PoseSequence3D) -> None:
    image = feature_image(poses, _CONFIG, None)
    height, width = image.shape[:2]
    pairs = height // 2
    axes.imshow(image, aspect="auto", interpolation="nearest")
    axes.axhline(pairs - 0.5, color="white", linewidth=2)
    columns = np.linspace(0, width - 1, _SHOWN).round().astype(int) // 2 * 2
    axes.set_xticks(columns, [f"PF of frame {1 + column // 2}" for column in columns], fontsize=8.5)
    axes.set_xlabel("time: pose feature PF of a frame, motion feature MF to the next frame, alternating")
    ticks, names = _row_names(poses, pairs)
    axes.set_ylim(height - 0.5, -0.5)
    axes.set_yticks([*ticks, *[pairs + tick for tick in ticks]], [*names, *names], fontsize=7.5)
    for top, text in ((0, "distances of\njoint pairs (JJD)"), (pairs, "orientations of\njoint pairs (JJO)")):
        axes.text(
            -0.185, 1 - (top + pairs / 2) / height, text, rotation=90, ha="center", va="center",
            transform=axes.transAxes, fontsize=10,
        )  # fmt: skip


def _row_names(poses: PoseSequence3D, pairs: int) -> tuple[list[int], list[str]]:
    """The rows at which another first joint begins, every third of them, with that joint's name."""
    first = joint_pairs(poses.skeleton.num_joints, "upper")[0]
    starts = [int(np.argmax(first == joint)) for joint in range(poses.skeleton.num_joints - 1)]
    kept = [joint for joint in range(len(starts)) if joint % 3 == 0 and starts[joint] < pairs - 12]
    return [starts[joint] for joint in kept], [
        poses.skeleton.joints[joint].replace("_", " ") for joint in kept
    ]


def _skeletons(axes: Any, poses: PoseSequence3D) -> None:
    """Poses from the front above the columns that they make."""
    xyz, width = poses.xyz, 2 * len(poses.xyz) - 1
    scale = width / _SHOWN / 1.25 / np.ptp(xyz[..., 0]).clip(1)
    for column in np.linspace(0, width - 1, _SHOWN).round().astype(int) // 2 * 2:
        pose = xyz[column // 2] - xyz.mean(axis=(0, 1))
        for joint, parent in enumerate(poses.skeleton.parents):
            if parent >= 0:
                axes.plot(
                    column + scale * pose[[joint, parent], 0],
                    pose[[joint, parent], 1],
                    color="#1f4e79",
                    lw=1.5,
                )
        head = pose[poses.skeleton.joints.index("head")]
        axes.plot(column + scale * head[0], head[1], "o", color="#1f4e79", markersize=7)
    axes.set_axis_off()
    axes.set_xlim(-0.5 - width / 16, width - 0.5 + width / 16)
    axes.set_title("A clip of 3D poses becomes the image below it", fontsize=11)


def _finished(axes: Any, poses: PoseSequence3D) -> None:
    image = encode(poses, _CONFIG, None)
    size, frames = len(image), len(poses.xyz)
    pairs = poses.skeleton.num_joints * (poses.skeleton.num_joints - 1) // 2
    axes.imshow(image, interpolation="nearest")
    axes.set_xticks([0, size - 1], ["first frame", "last frame"], fontsize=8.5)
    axes.axhline(size // 2 - 0.5, color="white", linewidth=2)
    axes.set_yticks([0, size // 2 - 2, size // 2 + 1, size - 1], [0, size // 2 - 1, size // 2, size - 1])
    axes.set_title(f"The network's input: {size} × {size} pixels", fontsize=11)
    axes.set_xlabel(f"time: a column is {(2 * frames - 1) / size / 2:.1f} of {frames} frames")
    for place, text in ((0.75, f"distances,\n{2 * pairs / size:.0f} pairs a row"), (0.25, "orientations")):
        axes.text(
            -0.14, place, text, rotation=90, ha="center", va="center", transform=axes.transAxes, fontsize=10
        )


def _legend(axes: Any) -> None:
    """What the colors of both halves mean."""
    from encoding.colors import JET

    axes.set_axis_off()
    axes.imshow(JET[None], aspect="auto", extent=(0.05, 0.95, 0.62, 0.78))
    axes.text(0.5, 0.84, "distance: palette JET", ha="center", fontsize=9)
    axes.text(0.05, 0.6, "0", ha="left", va="top", fontsize=8)
    axes.text(0.95, 0.6, "largest distance", ha="right", va="top", fontsize=8)
    axes.text(0.5, 0.34, "orientation: unit vector from joint to joint", ha="center", fontsize=9)
    for place, (text, color) in enumerate((("x", "#d62728"), ("y", "#2ca02c"), ("z", "#1f77b4"))):
        axes.text(0.2 + 0.3 * place, 0.16, f"{text} is {('red', 'green', 'blue')[place]}", color=color,
                  ha="center", fontsize=9)  # fmt: skip
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)


if __name__ == "__main__":
    spmf_figure(example()).savefig(HERE / "pictures" / "spmf.png")
    print(f"wrote {HERE / 'pictures' / 'spmf.png'}")  # noqa: T201
