#!/usr/bin/env bash
# numpy 1.26 reads a pickle of a numpy 2 array, but not with protocol 5, and there only of a contiguous array.
#
# Surprise: numpy 2 moved numpy.core to numpy._core, and its pickles name the new place. numpy 1.26 has stand-ins for it,
# so arrays pickled with protocols 2 to 4 come back. With protocol 5 a contiguous array is written as a call of
# numpy._core.numeric._frombuffer, for which there is no stand-in; a strided view and a scalar of the same file kind
# are written as before, and come back. Annotation files of actions are pickles that pass between such environments.
# Guessed: either all protocols work or none does. posenas's export writes arrays by the names numpy.array and
# numpy.ndarray, with protocol 2, which every numpy has (encoding/datasets/exporting.py).
# numpy 2.4.6 writes, numpy 1.26.4 reads, Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(numpy==2.4.6)
reader=numpy==1.26.4
behavior="numpy 1.26 reads numpy 2's array pickled by protocols 2 to 4, and by 5 only a view or a scalar."
expected=$(cat <<'SEEN'
array, protocol 2: shape (2, 3)
array, protocol 3: shape (2, 3)
array, protocol 4: shape (2, 3)
array, protocol 5: ModuleNotFoundError: No module named 'numpy._core.numeric'
view, protocol 5: shape (2, 2)
scalar, protocol 5: shape ()
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
for name in venv old; do "${PYTHON:-python3}" -m venv "$work/$name"; done
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
"$work/old/bin/python" -m pip install --quiet --disable-pip-version-check "$reader" || exit 2
cd "$work"
venv/bin/python - <<'PROGRAM'
import pickle
from pathlib import Path

import numpy as np

array = np.arange(6.0).reshape(2, 3)
values = {f"array, protocol {protocol}": (array, protocol) for protocol in (2, 3, 4, 5)}
values |= {"view, protocol 5": (array[:, ::2], 5), "scalar, protocol 5": (np.float32(2), 5)}
for name, (value, protocol) in values.items():
    Path(f"{name}.pkl").write_bytes(pickle.dumps(value, protocol=protocol))
PROGRAM
seen=$(old/bin/python - <<'PROGRAM'
import pickle
from pathlib import Path

for name in [*(f"array, protocol {n}" for n in (2, 3, 4, 5)), "view, protocol 5", "scalar, protocol 5"]:
    try:
        print(f"{name}: shape {pickle.loads(Path(f'{name}.pkl').read_bytes()).shape}")
    except ModuleNotFoundError as error:
        print(f"{name}: {type(error).__name__}: {error}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}"), read by $(old/bin/python -c "$versions" numpy)"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
