"""The exported network computes what the trained one computes."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from lifting.export import folded, save_onnx
from lifting.model import Lifter, LifterConfig


def trained(**choices: object) -> Lifter:
    """With batch statistics that differ from those of a fresh network."""
    network = Lifter(
        34, 48, LifterConfig.model_validate({"width": 64, **choices}), torch.Generator().manual_seed(0)
    )
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    data = torch.randn(64, 34, generator=torch.Generator().manual_seed(1))
    for _ in range(10):
        optimizer.zero_grad()
        network(data).square().mean().backward()
        optimizer.step()
    return network.eval()


@pytest.mark.parametrize(
    "choices",
    [
        {"activation": "selu"},
        {"activation": "relu", "residual": "activation_after"},
        {"activation": "gelu", "residual": "pre_activation"},
        {"activation": "silu", "norm": "layer"},
        {"activation": "relu", "max_norm": 1.0},
    ],
    ids=lambda choices: "-".join(map(str, choices.values())),
)
def test_onnx_equals_torch_within_a_hundred_thousandth(choices: dict[str, object], tmp_path: Path) -> None:
    network = trained(**choices)
    save_onnx(network, tmp_path / "lifter.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "lifter.onnx", providers=["CPUExecutionProvider"])
    for frames in (1, 7):
        x = torch.randn(frames, 34)
        with torch.inference_mode():
            expected = network(x).numpy()
        np.testing.assert_allclose(
            session.run(None, {"keypoints": x.numpy()})[0], expected, atol=1e-5, rtol=0
        )


@pytest.mark.parametrize("residual", ["none_after", "pre_activation"])
def test_folding_batch_norm_changes_nothing(residual: str) -> None:
    network = trained(residual=residual)
    x = torch.randn(5, 34)
    with torch.inference_mode():
        np.testing.assert_allclose(folded(network)(x), network(x), atol=1e-5)
