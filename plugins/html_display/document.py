"""The HTML of a node: a head, and below it a tree or a table."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from pypet.plugins.html_display.sparkline import sparkline
from pypet.plugins.html_display.text import MOST_VALUE, escaped, kind_text, value_text

MOST_CHILDREN = 25
"""Children of one group that are shown."""
MOST_NODES = 400
"""Nodes that are shown altogether."""
MOST_DEPTH = 8
MOST_ITEMS = 50
"""Items of a result that are shown; in a tree only the first ones."""
_ITEMS_IN_TREE = 4
_MOST_NAME = 60
_SHOWN_RANGE = 4
_MOST_OPEN = 12
"""Groups with at most so many nodes below them are open at first."""
_LOOKED_AT = 10_000
"""Entries of a range in which different values are looked for."""

# Notebooks show all output in one page: rules hold for these classes only. Colours are inherited,
# so that they fit light and dark themes.
STYLE = """<style>
.pypet-node {font-family: var(--jp-code-font-family, monospace); font-size: 0.9em; line-height: 1.5}
.pypet-node ul {list-style: none; margin: 0; padding-left: 1.4em}
.pypet-node summary {cursor: pointer}
.pypet-node table {border-collapse: collapse; margin: 0.2em 0 0 1.4em}
.pypet-node td, .pypet-node th {text-align: left; padding: 0 0.9em 0 0; border: none;
  background: none; vertical-align: middle; font-weight: normal; white-space: nowrap}
.pypet-name {font-weight: bold}
.pypet-about {opacity: 0.65}
.pypet-spark {vertical-align: middle; margin-left: 0.5em; color: #2a7ab9}
</style>"""


def node_html(node: Any) -> str:
    """Return a trajectory, group, parameter or result as HTML of limited size."""
    body = _leaf_table(node) if node.v_is_leaf else _tree(node)
    return f'{STYLE}<div class="pypet-node">{_head(node)}{body}</div>'


def _head(node: Any) -> str:
    parts = [escaped(node.f_get_class_name())]
    # A node outside any trajectory is a root, too.
    if node.v_is_group and node.v_root is node:
        runs = len(node)
        parts.append(f'<span class="pypet-name">{escaped(node.v_name, _MOST_NAME)}</span>')
        parts.append(_about(f"{runs} run" if runs == 1 else f"{runs:,} runs"))
    else:
        parts.append(f'<span class="pypet-name">{escaped(node.v_full_name, 3 * _MOST_NAME)}</span>')
    if node.v_comment:
        parts.append(_about(escaped(node.v_comment)))
    return f"<div>{' '.join(parts)}</div>"


def _about(text: str) -> str:
    """Return text, which is HTML already, in the colour of details."""
    return f'<span class="pypet-about">{text}</span>'


# ----- trees -----------------------------------------------------------------------------------


class _Children(NamedTuple):
    """What is shown of the children of a group."""

    shown: list[tuple[str, Any, bool]]
    """Name, node, and whether it is a link."""
    hidden: int


def _tree(group: Any) -> str:
    return _list(group, _chosen(group))


def _chosen(top: Any) -> dict[int, _Children]:
    """Return what to show of each group, by its identity.

    Breadth first, so that one large group leaves space for its neighbours.
    """
    chosen: dict[int, _Children] = {}
    left = MOST_NODES
    waiting = deque([(top, 0)])
    while waiting:
        group, depth = waiting.popleft()
        children = group.f_get_children(copy=False)
        links = group.f_get_links(copy=False)
        count = min(len(children), MOST_CHILDREN, left) if depth < MOST_DEPTH else 0
        shown = [(name, child, name in links) for name, child in islice(children.items(), count)]
        left -= len(shown)
        chosen[id(group)] = _Children(shown, len(children) - len(shown))
        waiting.extend(
            (child, depth + 1) for _, child, is_link in shown if not (is_link or child.v_is_leaf)
        )
    return chosen


def _size(group: Any, chosen: dict[int, _Children]) -> int:
    """Return the number of shown nodes below a group."""
    shown = chosen[id(group)].shown
    return len(shown) + sum(
        _size(child, chosen) for _, child, is_link in shown if not (is_link or child.v_is_leaf)
    )


def _list(group: Any, chosen: dict[int, _Children]) -> str:
    children = chosen[id(group)]
    entries = [_entry(*child, chosen) for child in children.shown]
    if children.hidden:
        text = f"… {children.hidden:,} more" if entries else f"{children.hidden:,} nodes"
        entries.append(_about(text))
    return f"<ul>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul>" if entries else ""


def _entry(name: str, node: Any, is_link: bool, chosen: dict[int, _Children]) -> str:
    shown = f'<span class="pypet-name">{escaped(name, _MOST_NAME)}</span>'
    if is_link:
        return f"{shown} {_about(f'→ {escaped(node.v_full_name, 3 * _MOST_NAME)}')}"
    comment = f" {_about(escaped(node.v_comment))}" if node.v_comment else ""
    if node.v_is_leaf:
        return f"{shown} {_brief(node)}{comment}"
    count = node.f_children()
    summary = f"{shown} {_about(f'({count:,})')}{comment}"
    if not count:
        return summary
    state = " open" if _size(node, chosen) <= _MOST_OPEN else ""
    return f"<details{state}><summary>{summary}</summary>{_list(node, chosen)}</details>"


# ----- leaves ----------------------------------------------------------------------------------


def _brief(leaf: Any) -> str:
    """Return what a leaf holds in one line."""
    if leaf.f_is_empty():
        return _about(_why_empty(leaf))
    if leaf.v_is_parameter:
        return " ".join(_value(value) for _, value in _parameter_rows(leaf))
    items = list(islice(_items(leaf), _ITEMS_IN_TREE + 1))
    if len(items) == 1 and items[0][0] == leaf.v_name:
        return _value(items[0][1])
    parts = [
        f"{escaped(name, _MOST_NAME)}={_value(value)}" for name, value in items[:_ITEMS_IN_TREE]
    ]
    return ", ".join([*parts, "…"] if len(items) > _ITEMS_IN_TREE else parts)


def _leaf_table(leaf: Any) -> str:
    if leaf.f_is_empty():
        return f"<ul><li>{_about(_why_empty(leaf))}</li></ul>"
    rows = _parameter_rows(leaf) if leaf.v_is_parameter else _items(leaf)
    lines = [
        f"<tr><th>{escaped(name, _MOST_NAME)}</th>"
        f"<td>{_kind(value)}</td><td>{_value(value, with_kind=False)}</td></tr>"
        for name, value in islice(rows, MOST_ITEMS)
    ]
    more = "" if next(rows, None) is None else f"<tr><td>{_about('…')}</td></tr>"
    return f"<table>{''.join(lines)}{more}</table>"


def _why_empty(leaf: Any) -> str:
    return "not loaded" if leaf.v_stored else "empty"


class _Range:
    """The values of an explored parameter."""

    def __init__(self, values: list[Any]) -> None:
        self.values = values


def _parameter_rows(leaf: Any) -> Iterator[tuple[str, Any]]:
    """Yield the value of a parameter, and its range if it is explored."""
    if leaf.f_has_range():
        yield "explored", _Range(leaf.f_get_range(copy=False))
    else:
        yield "value", _value_of(leaf)


def _value_of(leaf: Any) -> Any:
    """Return the value of a parameter, and leave it as unlocked as it was."""
    is_locked = leaf.v_locked
    try:
        return leaf.f_get()
    finally:
        if not is_locked:
            leaf.f_unlock()


def _items(leaf: Any) -> Iterator[tuple[str, Any]]:
    """Yield names and values of a result; of an unknown class what it says about itself."""
    if hasattr(leaf, "f_to_dict"):
        yield from leaf.f_to_dict(copy=False).items()
    else:
        yield leaf.v_name, _Text(leaf.f_val_to_str())


def _different(values: list[Any]) -> list[Any]:
    """Return values without repetitions, in their order; all of them if they have no hash."""
    try:
        return list(dict.fromkeys(values))
    except TypeError:
        return values


class _Text(str):
    """Text about a value, not a value itself."""

    __slots__ = ()


def _kind(value: Any) -> str:
    if isinstance(value, _Range):
        return _about(f"{len(value.values):,} runs")
    return "" if isinstance(value, _Text) else _about(escaped(kind_text(value), MOST_VALUE))


def _value(value: Any, *, with_kind: bool = True) -> str:
    """Return a value as HTML; of arrays that are drawn, ``with_kind`` tells dtype and shape."""
    if isinstance(value, _Range):
        values = value.values
        different = _different(values[:_LOOKED_AT])
        shown = ", ".join(map(value_text, different[:_SHOWN_RANGE]))
        more = ", …" if len(different) > _SHOWN_RANGE or len(values) > _LOOKED_AT else ""
        runs = _about(f"in {len(values):,} runs") if with_kind else ""
        return f"{escaped(shown, 2 * MOST_VALUE)}{more} {runs}{sparkline(values)}"
    if isinstance(value, _Text):
        return escaped(value, 2 * MOST_VALUE)
    picture = sparkline(value)
    if picture and with_kind:
        return f"{_about(escaped(kind_text(value), MOST_VALUE))}{picture}"
    return f"{escaped(value_text(value), MOST_VALUE)}{picture}"
