#!/usr/bin/env bash
# A slice of a safetensors file is no NumPy slice: -1 works, -2: does not, and an end beyond the last row is an error.
#
# Surprise: get_slice looks like an array (steps, ellipses and single negative indices work), so a reader of batches
# writes rows[start : start + batch]: the last batch raises SafetensorError, since the end is not clipped. rows[-2:]
# raises OverflowError.
# Guessed: negative and clipped ends as NumPy, steps refused; it is the other way round.
# safetensors 0.8.0, NumPy 2.4.6, Python 3.11, tried on 2026-11-30.
set -euo pipefail
packages=(safetensors==0.8.0 numpy==2.4.6)
behavior="get_slice takes steps and -1, refuses -2: and an end beyond the last row."
expected=$(cat <<'SEEN'
rows[0:4]: as NumPy
rows[::2]: as NumPy
rows[-1]: as NumPy
rows[..., -1]: as NumPy
rows[4:8]: SafetensorError: Error during slicing [4:8] with shape [6, 4]: index 7 out of bounds for tensor dimension #
rows[-2:]: OverflowError: can't convert negative int to unsigned
rows[:-1]: OverflowError: can't convert negative int to unsigned
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
from safetensors import safe_open
from safetensors.numpy import save_file

array = np.arange(24, dtype=np.float32).reshape(6, 4)
save_file({"rows": array}, "a.safetensors")
with safe_open("a.safetensors", "np") as file:
    rows = file.get_slice("rows")
    for text in ("0:4", "::2", "-1", "..., -1", "4:8", "-2:", ":-1"):
        key = eval(f"np.s_[{text}]")
        try:
            seen = "as NumPy" if np.array_equal(rows[key], array[key]) else "other values"
        except Exception as error:
            seen = f"{type(error).__name__}: {str(error)[:90]}"
        print(f"rows[{text}]: {seen}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
