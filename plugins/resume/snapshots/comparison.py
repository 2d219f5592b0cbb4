"""How an experiment differs from what it was when it started, in words for the user."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from pypet.errors import ResumeError
from pypet.plugins.resume.snapshots.descriptions import EXPERIMENT_KEY

MAX_DIFF_LINES = 24
"""Lines of a difference of sources that are shown."""

_logger = logging.getLogger("pypet")

Description = Mapping[str, Any]


def differences(old_header: Mapping[str, Any], new_header: Mapping[str, Any]) -> list[str]:
    """Return what differs between two experiments, each with what it was and what it is.

    Both headers have an entry that `describe_experiment` has made. What is not known of either of
    them does not differ.
    """
    old, new = old_header[EXPERIMENT_KEY], new_header[EXPERIMENT_KEY]
    return [
        *_of_calls("run function", old, new),
        *_of_postprocessing(old["postprocessing"], new["postprocessing"]),
        *_of_values({"the seed": old["seed"]}, {"the seed": new["seed"]}),
        *_of_storage(old["storage"], new["storage"]),
        *_of_exploration(old["explored"], new["explored"]),
    ]


def require_same_experiment(
    old_header: Mapping[str, Any], new_header: Mapping[str, Any], *, force: bool = False
) -> None:
    """Raise if an experiment is not what it was; with ``force`` only log it.

    Raises
    ------
    ResumeError
        It is not; the message has all differences.
    """
    found = differences(old_header, new_header)
    if not found:
        return
    text = "; ".join(found)
    if not force:
        raise ResumeError(
            f"The experiment cannot be resumed as it is: {text}; give force=True to go on anyway."
        )
    _logger.warning("The experiment is resumed although it is not what it was: %s.", text)


# ----- functions and arguments -----------------------------------------------------------------


def _of_calls(what: str, old: Description, new: Description) -> Iterator[str]:
    """Yield what differs between two functions with arguments; ``what`` is the functions' role."""
    yield from _of_functions(what, old["function"], new["function"])
    yield from _of_arguments(what, old["arguments"], new["arguments"])


def _of_postprocessing(old: Description | None, new: Description | None) -> Iterator[str]:
    if old is None or new is None:
        names = [None if each is None else each["function"]["name"] for each in (old, new)]
        yield from _of_values({"post-processing": names[0]}, {"post-processing": names[1]})
    else:
        yield from _of_calls("post-processing function", old, new)


def _of_functions(what: str, old: Description, new: Description) -> Iterator[str]:
    if old["name"] != new["name"]:
        yield f"the {what} was `{old['name']}`, is `{new['name']}`"
        return
    then, now = old["reference"], new["reference"]
    if then is None or now is None or None in (then["sha256"], now["sha256"]):
        return
    if then["sha256"] != now["sha256"]:
        places = [str(each["path"] or each["module"]) for each in (then, now)]
        diff = _source_diff(then["source"], now["source"], places[0], places[1])
        yield f"the {what} `{old['name']}` has changed:\n{diff}\n"


def _source_diff(old: str, new: str, old_place: str, new_place: str) -> str:
    import difflib

    lines = difflib.unified_diff(
        old.splitlines(),
        new.splitlines(),
        f"{old_place} (when the experiment started)",
        f"{new_place} (now)",
        lineterm="",
        n=2,
    )
    shown = [f"    {line}" for line in islice(lines, MAX_DIFF_LINES)]
    if not shown:
        return "    (behind what the snapshot has of it)"
    if next(lines, None) is not None:
        shown.append("    ...")
    return "\n".join(shown)


def _of_arguments(what: str, old: Description, new: Description) -> Iterator[str]:
    for label in {**old, **new}:
        whose = f"{label} of the {what}"
        if label not in new:
            yield f"{whose} was {old[label]['text']}, is not given"
        elif label not in old:
            yield f"{whose} was not given, is {new[label]['text']}"
        else:
            yield from _of_argument(whose, old[label], new[label])


def _of_argument(whose: str, old: Description, new: Description) -> Iterator[str]:
    then, now = old["text"], new["text"]
    if None not in (old["sha256"], new["sha256"]) and old["type"] == new["type"]:
        if old["sha256"] == new["sha256"]:
            return
        if then == now:
            digests = old["sha256"][:12], new["sha256"][:12]
            yield f"{whose}, {now}, has another content: its SHA-256 was {digests[0]}..., is " + (
                f"{digests[1]}..."
            )
            return
    if old["type"] != new["type"] and then == now:
        then, now = f"{then} ({old['type']})", f"{now} ({new['type']})"
    if then != now:
        yield f"{whose} was {then}, is {now}"


# ----- storage and exploration -----------------------------------------------------------------


def _of_storage(old: Description, new: Description) -> Iterator[str]:
    names = {"service": "the storage service", "file": "the file"}
    yield from _of_values(
        {name: old[key] for key, name in names.items()},
        {name: new[key] for key, name in names.items()},
    )
    if old["service"] == new["service"]:
        yield from _of_values(old["settings"], new["settings"], prefix="the storage setting ")


def _of_exploration(old: Description, new: Description) -> Iterator[str]:
    for name in {**old, **new}:
        if name not in new:
            yield f"parameter `{name}` was explored, is not"
        elif name not in old:
            yield f"parameter `{name}` was not explored, is"
        else:
            yield from _of_ranges(name, old[name], new[name])


def _of_ranges(name: str, old: Description, new: Description) -> Iterator[str]:
    if None in (old["length"], new["length"]):
        return
    if old["length"] != new["length"]:
        yield f"parameter `{name}` had {old['length']} explored values, has {new['length']}"
    elif None not in (old["sha256"], new["sha256"]) and old["sha256"] != new["sha256"]:
        yield (
            f"parameter `{name}` has other explored values: the SHA-256 of its "
            f"{old['length']} values was {old['sha256'][:12]}..., is {new['sha256'][:12]}..."
        )


def _of_values(old: Description, new: Description, prefix: str = "") -> Iterator[str]:
    for name in {**old, **new}:
        then, now = old.get(name), new.get(name)
        if then != now:
            yield f"{prefix}{name} was {then!r}, is {now!r}"
