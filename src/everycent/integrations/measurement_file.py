"""Measurement files: YAML or JSON text in, plain data out. Every scalar stays the text that it is."""

from __future__ import annotations

import re
from typing import Any

import yaml

from everycent.kernel.errors import Invalid

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MAX_CHARS = 10_000_000


class _Loader(yaml.BaseLoader):
    """Refuses what reads differently from what it is: keys twice, aliases, control characters."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    raise _unreadable(key_node, f"the key {key_node.value!r} stands twice")
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode) -> Any:
        if _CONTROL.search(node.value):
            raise _unreadable(node, f"the text {node.value[:40]!r} has a control character")
        return super().construct_scalar(node)

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise Invalid(
                "measurement.unreadable",
                "aliases (*name) are not accepted; write the value out",
                field="file",
            )
        return super().compose_node(parent, index)


def _unreadable(where: Any, why: str) -> Invalid:
    line = where.start_mark.line + 1
    return Invalid("measurement.unreadable", f"line {line}: {why}", field=f"line {line}")


def read(text: str) -> Any:
    """The data of a file. Raises Invalid `measurement.unreadable` with the line."""
    if len(text) > _MAX_CHARS:
        raise Invalid("measurement.unreadable", "the file is larger than 10 MB", field="file")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a BaseLoader: makes text only
    except (yaml.YAMLError, RecursionError) as error:
        raise Invalid(
            "measurement.unreadable",
            f"the file is not YAML or JSON: {' '.join(str(error).split())}",
            field="file",
        ) from error
