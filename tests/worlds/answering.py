"""A server of JSON in a test's own process."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler


class Answering(BaseHTTPRequestHandler):
    """Answers every post with the bytes that `answer` makes of its body."""

    protocol_version = "HTTP/1.1"
    #: Head and body are two writes: without this the second waits until the client acknowledges the first, up to 40 ms.
    disable_nagle_algorithm = True

    def answer(self, body: bytes) -> bytes:
        """What is sent back."""
        raise NotImplementedError

    def do_POST(self) -> None:
        reply = self.answer(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
