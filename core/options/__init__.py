"""Options of the environment: the table of the established ones, old names, collecting values."""

from pypet.options.collection import (
    Collected,
    OptionValues,
    collect,
    given_names,
    known_options,
    unknown_option_error,
)
from pypet.options.documentation import OptionsDoc, OptionsSignature
from pypet.options.established import ESTABLISHED, POSITIONAL_COUNT, established
from pypet.options.ineffective import warn_of_ineffective_options

__all__ = [
    "ESTABLISHED",
    "POSITIONAL_COUNT",
    "Collected",
    "OptionValues",
    "OptionsDoc",
    "OptionsSignature",
    "collect",
    "established",
    "given_names",
    "known_options",
    "unknown_option_error",
    "warn_of_ineffective_options",
]
