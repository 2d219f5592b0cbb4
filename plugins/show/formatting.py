"""Descriptions as lines for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pypet.catalog.descriptions import (
    Contents,
    FileListing,
    FolderListing,
    Items,
    Leaves,
    Link,
    Node,
    Range,
    Runs,
    Selection,
    Summary,
    Value,
)
from pypet.records import LINK
from pypet.runs.stretches import stretches_text
from pypet.support.readable import counted, joined, one_line, seconds_text, size_text

SHOWN_VALUES = 5
"""Values of a range that are shown."""
SHOWN_WIDTH = 60
"""Characters of a value or a comment."""
_SHOWN_FAILURES = 20
_SHOWN_SHAPES = 3


def _one_line(text: str) -> str:
    return one_line(text, SHOWN_WIDTH)


# ----- lists of files and trajectories ---------------------------------------------------------


def folder_lines(folder: FolderListing) -> Iterator[str]:
    """Yield lines about the files of a folder."""
    for file in folder.files:
        yield f"{file.path}  {size_text(file.size)}"
        if file.problem:
            yield f"  cannot be shown: {file.problem}"
        for line in file_lines(file) if file.trajectories else ():
            yield f"  {line}"
    if not folder.files:
        yield f"no files with trajectories in {folder.path}"
    others = []
    if folder.without_trajectories:
        others.append(f"{counted(len(folder.without_trajectories), 'HDF5 file')} without any")
    if folder.others:
        others.append(counted(folder.others, "other file"))
    if others:
        yield f"besides: {', '.join(others)}"


def file_lines(file: FileListing) -> Iterator[str]:
    """Yield a line about each trajectory of a file."""
    for summary in file.trajectories:
        yield _summary_line(summary)
        for rebuilt in summary.rebuilt:
            yield f"  damaged: {rebuilt}"
    if not file.trajectories:
        yield "no trajectories"


def _summary_line(summary: Summary) -> str:
    if summary.problem or summary.runs is None:
        return f"{summary.name}  cannot be shown: {summary.problem}"
    time = summary.time or "time unknown"
    line = f"{summary.name}  {time}  {_runs(summary.runs)}"
    return f"{line}  {_one_line(summary.comment)}" if summary.comment else line


# ----- one trajectory --------------------------------------------------------------------------


def trajectory_facts(
    path: str, size: int, summary: Summary, contents: Contents
) -> Iterator[tuple[str, str]]:
    """Yield labels and texts about a trajectory."""
    yield "trajectory", summary.name
    yield "file", f"{path} ({size_text(size)})"
    if summary.comment:
        yield "comment", _one_line(summary.comment)
    yield "made", f"{summary.time or 'time unknown'} by pypet {summary.version or '(unknown)'}"
    for rebuilt in summary.rebuilt:
        yield "damaged", rebuilt
    if summary.runs is not None:
        yield from _about_runs(summary.runs, contents.runs_with_data)
    parameters = (*contents.parameters, *contents.derived_parameters)
    known = {leaves.name for leaves in parameters}
    for leaves in parameters:
        if leaves.explored:
            yield "explored", f"{leaves.name} = {_explored(leaves)}"
    for name in contents.explored:
        if name not in known:
            damaged = any(f"{name}.".startswith(f"{each.node}.") for each in contents.problems)
            yield "explored", f"{name} = {'(damaged)' if damaged else 'not stored'}"
    for leaves in contents.parameters:
        if not leaves.explored and leaves.runs is None:
            yield "parameter", f"{leaves.name} = {_value(leaves)}"
    for leaves in contents.derived_parameters:
        if not leaves.explored and leaves.runs is None:
            yield "derived", f"{leaves.name} = {_value(leaves)}"
    total = 0 if summary.runs is None else summary.runs.total
    for leaves in parameters:
        if leaves.runs is not None:
            yield from _data("derived", leaves, total)
    for leaves in contents.results:
        yield from _data("result", leaves, total)
    for leaves in contents.other:
        yield from _data("other", leaves, total)
    if contents.config:
        yield "config", f"{counted(len(contents.config), 'entry', 'entries')}, shown by --json"
    for link in contents.links:
        yield "link", _link(link)
    for problem in contents.problems:
        yield "damaged", f"{problem.node}: {problem.problem}"


def node_facts(node: Node) -> Iterator[tuple[str, str]]:
    """Yield labels and texts about a single node."""
    yield node.kind, node.name or "(the trajectory itself)"
    if node.class_name:
        yield "class", node.class_name
    if node.comment:
        yield "comment", node.comment
    if node.kind == LINK:
        yield "leads to", node.target or "no node"
    if node.range is not None:
        shown = ", ".join(_one_line(value.text) for value in node.range.values)
        yield "explored", f"{shown} ({_about_range(node.range)})"
    for item in node.items:
        about = "" if item.value is None else _about_value(item.value)
        yield "item", f"{item.name}: {item.type} {about}"
        for line in item.preview.splitlines():
            yield "", line
    for child in node.children:
        parts = [child.name, child.kind]
        if child.class_name:
            parts.append(child.class_name)
        if child.comment:
            parts.append(_one_line(child.comment))
        yield "has", "  ".join(parts)
        if child.problem:
            yield "damaged", f"{child.name}: {child.problem}"
    if node.unknown:
        yield "unknown", node.unknown
    if node.problem:
        yield "damaged", node.problem


def _about_value(value: Value) -> str:
    parts = [] if value.dtype is None else [f"of {value.dtype}"]
    if value.shape is not None:
        parts.append(f"shape {value.shape}")
    if value.min is not None:
        parts.append(f"{value.min!r} to {value.max!r}")
    return ", ".join(parts)


def _link(link: Link) -> str:
    if link.target is None:
        return f"{link.name} {link.problem}"
    target = link.target or "the trajectory itself"
    return f"{link.name} -> {target}" + (f", {link.problem}" if link.problem else "")


def _about_runs(runs: Runs, with_data: int) -> Iterator[tuple[str, str]]:
    yield "runs", _runs(runs)
    for failure in runs.failed[:_SHOWN_FAILURES]:
        what = f"{failure.error}: {failure.message}".removesuffix(": ")
        yield "failed", f"run {failure.run}  {_one_line(what)}"
    if len(runs.failed) > _SHOWN_FAILURES:
        more = [(failure.run, failure.run) for failure in runs.failed[_SHOWN_FAILURES:]]
        yield "failed", f"{counted(len(more), 'more run')}: {stretches_text(tuple(more))}"
    if runs.unfinished.count:
        yield "unfinished", _selection(runs.unfinished)
    if runs.not_started.count and runs.not_started.count < runs.total:
        yield "not started", _selection(runs.not_started)
    if with_data > runs.completed:
        yield "stored", f"data of {counted(with_data, 'run')}"
    if runs.started is not None:
        until = "" if runs.finished is None else f" to {runs.finished}"
        took = "" if runs.seconds is None else f", {seconds_text(runs.seconds)}"
        yield "ran", f"{runs.started}{until}{took}"


def _runs(runs: Runs) -> str:
    text = f"{runs.completed} of {runs.total} runs completed"
    return f"{text}, {len(runs.failed)} failed" if runs.failed else text


def _selection(selection: Selection) -> str:
    return f"{counted(selection.count, 'run')}: {stretches_text(selection.stretches)}"


# ----- parameters ------------------------------------------------------------------------------


def _value(leaves: Leaves) -> str:
    if leaves.value is None:
        return f"({leaves.unknown or 'empty'})"
    return _one_value(leaves.value)


def _one_value(value: Value) -> str:
    if value.shape is None:
        return f"{_one_line(value.text)} ({value.type})" if value.dtype else _one_line(value.text)
    bounds = "" if value.min is None else f", {value.min!r} to {value.max!r}"
    shown = f"{_one_line(value.text)} " if value.text.startswith("[") else ""
    return f"{shown}({value.type} of {value.dtype}, shape {value.shape}{bounds})"


def _explored(leaves: Leaves) -> str:
    if leaves.range is None:
        return f"({leaves.unknown})" if leaves.unknown else "no range stored"
    values = leaves.range
    shown = joined([_one_line(value.text) for value in values.values], SHOWN_VALUES)
    return f"{shown} ({_about_range(values)})"


def _about_range(values: Range) -> str:
    parts = [f"{counted(values.distinct, 'distinct value')} in {counted(values.length, 'run')}"]
    if values.min is not None and values.distinct > 1:
        parts.append(f"{values.min!r} to {values.max!r}")
    parts.append(" or ".join(values.types))
    if values.shapes:
        parts += [" or ".join(values.dtypes), f"shape {_shapes(values.shapes, 0)}"]
    return ", ".join(parts)


# ----- data ------------------------------------------------------------------------------------


def _data(label: str, leaves: Leaves, total: int) -> Iterator[tuple[str, str]]:
    """Yield a line about a leaf, or the same leaf of many runs, and one for each of its items."""
    parts = []
    if leaves.runs is not None:
        parts.append(f"{leaves.runs} of {counted(max(total, leaves.runs), 'run')}")
    last = leaves.name.rpartition(".")[2]
    is_simple = len(leaves.items) == 1 and leaves.items[0].name == last
    if is_simple:
        parts.append(_item(leaves.items[0]))
    elif not leaves.items:
        parts.append("empty")
    if leaves.items:
        parts.append(size_text(leaves.stored_bytes))
    own_classes = [name for name in leaves.classes if name != "Result"]
    if own_classes:
        parts.append(", ".join(own_classes))
    yield label, f"{leaves.name}  {', '.join(parts)}"
    for item in () if is_simple else leaves.items:
        of_some = leaves.runs is not None and item.count < leaves.runs
        where = f", in {item.count} of them" if of_some else ""
        yield "", f"  {item.name}  {_item(item)}, {size_text(item.stored_bytes)}{where}"


def _item(item: Items) -> str:
    text = " or ".join(item.types)
    if any(kind.startswith("SHARED") for kind in item.kinds):
        text = f"shared {text}"
    if item.columns:
        columns = [f"{name} {_dtype(dtype)}" for name, dtype in item.columns[:SHOWN_VALUES]]
        more = [] if len(item.columns) <= SHOWN_VALUES else ["..."]
        text = f"{text} of {', '.join([*columns, *more])}"
    elif "ndarray" in item.types or "matrix" in item.types:
        text = f"{text} of {_dtypes(item) or 'rows of different lengths'}"
    has_shape = any(item.shapes) and "DICT" not in item.kinds
    return f"{text}, shape {_shapes(item.shapes, item.more_shapes)}" if has_shape else text


def _dtypes(item: Items) -> str:
    return " or ".join(map(_dtype, item.dtypes))


def _dtype(dtype: str) -> str:
    """Return a dtype without numpy's sign for types that have no byte order."""
    return dtype.lstrip("|")


def _shapes(shapes: Iterable[tuple[int, ...]], more: int) -> str:
    texts = [str(shape) for shape in shapes]
    is_cut = len(texts) > _SHOWN_SHAPES or more
    return " or ".join(texts[:_SHOWN_SHAPES]) + (" or others" if is_cut else "")
