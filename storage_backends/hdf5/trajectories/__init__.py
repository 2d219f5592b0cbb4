"""The data of a file about whole trajectories: info, settings, run tables, overview tables."""
