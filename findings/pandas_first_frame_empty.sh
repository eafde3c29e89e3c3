#!/usr/bin/env bash
# pandas drops the first frame of a DeepLabCut-style CSV if no keypoint was found in it, also from a file of its own.
#
# Surprise: with several header rows and an index column, a first row that is empty but for the index is taken for the
# line that names the index. Frame 0 without a person vanishes, later frames move up by one for a program that counts rows,
# and the index is called "0". The next empty row, and one in the middle of a file, are kept. pandas's own to_csv writes
# that form where the first row is all NaN. movement 0.15 reads such a file right.
# Guessed: the row is kept, as NaN.
# pandas 3.1.1, Python 3.11, tried on 2026-11-30. Source: documentation of read_csv, `header`, and
# pandas/io/parsers/base_parser.py (_extract_multi_indexer_columns).
set -euo pipefail
packages=(pandas==3.1.1)
behavior="read_csv(header=[0, 1, 2], index_col=0) loses the first frame where nothing was found in it."
expected=$(cat <<'SEEN'
all frames found: frames [0, 1, 2, 3], the index is named None
frame 0 empty: frames [1, 2, 3], the index is named '0'
frames 0 and 1 empty: frames [1, 2, 3], the index is named '0'
frame 2 empty: frames [0, 1, 2, 3], the index is named None
written by to_csv: 2 rows; read back: 1
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import io

import numpy as np
import pandas as pd

HEADER = "scorer,net,net,net\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\n"
FOUND = "{},1.5,2.5,0.9"
FILES = {
    "all frames found": [FOUND.format(n) for n in range(4)],
    "frame 0 empty": ["0,,,"] + [FOUND.format(n) for n in range(1, 4)],
    "frames 0 and 1 empty": ["0,,,", "1,,,"] + [FOUND.format(n) for n in range(2, 4)],
    "frame 2 empty": [FOUND.format(0), FOUND.format(1), "2,,,", FOUND.format(3)],
}


def read(text):
    return pd.read_csv(io.StringIO(text), header=[0, 1, 2], index_col=0)


for name, rows in FILES.items():
    table = read(HEADER + "\n".join(rows) + "\n")
    print(f"{name}: frames {table.index.tolist()}, the index is named {table.index.name!r}")

columns = pd.MultiIndex.from_product([["net"], ["nose"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"])
table = pd.DataFrame([[np.nan] * 3, [1.5, 2.5, 0.9]], columns=columns)
print(f"written by to_csv: {len(table)} rows; read back: {len(read(table.to_csv()))}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
