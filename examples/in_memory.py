"""Ten runs that stay in memory: no file, and nothing installed but pypet itself.

python examples/in_memory.py
"""

from __future__ import annotations

from pypet import Environment
from pypet.pypetconstants import LOAD_DATA


def fall(traj):
    """Drop a stone; one run for each height."""
    seconds = (2 * traj.height / traj.gravity) ** 0.5
    traj.f_add_result("seconds", seconds, comment="Until it hits the ground")


def main() -> None:
    with Environment(trajectory="stones", storage_service="memory", log_config=None) as env:
        traj = env.traj
        traj.f_add_parameter("gravity", 9.81, comment="Metres per second squared")
        traj.f_add_parameter("height", 1.0, comment="Metres")
        traj.f_explore({"height": [float(height) for height in range(1, 11)]})
        env.run(fall)

    # Results leave the trajectory after each run; the storage service gives them back.
    traj.f_load(load_results=LOAD_DATA)
    heights = traj.f_get("height").f_get_range()
    results = traj.f_get_from_runs("seconds", fast_access=True)
    for height, (run, seconds) in zip(heights, results.items(), strict=True):
        print(f"{run}: {height:4.1f} m take {seconds:.2f} s")


if __name__ == "__main__":
    main()
