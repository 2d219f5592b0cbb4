"""An unpickler for untrusted data: it calls nothing but constructors that check their arguments.

`machine` interprets the operations of a pickle. A `vocabulary` decides which names a pickle may use
and their constructors; the types of Python, numpy, scipy and pandas each have a module with their
constructors.
"""
