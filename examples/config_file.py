"""An experiment whose options, parameters and logging stand in a file.

    python examples/config_file.py [FILE]

The file is config_file.ini beside this script, or for example config_file.toml.
"""

import sys
from pathlib import Path

from pypet import Environment

FILE = Path(__file__).with_name("config_file.ini")


def remaining(traj):
    """Store how many atoms are left after a month."""
    left = traj.sample.atoms * 0.5 ** (30.0 / traj.sample.half_life)
    traj.f_add_result("left", left, comment="atoms after 30 days")
    return left


def main(file=FILE):
    with Environment(config=str(file)) as env:
        env.traj.f_explore({"half_life": [8.02, 14.27]})
        for index, left in env.run(remaining):
            print(f"run {index}: {left:.0f} atoms are left")


if __name__ == "__main__":
    main(*sys.argv[1:])
