"""Device and precision: what is refused, what mixed precision changes, and that a GPU agrees with the CPU."""

import numpy as np
import pytest
import torch

from nas.children import LocalChildren
from nas.compute import deterministic, require_device, to_device, to_host
from nas.compute_config import ComputeConfig
from nas.config import SearchConfig
from nas.images import TensorImages
from nas.network import Network
from nas.plan import NetworkConfig
from nas.search import Search
from nas.strategy import build_strategy
from nas.supernet import Supernet
from nas.supernet_config import SupernetConfig
from nas.train import Training
from nas.training_config import TrainingConfig

NET = SupernetConfig(
    num_classes=3, image_size=8, channels=8, normal_cells=3, num_nodes=2, auxiliary_channels=(8, 16)
)
CONFIG = SearchConfig(
    seed=3, epochs=1, num_shards=4, weight_steps_per_epoch=3, num_samples=4, controller_steps_per_epoch=2,
    batch_size=8, validation_batch_size=6,
)  # fmt: skip
FULL, MIXED = ComputeConfig(), ComputeConfig(precision="bfloat16")
CUDA, MIXED_CUDA = ComputeConfig(device="cuda"), ComputeConfig(device="cuda", precision="bfloat16")


def images(count: int, seed: int) -> TensorImages:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    pixels = rng.standard_normal((count, 3, 8, 8)) + labels[:, None, None, None]
    return TensorImages(pixels.astype(np.float32), labels, 3)


def searched(compute: ComputeConfig) -> tuple[Search, list[float]]:
    """A short search, and the loss of each weight step and the rewards in order."""
    children = LocalChildren(Supernet(NET), CONFIG, images(24, 1), images(12, 2), compute)
    search = Search(CONFIG, build_strategy(CONFIG, NET.num_nodes), children)
    records = search.run_epoch().records
    numbers = [record.metrics["loss"] for record in records if not record.rewards]
    return search, [*numbers, *(reward for record in records for reward in record.rewards)]


def trained(compute: ComputeConfig) -> Training:
    (genotype,) = build_strategy(CONFIG, 2).sample(1, "weights", 0)
    config = NetworkConfig(num_classes=3, image_size=8, channels=8, normal_cells=1, stem_stride=1)
    training = Training(Network(genotype, config), images(24, 1), TrainingConfig(ema_decay=0.9), compute)
    for _ in range(2):
        training.run_epoch()
    return training


def same(one: object, other: object) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


@pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")
def test_a_gpu_that_is_not_there_is_said_with_what_to_do() -> None:
    message = (
        r"`compute.device` is 'cuda', and torch \(built for .*\) sees no NVIDIA GPU .* GPUs for its workers"
    )
    for begin in (lambda: require_device(CUDA), lambda: searched(CUDA), lambda: trained(CUDA)):
        with pytest.raises(ValueError, match=message):
            begin()


def test_a_gpu_without_bfloat16_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Tesla V100")
    assert require_device(CUDA) == torch.device("cuda")
    with pytest.raises(ValueError, match="'bfloat16', which Tesla V100 cannot compute; set it to 'float32'"):
        require_device(MIXED_CUDA)


def test_determinism_is_switched_on_for_a_gpu_alone_and_off_again() -> None:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul

    def switches() -> tuple[bool, bool, bool, bool]:
        algorithms = torch.are_deterministic_algorithms_enabled()
        return algorithms, cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32

    before = switches()
    with deterministic(FULL):
        assert switches() == before
    with deterministic(CUDA):
        assert switches() == (True, False, False, False)
    with deterministic(ComputeConfig(device="cuda", tf32=True)):
        assert switches() == (True, False, True, True)
    assert switches() == before


def test_on_the_cpu_nothing_is_copied() -> None:
    tensor = torch.ones(3)
    assert to_device(tensor, torch.device("cpu")) is tensor
    assert to_host(tensor) is tensor


def test_mixed_precision_gives_nearly_the_numbers_of_full_precision_and_the_same_every_time() -> None:
    (full, exact), (mixed, rounded) = searched(FULL), searched(MIXED)
    assert exact != rounded
    # 8 bits of mantissa are 0.4 % a product, and batch normalization of a few images makes more of it
    np.testing.assert_allclose(rounded[:3], exact[:3], rtol=0.2)
    weights = mixed.children.state_dict()["weights"]
    assert weights.dtype == np.float32
    assert full.children.digest() != mixed.children.digest()
    again, repeated = searched(MIXED)
    assert repeated == rounded
    assert again.children.digest() == mixed.children.digest()


def test_mixed_precision_trains_with_weights_in_full_precision() -> None:
    state = trained(MIXED).state_dict()
    assert same(state, trained(MIXED).state_dict())
    assert not same(state, trained(FULL).state_dict())
    assert all(v.dtype == torch.float32 for v in state["network"].values() if v.is_floating_point())


@pytest.mark.gpu
def test_a_gpu_agrees_with_the_cpu() -> None:
    numbers = searched(CUDA)[1]
    np.testing.assert_allclose(numbers[:3], searched(FULL)[1][:3], rtol=1e-3)
    ours, theirs = (trained(compute).state_dict()["network"] for compute in (CUDA, FULL))
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-2, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("compute", [CUDA, MIXED_CUDA, ComputeConfig(device="cuda", tf32=True)])
def test_two_runs_on_a_gpu_give_the_same_bits(compute: ComputeConfig) -> None:
    (first, numbers), (second, others) = searched(compute), searched(compute)
    assert numbers == others
    assert first.children.digest() == second.children.digest()
    assert same(trained(compute).state_dict(), trained(compute).state_dict())


@pytest.mark.gpu
def test_a_training_goes_on_exactly_from_a_state_on_a_gpu() -> None:
    straight, resumed = trained(CUDA), trained(CUDA)
    state = resumed.state_dict()
    straight.run_epoch()
    resumed.load_state_dict(state)
    resumed.run_epoch()
    assert same(straight.state_dict(), resumed.state_dict())
