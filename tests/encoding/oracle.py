"""The encoding once more, as literal loops from the specification: slow, in float64, with no code of ours.

Tests compare it with `encoding`; `benchmarks/encode.py` measures how much slower it is.
"""

import itertools
from math import floor, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float, float]
Frames = list[list[Point]]
Pixel = tuple[int, int, int]


def jet(level: int) -> Pixel:
    blue, green, red = cv2.applyColorMap(np.array([[level]], dtype=np.uint8), cv2.COLORMAP_JET)[0, 0]
    return int(red), int(green), int(blue)


JET = [jet(level) for level in range(256)]


def fill(series: list[float]) -> list[float]:
    """Step 2 for one coordinate over time."""
    filled = list(series)
    for t, value in enumerate(series):
        if np.isfinite(value):
            continue
        before = [s for s in range(t) if np.isfinite(series[s])]
        after = [s for s in range(t + 1, len(series)) if np.isfinite(series[s])]
        if before and after:
            s, e = before[-1], after[0]
            filled[t] = series[s] + (series[e] - series[s]) * (t - s) / (e - s)
        else:
            filled[t] = series[before[-1]] if before else series[after[0]]
    return filled


def savitzky_golay(series: list[float]) -> list[float]:
    """Step 3 for one coordinate over time."""
    T = len(series)
    if T < 5:
        return list(series)
    smoothed = [0.0] * T
    for t in range(2, T - 2):
        taps = zip((-3, 12, 17, 12, -3), series[t - 2 : t + 3], strict=True)
        smoothed[t] = sum(weight * value for weight, value in taps) / 35
    for offset, places in ((0, (0, 1)), (T - 5, (T - 2, T - 1))):
        quadratic = np.polyfit(range(5), series[offset : offset + 5], 2)
        for t in places:
            smoothed[t] = float(np.polyval(quadratic, t - offset))
    return smoothed


def joint_set(xyz: NDArray[np.float32], smooth: bool = True) -> Frames:
    """Steps 1 to 3 and 12: frames of joints."""
    T = len(xyz)
    people = [xyz[:, p] for p in range(2)] if xyz.ndim == 4 else [xyz]
    clean = []
    for person in people:
        series = {
            (j, axis): fill([float(person[t, j, axis]) for t in range(T)])
            for j in range(person.shape[1])
            for axis in range(3)
        }
        clean.append(series)
    clean.sort(key=lambda series: np.mean([values[0] for (_, axis), values in series.items() if axis == 0]))
    joints: list[list[list[float]]] = []
    for series in clean:
        for j in range(xyz.shape[-2]):
            axes = [series[j, axis] for axis in range(3)]
            joints.append([savitzky_golay(values) for values in axes] if smooth else axes)
    return [[(joint[0][t], joint[1][t], joint[2][t]) for joint in joints] for t in range(T)]


def pairs(num_joints: int, ordered: bool = False) -> list[tuple[int, int]]:
    """Step 6."""
    return [(j, k) for j in range(num_joints) for k in range(num_joints) if j < k or (ordered and j != k)]


def distance(a: Point, b: Point) -> float:
    return sqrt((b[0] - a[0]) ** 2 + (b[1] - a[1]) ** 2 + (b[2] - a[2]) ** 2)


def distance_color(value: float, largest: float) -> Pixel:
    """Step 7."""
    return JET[min(255, floor(255 * value / largest))] if largest else JET[0]


def orientation_color(a: Point, b: Point) -> Pixel:
    """Step 8."""
    length = distance(a, b)
    if length == 0:
        return 127, 127, 127
    red, green, blue = (
        floor(255 * ((end - start) / length + 1) / 2) for start, end in zip(a, b, strict=True)
    )
    return red, green, blue


def largest_distances(frames: Frames, ordered: bool = False) -> tuple[float, float]:
    """D_max over one clip: of pose features, of motion features."""
    every = pairs(len(frames[0]), ordered)
    pose = max(distance(frame[j], frame[k]) for frame in frames for j, k in every)
    steps = list(itertools.pairwise(frames))
    motion = max((distance(now[j], later[k]) for now, later in steps for j, k in every), default=0.0)
    return pose, motion


def feature_image(
    frames: Frames, pose_max: float, motion_max: float, ordered: bool = False
) -> NDArray[np.uint8]:
    """Steps 4 to 9: (2P, 2T-1, 3), RGB."""
    every = pairs(len(frames[0]), ordered)
    columns = []
    for t, frame in enumerate(frames):
        steps = [(frame, frame, pose_max)]
        if t + 1 < len(frames):
            steps.append((frame, frames[t + 1], motion_max))
        for now, later, largest in steps:
            top = [distance_color(distance(now[j], later[k]), largest) for j, k in every]
            columns.append(top + [orientation_color(now[j], later[k]) for j, k in every])
    return np.array(columns, dtype=np.uint8).transpose(1, 0, 2)


def equalize(channel: NDArray[np.uint8], tiles: int) -> NDArray[np.uint8]:
    """Step 10 for a channel whose sides the tiles divide: adaptive histogram equalization without limit."""
    H, W = channel.shape
    h, w = H // tiles, W // tiles
    maps = np.zeros((tiles, tiles, 256))
    for row in range(tiles):
        for column in range(tiles):
            tile = channel[row * h : (row + 1) * h, column * w : (column + 1) * w]
            for level in range(256):
                maps[row, column, level] = round(255 * np.count_nonzero(tile <= level) / tile.size)
    result = np.zeros((H, W))
    for y in range(H):
        for x in range(W):
            # Position among the tiles' centers, and the tiles on both sides of it (the same one at the rim).
            row, column = (y / h) - 0.5, (x / w) - 0.5
            r, c = floor(row), floor(column)
            fy, fx = row - r, column - c
            r0, r1, c0, c1 = (min(max(i, 0), tiles - 1) for i in (r, r + 1, c, c + 1))
            level = channel[y, x]
            upper = maps[r0, c0, level] * (1 - fx) + maps[r0, c1, level] * fx
            lower = maps[r1, c0, level] * (1 - fx) + maps[r1, c1, level] * fx
            result[y, x] = upper * (1 - fy) + lower * fy
    return np.round(result).astype(np.uint8)
