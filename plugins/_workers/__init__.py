"""What schedulers that start processes on this machine share; registers nothing itself."""
