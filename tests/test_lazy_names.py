"""Packages that load their parts when they are asked for: every promised name is there."""

from importlib import import_module

import pytest


@pytest.mark.parametrize("package", ["lifting", "encoding", "nas", "cluster", "cluster.cells"])
def test_every_promised_name_can_be_had(package: str) -> None:
    module = import_module(package)
    for name in module.__all__:
        assert getattr(module, name).__class__.__name__ != "module", name
    assert set(module._MODULES) == set(module.__all__)


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(AttributeError, match="module 'nas' has no attribute 'nothing'"):
        _ = import_module("nas").nothing
