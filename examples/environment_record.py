"""Show what is kept about the machine, the packages and the command line of an experiment.

Needs no extra; ``python examples/environment_record.py``.
"""

from __future__ import annotations

import textwrap

from pypet import Environment, Trajectory

WIDTH = 160


def square(traj: Trajectory) -> float:
    return float(traj.x**2)


def main() -> None:
    with Environment(
        trajectory="recorded", storage_service="memory", log_config=None, report_progress=False
    ) as env:
        env.traj.f_add_parameter("x", 1.0)
        env.traj.f_explore({"x": [1.0, 2.0, 3.0]})
        env.run(square)

    record = env.traj.f_get(f"config.environment.{env.name}.record")
    for leaf in record.f_iter_leaves():
        print(f"{leaf.v_name}: {textwrap.shorten(leaf.f_get(), WIDTH)}")
    installed = dict(line.split("==") for line in record.distributions.splitlines())
    print(f"numpy of the experiment: {installed['numpy']}")


if __name__ == "__main__":
    main()
