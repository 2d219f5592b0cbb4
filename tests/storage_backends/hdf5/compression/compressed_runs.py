"""The run of experiments about compression, apart from tests: spawned workers import it."""

from __future__ import annotations

import numpy as np


def run(traj):
    """Store an array that is worth compressing, a dictionary and a frame with text."""
    import pandas as pd

    frame = pd.DataFrame({"t": "x"}, index=[0])
    traj.f_add_result("z", a=np.full(40_000, traj.x), d={"x": traj.x}, f=frame)
    return traj.x
