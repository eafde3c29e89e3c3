#!/usr/bin/env bash
# In OpenCV 5 an array of one dimension is a row; in OpenCV 4 it was a column: filters along time stop to act, and shapes change.
#
# Surprise: a joint's path of shape (T,), smoothed with GaussianBlur(path, (1, 5), 0) (width 1, height 5), comes back
# unsmoothed from OpenCV 5 without a word, as (1, T) instead of (T, 1). flip(path, 0) returns the path unflipped.
# minMaxLoc exchanges x and y. calcHist returns (256,) instead of (256, 1), findNonZero (N, 2) instead of (N, 1, 2):
# code that takes points[:, 0] then gets the x of each instead of the points.
# Guessed: the shapes and values of 4.
# OpenCV 5.0.0 and 4.13.0 (wheels 5.0.0.93 and 4.13.0.92), NumPy 2.4.6, Python 3.11, tried on 2026-11-30.
# Source: OpenCV's wiki page "OpenCV 5" (support of 0D and 1D Mat). posenas gives OpenCV arrays of two dimensions or more.
set -euo pipefail
packages=(opencv-python-headless==5.0.0.93 numpy==2.4.6)
behavior="OpenCV 5 takes (T,) as one row, OpenCV 4 as one column."
expected=$(cat <<'SEEN'
5.0.0
  GaussianBlur(path, (1, 5)): (1, 5) [0.0, 0.0, 8.0, 0.0, 0.0]
  flip([1, 2, 3], 0): [1.0, 2.0, 3.0]
  place of the maximum: (2, 0)
  calcHist: (256,)  findNonZero: (4, 2)
4.13.0
  GaussianBlur(path, (1, 5)): (5, 1) [1.0, 2.0, 3.0, 2.0, 1.0]
  flip([1, 2, 3], 0): [3.0, 2.0, 1.0]
  place of the maximum: (0, 2)
  calcHist: (256, 1)  findNonZero: (4, 1, 2)
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import subprocess
import sys
from pathlib import Path

Path("shapes.py").write_text('''
import cv2
import numpy as np

path = np.array([0.0, 0.0, 8.0, 0.0, 0.0])
blurred = cv2.GaussianBlur(path, (1, 5), 0)
print(cv2.__version__)
print("  GaussianBlur(path, (1, 5)):", blurred.shape, blurred.ravel().round(2).tolist())
print("  flip([1, 2, 3], 0):", cv2.flip(np.array([1.0, 2.0, 3.0]), 0).ravel().tolist())
print("  place of the maximum:", cv2.minMaxLoc(path)[3])
image = np.eye(4, dtype=np.uint8)
print("  calcHist:", cv2.calcHist([image], [0], None, [256], [0, 256]).shape, " findNonZero:", cv2.findNonZero(image).shape)
'''.replace("\n    ", "\n"))
subprocess.run([sys.executable, "shapes.py"], check=True)
subprocess.run([sys.executable, "-m", "venv", "four"], check=True)
install = ["four/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
subprocess.run([*install, "opencv-python-headless==4.13.0.92", "numpy==2.4.6"], check=True)
subprocess.run(["four/bin/python", "shapes.py"], check=True)
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
