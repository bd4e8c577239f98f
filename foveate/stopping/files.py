"""Writing a file so that nothing half-written is ever found in its place."""

from __future__ import annotations

import os
from pathlib import Path

from foveate.errors import OutputError


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write to a sibling, then rename. Raises OutputError; what was there before is then untouched."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OutputError(f"cannot write it: {error.strerror or error}", path=path) from error
