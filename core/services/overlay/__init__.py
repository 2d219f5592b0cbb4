"""Reading a storage as if requests had been applied to it that still wait.

What waits concerns few nodes, and the storage may be large. So a read goes through the records of
the storage as they come and takes others only where an operation made, changed or removed them.
"""

from pypet.services.overlay.overlay import Overlay

__all__ = ["Overlay"]
