"""A local server of one file's bytes, honest or with the faults that servers have."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Served:
    """What is served, how, and what was asked for."""

    content: bytes
    ignores_range: bool = False
    fails_after: int | None = None
    """Requests that are answered; later ones get ``status``."""
    fails_times: int = 1 << 30
    """How many of the later ones."""
    status: int = 503
    cuts: bool = False
    """Whether a failing answer is half of the body, and the connection closed, instead of a status."""
    url: str = ""
    ranges: list[tuple[int, int]] = field(default_factory=list)

    def is_failing(self) -> bool:
        if self.fails_after is None or len(self.ranges) <= self.fails_after or self.fails_times <= 0:
            return False
        self.fails_times -= 1
        return True


@contextmanager
def serving(served: Served) -> Iterator[Served]:
    """On a port of this machine, until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            first, last = (int(found[1]), int(found[2])) if found else (0, len(served.content) - 1)
            last = min(last, len(served.content) - 1)
            served.ranges.append((first, last + 1 - first))
            is_failing = served.is_failing()
            if is_failing and not served.cuts:
                self.send_error(served.status)
                return
            is_part = found is not None and not served.ignores_range
            body = served.content[first : last + 1] if is_part else served.content
            self.send_response(206 if is_part else 200)
            if is_part:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(served.content)}")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if is_failing else body)

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    served.url = f"http://127.0.0.1:{server.server_port}/picture.tif"
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
