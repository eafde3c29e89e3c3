"""The lifting network: its size is the published one, and each choice does what it says."""

import numpy as np
import pytest
import torch
from torch import nn

from lifting.dropout import DropoutMasks, drop
from lifting.model import Lifter, LifterConfig, LimitedLinear, num_parameters


def network(inputs: int = 6, outputs: int = 9, **choices: object) -> Lifter:
    config = LifterConfig.model_validate({"width": 32, **choices})
    return Lifter(inputs, outputs, config, torch.Generator().manual_seed(1))


def test_the_paper_network_has_the_parameters_of_martinez() -> None:
    # 34 * 1024 + 1024 + 2 * 1024  +  4 * (1024 * 1024 + 1024 + 2 * 1024)  +  1024 * 48 + 48
    assert num_parameters(Lifter(34, 48, LifterConfig.preset("paper"))) == 4_293_680


def test_presets_differ_where_their_sources_differ() -> None:
    paper, martinez = LifterConfig.preset("paper"), LifterConfig.preset("martinez")
    assert (paper.activation, paper.dropout, paper.init) == ("selu", 0.25, "he")
    assert (martinez.activation, martinez.dropout, martinez.max_norm) == ("relu", 0.5, 1)
    assert LifterConfig.preset("best", width=64).width == 64


def test_an_unknown_preset_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="lifter preset is 'pham'; one of paper, martinez, best is needed"):
        LifterConfig.preset("pham")  # type: ignore[arg-type]


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 400), ("lecun", 1 / 400), ("xavier", 2 / 1000)])
def test_weights_have_the_variance_of_their_initialization(init: str, variance: float) -> None:
    first = network(inputs=400, width=600, blocks=0, init=init).first.linear
    assert first.weight.var().item() == pytest.approx(variance, rel=0.02)  # of 240,000 draws
    assert first.bias.abs().max() == 0


def test_equal_generators_give_equal_weights() -> None:
    for one, other in zip(network().parameters(), network().parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_above_the_greatest_norm_are_scaled_down_to_it_and_smaller_ones_are_not() -> None:
    layer = LimitedLinear(2, 2, max_norm=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))  # norm 5
        layer.bias.copy_(torch.tensor([10.0, 20.0]))
    x = torch.tensor([[5.0, 5.0]])
    # [3, 4] * 5 / 5 + [10, 20]
    torch.testing.assert_close(layer(x), torch.tensor([[13.0, 24.0]]))
    torch.testing.assert_close(layer.as_linear()(x), torch.tensor([[13.0, 24.0]]))
    with torch.no_grad():
        layer.weight.mul_(0.1)  # norm 0.5
    torch.testing.assert_close(layer(x), torch.tensor([[11.5, 22.0]]))


def test_a_greatest_norm_holds_for_every_weight_matrix() -> None:
    lifter = network(max_norm=0.5)
    linear = [module for module in lifter.modules() if isinstance(module, nn.Linear)]
    assert len(linear) == 6
    for layer in linear:
        assert isinstance(layer, LimitedLinear)
        assert layer.as_linear().weight.norm().item() == pytest.approx(0.5)


def zero_branches(lifter: Lifter) -> Lifter:
    """Blocks whose branch gives 0, and an output layer that shows the units themselves."""
    for block in lifter.blocks:
        assert isinstance(block, nn.ModuleList)
        last = block[-1].linear
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
    lifter.last = nn.Identity()  # type: ignore[assignment]
    return lifter.eval()


def test_an_identity_connection_passes_what_its_branch_adds_nothing_to() -> None:
    lifter = zero_branches(network(norm="none"))
    x = torch.randn(5, 6)
    assert torch.equal(lifter(x), lifter.first(x, None))


def test_without_identity_connections_only_the_branch_is_left() -> None:
    lifter = zero_branches(network(norm="none", residual="off"))
    assert lifter(torch.randn(5, 6)).abs().max() == 0


def test_the_activation_after_the_sum_is_applied_to_the_sum() -> None:
    lifter = zero_branches(network(norm="none", activation="tanh", residual="activation_after", blocks=1))
    x = torch.randn(5, 6)
    assert torch.equal(lifter(x), torch.tanh(lifter.first(x, None)))


@pytest.mark.parametrize("residual", ["none_after", "activation_after", "pre_activation", "off"])
@pytest.mark.parametrize("norm", ["batch", "layer", "none"])
def test_every_arrangement_gives_gradients_to_every_parameter(residual: str, norm: str) -> None:
    lifter = network(residual=residual, norm=norm)
    lifter(torch.randn(8, 6), DropoutMasks((0,))).square().sum().backward()
    for name, parameter in lifter.named_parameters():
        assert parameter.grad is not None, name


def test_masks_hold_the_share_of_zeros_that_was_asked_for_and_depend_on_the_key_alone() -> None:
    mask = DropoutMasks((3, 1)).keep((1000, 1000), 0.25)
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert 1 - mask.mean().item() == pytest.approx(0.25, abs=0.002)  # 4.6 standard deviations
    assert torch.equal(mask, DropoutMasks((3, 1)).keep((1000, 1000), 0.25))
    assert not torch.equal(mask, DropoutMasks((3, 2)).keep((1000, 1000), 0.25))


def test_masks_follow_one_another_without_repeating() -> None:
    masks = DropoutMasks((0,))
    assert not torch.equal(masks.keep((64, 3), 0.5), masks.keep((64, 3), 0.5))


def test_standard_dropout_scales_what_stays() -> None:
    keep = torch.tensor([1.0, 0.0, 1.0, 1.0])
    np.testing.assert_allclose(drop(torch.full((4,), 3.0), keep, 0.25, "standard"), [4, 0, 4, 4])


def test_alpha_dropout_keeps_mean_and_variance_of_standard_normal_units() -> None:
    x = torch.randn(1_000_000, generator=torch.Generator().manual_seed(0))
    dropped = drop(x, DropoutMasks((0,)).keep(x.shape, 0.25), 0.25, "alpha")
    assert dropped.mean().item() == pytest.approx(0, abs=0.01)
    assert dropped.var().item() == pytest.approx(1, abs=0.01)
