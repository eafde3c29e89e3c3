#!/usr/bin/env bash
# trc-data-reader gives the coordinates of the next marker to one that is missing.
#
# Surprise: a TRC file leaves the cells of a marker that was not seen empty. This reader splits each line at white space,
# so that empty cells vanish, and fills what lacks at the end with NaN. With marker A absent A gets B's position and B is
# NaN: the poses look complete and are wrong, left and right exchanged where they stand beside each other.
# Guessed: A is NaN, B as written. posenas's own reader keeps empty cells in their columns.
# trc-data-reader 0.4.1 (module trc), Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(trc-data-reader==0.4.1)
behavior="where marker A is missing, A is given B's coordinates and B is NaN."
expected=$(cat <<'SEEN'
frame 1, both are there: A [1.0, 2.0, 3.0], B [4.0, 5.0, 6.0]
frame 2, A is missing: A [4.0, 5.0, 6.0], B [nan, nan, nan]
frame 3, B is missing: A [1.0, 2.0, 3.0], B [nan, nan, nan]
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
from pathlib import Path

from trc import TRCData

HEAD = (
    "PathFileType\t4\t(X/Y/Z)\ta.trc\n"
    "DataRate\tCameraRate\tNumFrames\tNumMarkers\tUnits\tOrigDataRate\tOrigDataStartFrame\tOrigNumFrames\n"
    "60\t60\t3\t2\tmm\t60\t1\t3\n"
    "Frame#\tTime\tA\t\t\tB\t\t\n\t\tX1\tY1\tZ1\tX2\tY2\tZ2\n\n"
)
ROWS = ["1\t0.0000\t1\t2\t3\t4\t5\t6", "2\t0.0167\t\t\t\t4\t5\t6", "3\t0.0333\t1\t2\t3\t\t\t"]
Path("a.trc").write_text(HEAD + "\n".join(ROWS) + "\n")
data = TRCData()
data.load("a.trc")
for frame, what in ((1, "both are there"), (2, "A is missing"), (3, "B is missing")):
    print(f"frame {frame}, {what}: A {data['A'][frame - 1]}, B {data['B'][frame - 1]}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
