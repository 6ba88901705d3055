"""The faults. Importing a module registers its scenarios."""
from . import change, crashes, disk, graphs, jobs, limits, names, surroundings  # noqa: F401
