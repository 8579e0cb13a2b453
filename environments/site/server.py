"""The sites over HTTP, on a loopback port of their own for each database.

A browser that takes the port for its proxy reaches all three by their names and nothing else: every other host is
refused. Without a proxy their names work as well, for browsers resolve ``*.localhost`` to loopback.
"""

from __future__ import annotations

import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from knowhow.environments.site.app import respond
from knowhow.environments.site.http import Request

MOST_BYTES = 1_000_000
"""Of a form; more is refused."""


@contextmanager
def serving(db: sqlite3.Connection, port: int = 0) -> Iterator[str]:
    """Serve a database while the block lasts; its address, as in ``http://127.0.0.1:40123``."""
    server = _Server(db, port)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="site", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, db: sqlite3.Connection, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.db = db
        self.turn = threading.Lock()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no error; anything else is told on stderr."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = 30

    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > MOST_BYTES:
            self.send_error(413)
        else:
            self._answer(self.rfile.read(size).decode())

    def log_message(self, *arguments: Any) -> None:
        """Nobody reads it."""

    def _answer(self, form: str) -> None:
        url = urlsplit(self.path)  # a whole URL where this is a proxy
        host, _, port = (url.netloc or self.headers.get("Host", "")).partition(":")
        pairs = parse_qsl(form or url.query, keep_blank_values=True)
        fields = {name: value.replace("\r\n", "\n").strip() for name, value in pairs}
        with self.server.turn:
            reply = respond(self.server.db, Request(self.command, host, unquote(url.path), fields), port and f":{port}")
        body = reply.body.encode()
        self.send_response(reply.status)
        if reply.location:
            self.send_header("Location", reply.location)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)
