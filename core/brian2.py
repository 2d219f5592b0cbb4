"""Established place of classes for BRIAN2, which belong to a package of their own."""

# Without `name=`: for `from pypet import brian2` Python would swallow an error with the name of
# this module, and say that it cannot import it, not why.
raise ModuleNotFoundError(
    "pypet.brian2 is not part of pypet itself: classes for BRIAN2 belong to a package of their "
    "own, which is not installed. Without it, keep value and unit of a quantity as two items of "
    "a `Result`."
)
