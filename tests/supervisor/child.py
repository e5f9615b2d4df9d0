"""A well-behaved small server for the supervisor's tests: `child.py PORT [MOOD]`.

Moods: `well` answers its health check and stops on SIGTERM; `stubborn` ignores SIGTERM; `sickly` exits with 3 at once;
`parent` forks a worker that outlives it unless it is killed, and writes the worker's pid to the file named by the
third argument. `task` serves nothing: it adds a line to the file of FILE=CODE and exits with the code, or sleeps if
that is below 0.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    port, mood = int(sys.argv[1]), sys.argv[2]
    if mood == "sickly":
        sys.exit(3)
    if mood == "task":
        file, code = sys.argv[3].rsplit("=", 1)
        with Path(file).open("a") as runs:
            runs.write("run\n")
        time.sleep(60 if int(code) < 0 else 0)
        sys.exit(int(code))
    if mood == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = HTTPServer(("127.0.0.1", port), Health)
    if mood == "parent":
        worker = os.fork()
        if worker == 0:
            time.sleep(60)  # holds the listening socket, as a server's worker does
            os._exit(0)
        Path(sys.argv[3]).write_text(str(worker))
    server.serve_forever()


main()
