"""Settings in YAML, read as a person means them and in bounded time.

Three things of YAML 1.1 surprise: `off`, `no` and `on` are truth values, `22:30` is the number 1350, and
`2026-01-31` is a date. Here YAML 1.2's core schema holds, which has none of them. A key that comes twice is
refused, where the library lets the last one win, and so are aliases that grow beyond `MAX_NODES`.

Source: YAML 1.2.2, chapter 10.3 (core schema).
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml

__all__ = ["MAX_NODES", "compose_yaml", "load_yaml"]

# Values and keys of one file, with each alias counted as what it stands for.
MAX_NODES = 100_000
_MAX_CHARACTERS = 1 << 20


class _Loader(yaml.SafeLoader):
    """The safe loader with the core schema."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                line = key.start_mark.line + 1
                if key.value in lines:
                    raise ValueError(
                        f"line {line}: {key.value!r} is on line {lines[key.value]} already; each name is "
                        "needed once"
                    )
                lines[key.value] = line
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {}  # without those of YAML 1.1
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+0123456789.")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
    ("merge", r"<<", ["<"]),
):  # fmt: skip
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _whole_number(_: _Loader, node: yaml.ScalarNode) -> int:
    text = node.value.replace("_", "")
    return int(text, 8) if text.startswith("0o") else int(text, 16) if text.startswith("0x") else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _whole_number)


def load_yaml(text: str) -> Any:
    """What a YAML text says.

    Raises:
        ValueError: it is no YAML, a name comes twice, or it is too long, too deep or grows too large; says on
            which line.
    """
    try:
        _bounded(text)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            _check_size(node)
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:  # its own text quotes the file over several lines
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}: " if mark else ""
        raise ValueError(f"{where}this is no YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise ValueError(f"this is no YAML: {' '.join(str(error).split())}") from error
    except RecursionError:
        raise ValueError(
            "this YAML is nested too deeply to be read; settings are a few levels deep"
        ) from None


def compose_yaml(text: str) -> yaml.Node | None:
    """The nodes of a text that `load_yaml` has read, with their lines."""
    _bounded(text)
    node: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return node


def _bounded(text: str) -> None:
    if len(text) > _MAX_CHARACTERS:
        raise ValueError(f"it has {len(text)} characters; settings of at most {_MAX_CHARACTERS} are needed")


def _check_size(root: yaml.Node) -> None:
    """Refuse what aliases would make too large, before anything is built."""
    sizes: dict[int, int] = {}
    open_nodes: set[int] = set()

    def size(node: yaml.Node) -> int:
        key = id(node)
        if key in open_nodes:
            raise ValueError(f"line {node.start_mark.line + 1}: an alias refers to what it stands in")
        if key not in sizes:
            open_nodes.add(key)
            sizes[key] = 1 + sum(size(child) for child in _children(node))
            open_nodes.discard(key)
        if sizes[key] > MAX_NODES:
            raise ValueError(
                f"line {node.start_mark.line + 1}: with its aliases this stands for more than {MAX_NODES} "
                "values; settings have some hundred"
            )
        return sizes[key]

    size(root)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
