"""Files on disk: opening and sharing them, commits, disk space, damage."""
