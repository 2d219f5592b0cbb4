"""The journal: what runs store, in segments, until it is safe in the storage."""
