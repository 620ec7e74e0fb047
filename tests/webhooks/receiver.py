"""A real receiver of webhooks on loopback: it takes what it is sent, or does not."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Received:
    """One message as it came."""

    headers: Mapping[str, str]
    body: bytes
    at: float = field(default_factory=time.monotonic)

    @property
    def event(self) -> Json:
        """The event that it carries."""
        read: Json = json.loads(self.body)
        return read

    @property
    def message_id(self) -> str:
        """The id that it was sent under."""
        return self.headers["webhook-id"]


Reply = Callable[[Received], "int | tuple[int, Mapping[str, str]]"]


class Receiver:
    """Answers with what `reply` says of each message, and keeps all it was sent."""

    def __init__(self, reply: Reply = lambda _: 204) -> None:
        self.reply = reply
        self.received: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                message = Received(headers, body)
                receiver.received.append(message)
                said = receiver.reply(message)
                status, more = said if isinstance(said, tuple) else (said, {})
                self.send_response(status)
                for name, value in more.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/hook?of=okr"

    @property
    def types(self) -> list[str]:
        """What came, in order."""
        return [one.event["type"] for one in self.received]

    def close(self) -> None:
        """Take nothing more."""
        self._server.shutdown()
        self._server.server_close()
