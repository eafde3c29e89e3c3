#!/usr/bin/env bash
# SciPy's medians disagree about a missing value: to medfilt NaN is the smallest number, medfilt2d keeps it where it is,
# ndimage.median_filter spreads it.
#
# Surprise: medfilt, the usual filter against outliers of a joint's path, fills a gap of one frame with the *smaller*
# neighbor and pulls the frames beside it down: no NaN is left that could be seen. The same median as medfilt2d on one
# row leaves the NaN in place, and ndimage's leaves NaN in the whole window.
# Guessed: NaN sorts last, as in numpy.sort. Interpolate gaps before filtering.
# SciPy 1.17.1, NumPy 2.4.6, Python 3.11, tried on 2026-11-30. Documented is only that medfilt pads with zeros.
set -euo pipefail
packages=(scipy==1.17.1 numpy==2.4.6)
behavior="three median filters of one library: NaN is the smallest, stays, or spreads."
expected=$(cat <<'SEEN'
path: [1.0, 2.0, nan, 4.0, 5.0, 6.0, 7.0, 8.0]
signal.medfilt: [1.0, 1.0, 2.0, 4.0, 5.0, 6.0, 7.0, 7.0]
signal.medfilt2d: [1.0, 1.0, 2.0, nan, 5.0, 6.0, 7.0, 7.0]
ndimage.median_filter: [1.0, nan, nan, nan, 5.0, 6.0, 7.0, 8.0]
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import numpy as np
from scipy import ndimage, signal

path = np.array([1.0, 2.0, np.nan, 4.0, 5.0, 6.0, 7.0, 8.0])
print("path:", path.tolist())
print("signal.medfilt:", signal.medfilt(path, 3).tolist())
print("signal.medfilt2d:", signal.medfilt2d(path[None], (1, 3))[0].tolist())
print("ndimage.median_filter:", ndimage.median_filter(path, 3).tolist())
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
