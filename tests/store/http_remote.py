"""A git server on this machine, over HTTP: git's own backend, an account by token, and answers that get lost."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

TOKEN = "t0ken-of-a-job"


@dataclass
class HttpRemote:
    """`may_write`: its token may push. `lose`: so many answers to pushes that took effect never arrive.

    `is_away`: after the last of these, nothing is answered.
    """

    url: str
    may_write: bool = True
    lose: int = 0
    is_away: bool = False
    asked: list[str] = field(default_factory=list)


@contextmanager
def http_remote(folder: Path, token: str = TOKEN) -> Iterator[HttpRemote]:
    """Serve the repositories of a folder to who has the token."""
    remote = HttpRemote("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            chunks = []
            if self.headers.get("Transfer-Encoding") == "chunked":
                while size := int(self.rfile.readline(), 16):
                    chunks.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
            else:
                chunks.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self._answer(b"".join(chunks))

        def _answer(self, body: bytes) -> None:
            account = base64.b64encode(f"x-access-token:{token}".encode()).decode()
            writes = "git-receive-pack" in self.path
            if remote.is_away and not remote.lose:
                self.connection.close()
                return
            if self.headers.get("Authorization") != f"Basic {account}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.end_headers()
                return
            if writes and not remote.may_write:
                self.send_error(403)
                return
            remote.asked.append(self.path)
            answer = self._of_git(body)
            if writes and body and remote.lose:
                remote.lose -= 1
                self.connection.close()
                return
            head, _, content = answer.partition(b"\r\n\r\n")
            lines = [line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")]
            status = next((value.split()[0] for name, value in lines if name == "Status"), "200")
            self.send_response(int(status))
            for name, value in lines:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _of_git(self, body: bytes) -> bytes:
            path, _, query = self.path.partition("?")
            variables = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "http.receivepack",
                "GIT_CONFIG_VALUE_0": "true",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "REMOTE_USER": "kate",
            }
            done = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True, check=True)
            return done.stdout

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    remote.url = f"http://127.0.0.1:{server.server_port}/remote.git"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield remote
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
