"""How often Python looks for garbage that refers to itself, in a process that lives long."""

import gc

# Python's own are 700, 10 and 10, which made a third of an import, whose plan is all alive.
_THRESHOLDS = (10_000, 20, 10)


def settle() -> None:
    """Look less often, and never at what is there by now: once everything is assembled."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
