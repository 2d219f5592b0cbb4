"""The seed of an environment: given, recorded by earlier environments, or drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pypet.trajectory.seeds import draw_seed, latest_seed

if TYPE_CHECKING:
    from pypet.environment.config_entries import EnvironmentConfig
    from pypet.environment.existing_runs import ExistingRuns
    from pypet.trajectory import Trajectory


class SeedChoice:
    """Chooses the seed of a trajectory; made before the storage service of it is replaced.

    A seed that was drawn gives way to one that is found later, as long as no number depends on it:
    of a stored trajectory that the script continues, or that is loaded after the environment was
    made.
    """

    def __init__(self, trajectory: Trajectory, given: int | None) -> None:
        self._trajectory = trajectory
        seed = given if given is not None else trajectory._seed
        if seed is None:
            seed = latest_seed(trajectory)
        self._is_drawn = seed is None
        self._seed = draw_seed() if seed is None else seed

    def set(self, existing: ExistingRuns) -> int:
        """Set the seed of the trajectory and return it."""
        if self._is_drawn:
            known = existing.seed()
            if known is not None:
                self._seed, self._is_drawn = known, False
        self._trajectory._seed = self._seed
        return self._seed

    def adopt_loaded(
        self, trajectory: Trajectory, config: EnvironmentConfig, environment_name: str
    ) -> None:
        """Adopt the seed of a trajectory that was loaded since; called before the first runs."""
        if not self._is_drawn:
            return
        self._is_drawn = False
        if trajectory._generators:
            return  # random numbers of the seed that was drawn are in use
        seed = latest_seed(trajectory, but=environment_name)
        if seed is not None:
            trajectory._seed = seed
            config.put_seed(seed)
