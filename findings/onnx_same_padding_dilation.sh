#!/usr/bin/env bash
# ONNX's auto_pad SAME with a dilation: onnxruntime refuses the convolution, and its MaxPool returns fewer frames than went in.
#
# Surprise: SAME says "as many outputs as inputs / stride". With dilation 2 onnxruntime's Conv is an error at run time,
# after the model was checked and loaded, and MaxPool computes its padding as if the dilation were 1 and gives 6 frames of
# 7; onnx's own shape inference says 7 for both. Dilated temporal networks must write their pads out, as PyTorch's exporter does.
# Guessed: both work.
# onnxruntime 1.32.0, onnx 1.23.2, NumPy 2.4.6, Python 3.11, tried on 2026-11-30. Sources: ONNX's documents of Conv and
# MaxPool; onnxruntime/core/providers/common.h (ComputePad).
set -euo pipefail
packages=(onnxruntime==1.32.0 onnx==1.23.2 numpy==2.4.6)
behavior="SAME_UPPER with dilation 2: Conv is refused when it runs, MaxPool returns 6 of 7 frames."
expected=$(cat <<'SEEN'
Conv, dilation 1: onnx infers 7; onnxruntime: 7 frames
Conv, dilation 2: onnx infers 7; onnxruntime: Dilation not supported for AutoPadType::SAME_UPPER or AutoPadType::SAME_LOWER.
MaxPool, dilation 1: onnx infers 7; onnxruntime: 7 frames
MaxPool, dilation 2: onnx infers 7; onnxruntime: 6 frames
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
import onnx
import onnxruntime
from onnx import TensorProto, helper

onnxruntime.set_default_logger_severity(4)
frames = np.arange(7, dtype=np.float32).reshape(1, 1, 7)
kernel = helper.make_tensor("w", TensorProto.FLOAT, [1, 1, 3], [1.0, 1.0, 1.0])
for operation, inputs in (("Conv", ["x", "w"]), ("MaxPool", ["x"])):
    for dilation in (1, 2):
        size = 3 if operation == "Conv" else 2
        node = helper.make_node(operation, inputs, ["y"], auto_pad="SAME_UPPER", kernel_shape=[size], dilations=[dilation])
        given = [helper.make_tensor_value_info("x", TensorProto.FLOAT, frames.shape)]
        graph = helper.make_graph([node], "g", given, [helper.make_empty_tensor_value_info("y")], [kernel] if operation == "Conv" else [])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
        try:
            onnx.checker.check_model(onnx.shape_inference.infer_shapes(model), full_check=True)
            inferred = onnx.shape_inference.infer_shapes(model).graph.output[0].type.tensor_type.shape.dim[2].dim_value
        except Exception as error:
            inferred = str(error).strip().splitlines()[-1][:80]
        try:
            session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            seen = f"{session.run(None, {'x': frames})[0].shape[2]} frames"
        except Exception as error:
            seen = str(error).split(": ")[-1].strip()[:110]
        print(f"{operation}, dilation {dilation}: onnx infers {inferred}; onnxruntime: {seen}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
