"""A receiver over real HTTP on this machine, which looks at what comes and answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Post:
    """A request as it came."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode()).items()}


#: What is answered to a request: the status, and the body.
Answers = Callable[[Post], tuple[int, object]]


@dataclass
class HttpStub:
    """What came, and where it is heard."""

    url: str
    posts: list[Post] = field(default_factory=list)


@contextmanager
def http_stub(answers: Answers) -> Iterator[HttpStub]:
    """A receiver that answers as ``answers`` says."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            post = Post(parts.path, query, {name.lower(): value for name, value in self.headers.items()}, body)
            stub.posts.append(post)
            status, content = answers(post)
            text = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *args: object) -> None:
            """The test says what it needs to."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stub = HttpStub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
