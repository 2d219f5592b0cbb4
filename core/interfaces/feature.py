"""What all pluggable features have in common: a name, what they need, which options they read."""

from __future__ import annotations

from typing import Any, ClassVar

from pypet.interfaces.option import Option
from pypet.moved import adopt_overrides


class Feature:
    """A named thing that a plugin gives: a storage service, a wrap mode, a scheduler, ...

    Capabilities are data on the class, so that pypet can ask about a feature before it makes
    an instance and without knowing its name. Importing the module of a feature must be cheap:
    heavy packages are imported in the method that needs them, through
    `pypet.support.optional.require`.
    """

    name: ClassVar[str] = ""
    """What users type, for example ``'hdf5'`` or ``'QUEUE'``. Compared case-insensitively."""

    requires: ClassVar[tuple[str, ...]] = ()
    """Import names of the packages without which the feature is unavailable."""

    extra: ClassVar[str | None] = None
    """The extra to install for ``requires``: ``'hdf5'`` stands for ``pip install "pypet[hdf5]"``;
    a requirement of a third party's distribution is written in full, ``'my-dist[s3]'``."""

    options: ClassVar[tuple[Option, ...]] = ()
    """Options of the environment that this feature reads."""

    capabilities: ClassVar[tuple[str, ...]] = ()
    """Names of the class attributes that are capabilities, as listed by ``pypet plugins``."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        adopt_overrides(cls)
