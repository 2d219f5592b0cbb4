"""Files on the disk: opening, sharing and holding them, room for what is written, damage."""
