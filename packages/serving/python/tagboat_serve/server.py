"""The server: keep-alive, limits, and an end that finishes what it began."""

import asyncio
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from .http1 import MAX_HEAD, Refused, discard, head_of, read_body, read_head, write
from .metrics import Metrics
from .model import LoadError, load_model
from .recorder import load_recorder
from .routes import Service, problem
from .settings import Settings, SettingsError, one_line

IDLE_SECONDS = 75
# Who routes here needs a moment to see that this server is leaving: until it has been quiet for this long, it answers.
QUIET_SECONDS = 0.5
LONGEST_LINGER = 5


class Server:
    def __init__(self, settings):
        self.settings = settings
        self.metrics = Metrics(settings.name)
        self.recorder = load_recorder(settings.reference)
        self.service = Service(settings, self.metrics, self.recorder)
        self.pool = ThreadPoolExecutor(max_workers=settings.threads)
        self.active = 0
        self.last_asked = 0.0
        self.connections = set()
        lines = {"X-Model-Version": one_line(settings.version), "X-Tagboat-Run": settings.run, "X-Tagboat-Model": settings.model_digest}
        self.fixed = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)

    async def run(self):
        """Serves until SIGTERM or SIGINT. @returns the exit code @raises LoadError"""
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        settings = self.settings
        try:
            server = await asyncio.start_server(
                self._connection, settings.host, settings.port, limit=MAX_HEAD, backlog=512
            )
        except OSError as error:
            raise LoadError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}") from error
        loading = loop.run_in_executor(self.pool, load_model, settings)
        stop = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({loading, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not loading.done():
            return 0
        self.service.model = loading.result()
        port = server.sockets[0].getsockname()[1]
        print(f"serving {settings.name} on {settings.host}:{port}", flush=True)
        await stop
        await self._drain(server)
        return 0

    async def _drain(self, server):
        self.service.draining = True
        began = time.monotonic()
        end = began + self.settings.grace
        linger = min(end, began + LONGEST_LINGER)
        while time.monotonic() < min(linger, max(began, self.last_asked) + QUIET_SECONDS):
            await asyncio.sleep(0.05)
        server.close()
        while self.active and time.monotonic() < end:
            await asyncio.sleep(0.02)
        if self.active:
            print(f"{self.active} requests did not end within {self.settings.grace} s", file=sys.stderr, flush=True)
        for writer in list(self.connections):
            writer.close()

    async def _connection(self, reader, writer):
        self.connections.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client is gone, or this server ends: nobody is left to tell
        except Refused as refused:
            answer = problem(refused.status, str(refused))
            self.metrics.observe("", "refused", refused.status, 0.0)
            writer.write(head_of(answer, False, self.fixed) + answer[2])
            await discard(reader, 5, 2 * self.settings.max_body)
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _exchange(self, reader, writer):
        """One request and its answer. @returns whether the connection goes on"""
        head = await read_head(reader, IDLE_SECONDS)
        if head is None:
            return False
        self.active += 1
        started = time.perf_counter()
        try:
            body = await read_body(reader, writer, head, self.settings.max_body)
            method = "GET" if head.method == "HEAD" else head.method
            answer = await self._answer(method, head, body)
            self.metrics.observe(method, self.service.route_of(head.path), answer[0], time.perf_counter() - started)
            keep = head.keep_alive and not self.service.draining
            await write(writer, head_of(answer, keep, self.fixed) + (b"" if head.method == "HEAD" else answer[2]))
        finally:
            self.active -= 1
        if answer[0] == 200 and method == "POST":
            self._record(head, body)
        return keep

    def _record(self, head, body):
        """After the answer, and where the user's code runs: it may be asked for its features."""
        recorder, path = self.recorder, head.path
        if recorder is None or not self.service.calls_model("POST", path) or not recorder.admit(len(body)):
            return
        content_type = head.headers.get("content-type", "")
        self.pool.submit(recorder.observe, len(body), lambda: self.service.rows_asked(path, body, content_type))

    async def _answer(self, method, head, body):
        service, path = self.service, head.path
        if not service.calls_model(method, path):
            return service.answer(method, path, body)
        self.last_asked = time.monotonic()
        if service.model is None:
            return problem(503, "the model is loading")
        if "inference-header-content-length" in head.headers:
            return problem(400, "the binary tensor data extension is not served here: send the data as JSON")
        content_type = head.headers.get("content-type", "")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.pool, service.answer, method, path, body, content_type)


def main():
    try:
        server = Server(Settings.from_environment())
    except SettingsError as error:
        sys.exit(f"cannot serve: {error}")
    try:
        code = asyncio.run(server.run())
    except LoadError as error:
        print(f"cannot serve {server.settings.name}: {error}", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if server.active or server.service.model is None:
        os._exit(code)  # a thread may be in the user's code, or be the user's own: leaving any other way would wait for it
    sys.exit(code)
