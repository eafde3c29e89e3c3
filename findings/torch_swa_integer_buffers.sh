#!/usr/bin/env bash
# PyTorch's averaged model with use_buffers=True freezes batch norm's counter at 1, and raises with the average that torch offers for it.
#
# Surprise: AveragedModel(use_buffers=True) averages every buffer, also batch norm's integer num_batches_tracked: the
# running mean of 1, 2, 3, 4 in integers is 1 for ever. With momentum=None batch norm divides by that counter, so a
# model that goes on training from the average takes each batch for the second one. With multi_avg_fn=get_swa_multi_avg_fn(),
# the function that torch gives for the same average, the second update raises; the exponential one
# (get_ema_multi_avg_fn) also stays at 1. use_buffers=False (the default) copies the buffers and gives 4.
# Guessed: the counter is averaged to an integer near 2.5, and both functions do the same.
# PyTorch 2.13.0, NumPy 2.4.6, Python 3.11, tried on 2026-11-30. Source: torch/optim/swa_utils.py (get_swa_avg_fn, update_parameters).
# (torch from the usual index may bring CUDA, several GB; where a CPU build is at hand, it does.)
set -euo pipefail
packages=(torch==2.13.0 numpy==2.4.6)
behavior="use_buffers=True: num_batches_tracked stays at 1, and torch's own multi_avg_fn raises."
expected=$(cat <<'SEEN'
use_buffers=False, default: num_batches_tracked 4 after 4 updates
use_buffers=False, get_ema_multi_avg_fn: num_batches_tracked 4 after 4 updates
use_buffers=False, get_swa_multi_avg_fn: num_batches_tracked 4 after 4 updates
use_buffers=True, default: num_batches_tracked 1 after 4 updates
use_buffers=True, get_ema_multi_avg_fn: num_batches_tracked 1 after 4 updates
use_buffers=True, get_swa_multi_avg_fn: RuntimeError: Integer division with addcdiv is no longer supported, and in
SEEN
)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
[ -z "${LATEST:-}" ] || packages=("${packages[@]%%==*}")
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" || exit 2
cd "$work"
seen=$(venv/bin/python -W ignore - <<'PROGRAM'
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

AVERAGES = {"default": None, "get_ema_multi_avg_fn": get_ema_multi_avg_fn(0.9), "get_swa_multi_avg_fn": get_swa_multi_avg_fn()}
for use_buffers in (False, True):
    for name, average in AVERAGES.items():
        model = torch.nn.BatchNorm1d(2)
        averaged = AveragedModel(model, use_buffers=use_buffers, multi_avg_fn=average)
        try:
            for _ in range(4):
                model(torch.zeros(8, 2))
                averaged.update_parameters(model)
            seen = f"num_batches_tracked {averaged.module.num_batches_tracked.item()} after 4 updates"
        except RuntimeError as error:
            seen = f"RuntimeError: {str(error)[:60]}"
        print(f"use_buffers={use_buffers}, {name}: {seen}")
PROGRAM
)
versions='import sys; from importlib.metadata import version; print(*(f"{p} {version(p)}" for p in sys.argv[1:]))'
echo "version:  $(venv/bin/python -c "$versions" "${packages[@]%%==*}")"
echo "behavior: $behavior"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "CHANGED: '<' is what was seen before, '>' is what is seen now"; exit 1; }
