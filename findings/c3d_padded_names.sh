#!/usr/bin/env bash
# c3d gives names of markers and the unit with the blanks that pad them in the file; ezc3d gives them without.
#
# Surprise: in a C3D file texts have one length, and shorter ones end in blanks. Reader.point_labels and string_value of
# the package c3d keep the blanks, so that a look-up of "LASI" finds nothing where a longer name stands in the file,
# and finds it in a file of short names alone; a unit may compare unequal to "mm". ezc3d removes them.
# Guessed: both give names as they were set. posenas removes the blanks (encoding/datasets/formats/c3d.py).
# c3d 0.6.0, ezc3d 1.7.2, Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(c3d==0.6.0 ezc3d==1.7.2 numpy==2.4.6)
behavior="c3d: 'LASI' is 'LASI   ' beside 'STERNUM'; ezc3d: 'LASI'."
expected=$(cat <<'SEEN'
c3d, short names:   ['LASI', 'RASI']
c3d, a longer one:  ['LASI   ', 'RASI   ', 'STERNUM']
ezc3d:              ['LASI', 'RASI', 'STERNUM']
unit, c3d:          'mm  '
unit, ezc3d:        'mm'
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import c3d
import ezc3d
import numpy as np


def write(path, names):
    writer = c3d.Writer(point_rate=50)
    writer.set_point_labels(names)
    points = np.ones((len(names), 5))
    writer.add_frames([(points, np.zeros((0, 1)))] * 2)
    with open(path, "wb") as file:
        writer.write(file)


write("short.c3d", ["LASI", "RASI"])
write("long.c3d", ["LASI", "RASI", "STERNUM"])
with open("short.c3d", "rb") as file:
    print("c3d, short names:  ", [str(name) for name in c3d.Reader(file).point_labels])
with open("long.c3d", "rb") as file:
    reader = c3d.Reader(file)
    print("c3d, a longer one: ", [str(name) for name in reader.point_labels])
    unit = reader.get("POINT:UNITS").string_value
point = ezc3d.c3d("long.c3d")["parameters"]["POINT"]
print("ezc3d:             ", point["LABELS"]["value"])
print(f"unit, c3d:          {unit!r}")
print(f"unit, ezc3d:        {point['UNITS']['value'][0]!r}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
