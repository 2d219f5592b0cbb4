"""Features by family and name, and who wins when two plugins claim the same name."""

from __future__ import annotations

from collections.abc import Iterator

from pypet.errors import PluginError
from pypet.manager.entries import RegisteredFeature
from pypet.manager.families import Family


class Registry:
    """Holds one feature for each family and lower-case name."""

    def __init__(self) -> None:
        self._features: dict[tuple[str, str], RegisteredFeature] = {}

    def add(self, feature: RegisteredFeature) -> tuple[RegisteredFeature, RegisteredFeature] | None:
        """Take a feature in; return winner and loser if its name was taken.

        Raises
        ------
        PluginError
            Both are pypet's own.
        """
        other = self._features.get(feature.key)
        if other is None:
            self._features[feature.key] = feature
            return None
        if other.entry.builtin and feature.entry.builtin:
            raise PluginError(
                f"{feature.family.noun.capitalize()} {feature.name!r} is registered twice by "
                f"{feature.entry.origin}: by the entry points {other.entry.name!r} and "
                f"{feature.entry.name!r}."
            )
        winner, loser = sorted((other, feature), key=RegisteredFeature.rank)
        self._features[feature.key] = winner
        return winner, loser

    def get(self, family: Family, name: str) -> RegisteredFeature | None:
        """Return the feature of this name, in any case of letters."""
        return self._features.get((family.name, name.lower()))

    def of(self, family: Family) -> list[RegisteredFeature]:
        """Return all features of a family: pypet's own first, then by distribution and name."""
        found = (feature for feature in self._features.values() if feature.family is family)
        return sorted(found, key=lambda feature: (feature.entry.rank(), feature.name.lower()))

    def winner_over(self, feature: RegisteredFeature) -> RegisteredFeature | None:
        """Return the feature that took the name of this one, None if it has its name itself."""
        holder = self._features.get(feature.key)
        return None if holder is feature else holder

    def __iter__(self) -> Iterator[RegisteredFeature]:
        return iter(self._features.values())
