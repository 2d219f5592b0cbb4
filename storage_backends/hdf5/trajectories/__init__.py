"""What a file holds about whole trajectories: their data, run tables, copies."""
