#!/usr/bin/env bash
# The same warping band gives other distances in aeon than in tslearn and dtaidistance as soon as two clips differ in length.
#
# Surprise: tslearn (Sakoe-Chiba radius r) and dtaidistance (window r + 1: its window counts the diagonal) widen the
# band by the difference of lengths, along the diagonal of slope 1. aeon (a fraction of the longer series) lays it along
# the line from corner to corner. With equal lengths the three agree to the last digit, so a comparison on clips of one
# length does not show it; with 10 and 14 frames and a radius of 1 aeon's distance is half as large again.
# Guessed: all three widen the band by the difference of lengths. aeon's value is squared (its root is taken here).
# tslearn 0.10.0, dtaidistance 2.5.1, aeon 1.6.0, NumPy 2.3.5, Python 3.11, tried on 2026-11-30.
# Sources: documentation of dtw in the three packages; aeon/distances/elastic/_bounding_matrix.py.
set -euo pipefail
packages=(tslearn==0.10.0 dtaidistance==2.5.1 aeon==1.6.0 numpy==2.3.5)
behavior="one band, equal lengths: equal distances; unequal lengths: aeon's differ."
expected=$(cat <<'SEEN'
10 and 10 frames, radius 1: tslearn 4.131, dtaidistance 4.131, aeon 4.131
10 and 10 frames, radius 2: tslearn 3.593, dtaidistance 3.593, aeon 3.593
10 and 10 frames, radius 3: tslearn 3.536, dtaidistance 3.536, aeon 3.536
10 and 14 frames, radius 1: tslearn 2.775, dtaidistance 2.775, aeon 4.328
10 and 14 frames, radius 2: tslearn 2.636, dtaidistance 2.636, aeon 2.889
10 and 14 frames, radius 3: tslearn 2.619, dtaidistance 2.619, aeon 2.775
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import math

import aeon.distances
import dtaidistance.dtw
import numpy as np
import tslearn.metrics

rng = np.random.default_rng(0)
ten, other_ten, fourteen = rng.normal(size=10), rng.normal(size=10), rng.normal(size=14)
for name, one, two in (("10 and 10 frames", ten, other_ten), ("10 and 14 frames", ten, fourteen)):
    for radius in (1, 2, 3):
        values = (
            tslearn.metrics.dtw(one, two, global_constraint="sakoe_chiba", sakoe_chiba_radius=radius),
            dtaidistance.dtw.distance(one, two, window=radius + 1),
            math.sqrt(aeon.distances.dtw_distance(one, two, window=radius / len(two))),
        )
        print(f"{name}, radius {radius}: tslearn {values[0]:.3f}, dtaidistance {values[1]:.3f}, aeon {values[2]:.3f}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
