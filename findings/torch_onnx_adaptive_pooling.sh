#!/usr/bin/env bash
# PyTorch exports AdaptiveAvgPool1d(3) with a dynamic length to ONNX without a word, and the file pools other windows.
#
# Surprise: asked for a length of 8 to 64 frames, the exporter takes the example's 12 frames, writes AveragePool with
# window 4 and stride 4, and marks the length as dynamic. At 8 frames the file returns 2 numbers instead of 3, at 31
# seven, and at 13 three numbers of other windows, which no check of shapes notices. torch.export itself keeps the
# adaptive operation. AdaptiveAvgPool1d(1) is right at every length.
# Guessed: the export is refused, or right. Pool to 1, or export with a fixed length and check it with other data.
# PyTorch 2.13.0, onnxscript 0.7.2, onnx 1.23.2, onnxruntime 1.32.0, Python 3.11, tried on 2026-11-30.
# (torch from the usual index may bring CUDA, several GB; where a CPU build is at hand, it does.)
set -euo pipefail
packages=(torch==2.13.0 onnxscript==0.7.2 onnx==1.23.2 onnxruntime==1.32.0)
behavior="an adaptive pooling exported with a dynamic length has the example's fixed window."
expected=$(cat <<'SEEN'
AdaptiveAvgPool1d(3), 8 frames: PyTorch [1.0, 3.5, 6.0], ONNX [1.5, 5.5]
AdaptiveAvgPool1d(3), 12 frames: PyTorch [1.5, 5.5, 9.5], ONNX [1.5, 5.5, 9.5]
AdaptiveAvgPool1d(3), 13 frames: PyTorch [2.0, 6.0, 10.0], ONNX [1.5, 5.5, 9.5]
AdaptiveAvgPool1d(3), 31 frames: PyTorch [5.0, 15.0, 25.0], ONNX [1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5]
AdaptiveAvgPool1d(1), 8 frames: PyTorch [3.5], ONNX [3.5]
AdaptiveAvgPool1d(1), 12 frames: PyTorch [5.5], ONNX [5.5]
AdaptiveAvgPool1d(1), 13 frames: PyTorch [6.0], ONNX [6.0]
AdaptiveAvgPool1d(1), 31 frames: PyTorch [15.0], ONNX [15.0]
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import contextlib
import io
import logging
import warnings

import numpy as np
import onnxruntime
import torch

warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
onnxruntime.set_default_logger_severity(4)
for size in (3, 1):
    pool = torch.nn.AdaptiveAvgPool1d(size).eval()
    with contextlib.redirect_stdout(io.StringIO()):
        program = torch.onnx.export(
            pool, (torch.zeros(1, 1, 12),), dynamo=True, external_data=False,
            dynamic_shapes=({2: torch.export.Dim("frames", min=8, max=64)},),
        )
    program.save("pool.onnx")
    session = onnxruntime.InferenceSession("pool.onnx", providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    for frames in (8, 12, 13, 31):
        x = torch.arange(frames, dtype=torch.float32).reshape(1, 1, frames)
        right, seen = pool(x).ravel().numpy().round(2).tolist(), session.run(None, {name: x.numpy()})[0].ravel().round(2).tolist()
        print(f"AdaptiveAvgPool1d({size}), {frames} frames: PyTorch {right}, ONNX {seen}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
