"""What the dashboard shows, without widgets: experiments, their runs, and views of them.

Everything reads only. Files may be of unknown origin, damaged, or being written: nothing is
unpickled, no node is made, and a part that cannot be read becomes a text that says why.
"""
