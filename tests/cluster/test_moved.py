"""Old import paths lead to the modules of today."""

import sys
from importlib import import_module

import pytest

from cluster._moved import MOVED


@pytest.mark.parametrize("old", MOVED)
def test_an_old_name_gives_the_moved_module_and_a_warning(old: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, old, raising=False)
    new = import_module(MOVED[old])
    with pytest.warns(DeprecationWarning, match=f"{old} is {MOVED[old]} now"):
        found = import_module(old)
    assert found is new
    assert new.__spec__ is not None
    assert new.__spec__.name == MOVED[old]


def test_a_module_of_a_package_that_moved_is_not_loaded_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    for old in ("cluster.detection", "cluster.detection.detect"):
        monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match=r"is lifting\.detection(\.detect)? now"):
        found = import_module("cluster.detection.detect")
    assert found is import_module("lifting.detection.detect")


def test_a_name_that_never_was_stays_unknown() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"cluster\.scheduling\.nothing"):
        import_module("cluster.scheduling.nothing")
