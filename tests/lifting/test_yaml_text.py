"""YAML as a person means it, and what would keep a reader busy or let the last key win."""

from pathlib import Path

import pytest

from cluster.commands.options import parse_settings
from cluster.settings import read_settings_file
from lifting.yaml_text import load_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("off", "off"), ("no", "no"), ("on", "on"), ("Yes", "Yes"), ("true", True), ("False", False),
        ("22:30", "22:30"), ("2026-01-31", "2026-01-31"), ("1e-3", 1e-3), ("1.5", 1.5), ("-3", -3),
        ("1_000", 1000), ("0o17", 15), ("0x1f", 31), ("010", 10), ("~", None), ("", None), ("null", None),
        (".inf", float("inf")), ("'off'", "off"), ("a-1", "a-1"), ("[1, off]", [1, "off"]), ("6.", 6.0),
        ("a: {b: no}", {"a": {"b": "no"}}), ("x: &a {k: 1}\ny: {<<: *a, l: 2}",
                                             {"x": {"k": 1}, "y": {"k": 1, "l": 2}}),
    ],
)  # fmt: skip
def test_values_are_what_a_person_means(text: str, value: object) -> None:
    found = load_yaml(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb:\n  c: 2\n  c: 3\n", "line 4: 'c' is on line 3 already; each name is needed once"),
        ("a: [1,\n", "line 2: this is no YAML"),
        ("a: &x [*x]", "line 1: an alias refers to what it stands in"),
        ("a: !!python/tuple [1]", "line 1: this is no YAML: could not determine a constructor"),
        ("? [1, 2]\n: 3", "line 1: this is no YAML: found unhashable key"),
        ("[" * 1000, "nested too deeply"),
        ("x" * (1 << 21), "it has 2097152 characters; settings of at most 1048576"),
        ("a: *b", "line 1: this is no YAML: found undefined alias"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_yaml(text)


def test_aliases_that_grow_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three lists of ten, each of the one before: 10 + 10 x 10 + 10 x 100 values and their lists."""
    monkeypatch.setattr("lifting.yaml_text.MAX_NODES", 500)
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 3)]
    with pytest.raises(ValueError, match="line 3: with its aliases this stands for more than 500"):
        load_yaml("\n".join(lines))
    assert load_yaml("\n".join(lines[:2]))["a1"][9] == [1] * 10


def test_files_and_the_command_line_say_where(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbfencoding: {enhancement: off}\n")
    assert read_settings_file(tmp_path / "a.yaml") == {"encoding": {"enhancement": "off"}}
    assert parse_settings(["encoding.enhancement=off"]) == {"encoding.enhancement": "off"}
    with pytest.raises(ValueError, match=r"^--set 'a=\[1': line 1: this is no YAML"):
        parse_settings(["a=[1"])
    (tmp_path / "b.yaml").write_text("a: 1\na: 2\n")
    with pytest.raises(ValueError, match=r"b.yaml, line 2: 'a' is on line 1 already"):
        read_settings_file(tmp_path / "b.yaml")
    (tmp_path / "b.json").write_text('{"a": 1, "a": 2}')
    with pytest.raises(ValueError, match=r"b.json: 'a' is there twice"):
        read_settings_file(tmp_path / "b.json")
    (tmp_path / "c.json").write_text("[" * 100_000)
    with pytest.raises(ValueError, match=r"c.json: this JSON is nested too deeply"):
        read_settings_file(tmp_path / "c.json")
    (tmp_path / "d.yaml").write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(ValueError, match=r"d.yaml: 'utf-8' codec can't decode"):
        read_settings_file(tmp_path / "d.yaml")
