"""Make the screenshots of the dashboard in this folder: ``python docs/screenshots/dashboard.py``.

Needs ``pip install "pypet[ui,hdf5]" playwright`` and ``chromium``.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np

from pypet import Environment, cartesian_product
from tests.browser.browsing import drag_over, running_browser, running_dashboard, show_tab

FOLDER = Path(__file__).resolve().parent
PAUSE_MILLISECONDS = 1500
"""Until what was asked for is drawn."""


def simulate(traj: Any) -> None:
    """Let a neuron with adaptation spike, and store its rate."""
    if traj.noise > 0.45 and traj.seed == 3 and traj.current > 1.9:
        raise FloatingPointError("the voltage diverged")
    random = np.random.default_rng(traj.seed)
    voltage, spikes, trace = 0.0, 0, np.zeros(400)
    for step in range(len(trace)):
        drift = traj.current - voltage * (1 + traj.leak)
        voltage += 0.1 * drift + traj.noise * random.normal() * 0.3
        if voltage > 1.0:
            voltage, spikes = 0.0, spikes + 1
        trace[step] = voltage
    traj.f_add_result("rate", spikes / 40.0, comment="spikes per time constant")
    traj.f_add_result("regular", bool(traj.noise < 0.2))
    traj.f_add_result("trace", trace, comment="membrane voltage")


def make_experiment(filename: str) -> None:
    """Execute an experiment with four explored parameters."""
    with Environment(
        "neuron",
        filename=filename,
        comment="firing rate of a noisy neuron",
        add_time=False,
        on_error="continue",
        log_config=None,
        report_progress=False,
    ) as env:
        for name, value in (("current", 1.0), ("leak", 0.0), ("noise", 0.1)):
            env.traj.f_add_parameter(name, value)
        env.traj.f_add_parameter("seed", 0)
        env.traj.f_explore(
            cartesian_product(
                {
                    "current": np.linspace(0.5, 2.0, 8).round(3).tolist(),
                    "leak": [0.0, 0.1, 0.2, 0.3],
                    "noise": [0.05, 0.1, 0.2, 0.5],
                    "seed": [0, 1, 2, 3],
                }
            )
        )
        env.run(simulate)


def take_screenshots(folder: Path) -> None:
    """Take the screenshots into a folder."""
    with tempfile.TemporaryDirectory() as data:
        make_experiment(str(Path(data, "neuron.hdf5")))
        with running_dashboard(data) as dashboard, running_browser(1100, 900) as browser:
            page = browser.new_page()
            page.goto(dashboard.address)
            page.locator(".completed").wait_for()
            page.get_by_text("512 of 512 runs", exact=True).wait_for()  # all results are read
            page.wait_for_timeout(PAUSE_MILLISECONDS)
            page.screenshot(path=folder / "dashboard_runs.png")
            show_tab(page, "Parallel coordinates")
            page.wait_for_timeout(PAUSE_MILLISECONDS)
            drag_over(page, 0.02, 0.6, 0.12, 0.98)
            page.wait_for_timeout(PAUSE_MILLISECONDS)
            page.screenshot(path=folder / "dashboard_parallel_coordinates.png")


if __name__ == "__main__":
    take_screenshots(FOLDER)
