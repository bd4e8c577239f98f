"""Published weights of other people, turned into systems of ours: read completely or refused by name.

Targets read a file, ``(path, class_names=None)``, and give a :class:`foveate.importing.fitting.Imported`. Facts:
``summary``, and ``next``, the command to go on with.
"""

from __future__ import annotations

from typing import Any

from foveate.registry import Registry

IMPORTERS: Registry[Any] = Registry("format")

IMPORTERS.register(
    "adaglimpse",
    "foveate.importing.adaglimpse:import_system",
    next="foveate look PICTURE --model {folder}",
    summary="a .ckpt that the code of AdaGlimpse saves (github.com/apardyl/AdaGlimpse)",
)
IMPORTERS.register(
    "adaptivenn",
    "foveate.importing.adaptivenn:import_system",
    next="foveate calibrate {folder} --data imagenet_deit_small:FOLDER",
    summary="a .pth that the code of AdaptiveNN saves (github.com/LeapLabTHU/AdaptiveNN)",
)
