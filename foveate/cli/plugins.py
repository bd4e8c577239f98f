"""Parts of other installed packages: modules that they name as entry points are imported before a command runs.

A package says so in its ``pyproject.toml``, and registers its parts when it is imported::

    [project.entry-points.foveate]
    dicom = "my_package.dicom"
"""

from __future__ import annotations

from importlib.metadata import entry_points

from foveate.cli.output import note

GROUP = "foveate"


def load_plugins() -> None:
    """Import what other packages registered; one that fails is named and passed over, as not all commands need it."""
    for point in entry_points(group=GROUP):
        try:
            point.load()
        except Exception as error:
            note(f"passed over: {point.value}, parts for foveate that a package names {point.name!r}: {error!r}")
