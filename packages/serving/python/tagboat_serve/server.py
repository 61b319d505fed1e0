"""A small HTTP/1.1 server on asyncio: keep-alive, limits, and an end that finishes what it began."""

import asyncio
import signal
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

from .metrics import Metrics
from .model import LoadError, load_model
from .routes import JSON, Service
from .settings import Settings
from .values import encode

REASONS = {status.value: status.phrase for status in HTTPStatus}
MAX_HEAD = 64 * 1024
IDLE_SECONDS = 75


class TooLarge(Exception):
    pass


class Server:
    def __init__(self, settings):
        self.settings = settings
        self.metrics = Metrics(settings.name)
        self.service = Service(settings, self.metrics)
        self.pool = ThreadPoolExecutor(max_workers=1)
        self.active = 0
        self.connections = set()

    async def run(self):
        loop = asyncio.get_running_loop()
        stopping = asyncio.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stopping.set)
        server = await asyncio.start_server(self._connection, self.settings.host, self.settings.port, limit=MAX_HEAD, backlog=512)
        try:
            self.service.model = await loop.run_in_executor(self.pool, load_model, self.settings)
        except LoadError as error:
            sys.exit(f"cannot serve {self.settings.name}: {error}")
        except Exception as error:  # whatever the user's code raises while it loads ends the server with that message
            traceback.print_exc()
            sys.exit(f"cannot serve {self.settings.name}: {type(error).__name__}: {error}")
        print(f"serving {self.settings.name} on {self.settings.host}:{self.settings.port}", flush=True)
        await stopping.wait()
        self.service.draining = True
        # Who routes here needs a moment to see that this server is leaving; until then it goes on answering.
        await asyncio.sleep(0.5)
        server.close()
        while self.active:
            await asyncio.sleep(0.02)
        for writer in list(self.connections):
            writer.close()

    async def _connection(self, reader, writer):
        self.connections.add(writer)
        try:
            while await self._exchange(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.TimeoutError, asyncio.LimitOverrunError):
            pass
        finally:
            self.connections.discard(writer)
            writer.close()

    async def _exchange(self, reader, writer):
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
        lines = head[:-4].decode("latin-1").split("\r\n")
        try:
            method, target, _version = lines[0].split(" ", 2)
        except ValueError:
            self._write(writer, (400, JSON, encode({"error": "malformed request"})), False)
            return False
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        keep = headers.get("connection", "").lower() != "close" and not self.service.draining
        self.active += 1
        started = time.perf_counter()
        try:
            if headers.get("expect", "").lower() == "100-continue":
                writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            try:
                body = await self._body(reader, headers)
            except (TooLarge, ValueError) as error:
                status = 413 if isinstance(error, TooLarge) else 400
                text = f"expected at most {self.settings.max_body} bytes" if status == 413 else "malformed body"
                self._write(writer, (status, JSON, encode({"error": text})), False)
                return False
            path = target.split("?", 1)[0]
            answer = await self._answer(method, path, body)
            self.metrics.observe(self.service.route_of(path), answer[0], time.perf_counter() - started)
            self._write(writer, answer, keep, method == "HEAD")
            await writer.drain()
        finally:
            self.active -= 1
        return keep

    async def _answer(self, method, path, body):
        method = "GET" if method == "HEAD" else method
        if not self.service.needs_model(method, path):
            return self.service.answer(method, path, body)
        if self.service.model is None:
            return 503, JSON, encode({"error": "the model is loading"})
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.service.answer, method, path, body)

    async def _body(self, reader, headers):
        if "chunked" in headers.get("transfer-encoding", "").lower():
            return await self._chunks(reader)
        length = int(headers.get("content-length") or 0)
        if length < 0 or length > self.settings.max_body:
            raise TooLarge
        return await reader.readexactly(length) if length else b""

    async def _chunks(self, reader):
        parts, size = [], 0
        while True:
            length = int((await reader.readline()).split(b";")[0].strip(), 16)
            size += length
            if length < 0 or size > self.settings.max_body:
                raise TooLarge
            if length == 0:
                while (await reader.readline()).strip():
                    pass
                return b"".join(parts)
            parts.append(await reader.readexactly(length))
            await reader.readexactly(2)

    def _write(self, writer, answer, keep, head_only=False):
        status, content_type, body = answer
        settings = self.settings
        lines = [
            f"HTTP/1.1 {status} {REASONS.get(status, '')}",
            f"Content-Type: {content_type}",
            f"Content-Length: {len(body)}",
            f"Connection: {'keep-alive' if keep else 'close'}",
            f"X-Model-Version: {settings.version}",
        ]
        if settings.run:
            lines.append(f"X-Tagboat-Run: {settings.run}")
        if settings.model_digest:
            lines.append(f"X-Tagboat-Model: {settings.model_digest}")
        writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (b"" if head_only else body))


def main():
    asyncio.run(Server(Settings.from_environment()).run())
