#!/usr/bin/env bash
# The maximum of a row that holds a NaN is, in onnxruntime, neither NaN nor the maximum of the other numbers.
#
# Surprise: ReduceMax of 0 to 7 with the 3 missing is 6, where 7 stands in the row: the NaN poisons one lane of four,
# and the lane is dropped at the end. MaxPool and GlobalMaxPool drop the NaN (PyTorch and NumPy hand it on), except
# where it stands at the end of the window. Relu hands it on. A network that answers NaN in PyTorch, which one notices,
# answers a plausible class after export.
# Guessed: NaN comes through, as in PyTorch, from which the model was exported. Check inputs before the session.
# onnxruntime 1.32.0 (CPU), onnx 1.23.2, NumPy 2.4.6, Python 3.11, tried on 2026-11-30. Sources: ONNX's documents of ReduceMax
# and MaxPool leave NaN open; onnxruntime/core/providers/cpu/reduction (Eigen's maxCoeff).
set -euo pipefail
packages=(onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6)
behavior="ReduceMax with a NaN can be smaller than the largest number; MaxPool loses the NaN."
expected=$(cat <<'SEEN'
[nan, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]: ReduceMax nan, GlobalMaxPool 7.0, MaxPool 7.0, NumPy nan
[0.0, 1.0, 2.0, nan, 4.0, 5.0, 6.0, 7.0]: ReduceMax 6.0, GlobalMaxPool 7.0, MaxPool 7.0, NumPy nan
[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, nan]: ReduceMax 6.0, GlobalMaxPool nan, MaxPool nan, NumPy nan
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
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.set_default_logger_severity(4)


def run(operation, values, **attributes):
    inputs, names = {"x": values}, ["x"]
    if operation == "ReduceMax":
        inputs["axes"] = np.array([2])
        names.append("axes")
    node = helper.make_node(operation, names, ["y"], **attributes)
    described = [helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape) for n, v in inputs.items()]
    graph = helper.make_graph([node], "g", described, [helper.make_empty_tensor_value_info("y")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)[0].item()


for place in (0, 3, 7):
    row = np.arange(8, dtype=np.float32).reshape(1, 1, 8)
    row[0, 0, place] = np.nan
    answers = (run("ReduceMax", row, keepdims=0), run("GlobalMaxPool", row), run("MaxPool", row, kernel_shape=[8]))
    print(f"{row.ravel().tolist()}: ReduceMax {answers[0]}, GlobalMaxPool {answers[1]}, MaxPool {answers[2]}, NumPy {row.max()}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
