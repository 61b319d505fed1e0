"""Reads HTTP/1.1 requests (RFC 9112), strictly: what could be read in two ways is refused."""

import asyncio
from http import HTTPStatus

REASONS = {status.value: status.phrase for status in HTTPStatus}
MAX_HEAD = 64 * 1024
BODY_SECONDS = 300
DIGITS = frozenset("0123456789")
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class Refused(Exception):
    """A request that cannot be read further; the connection ends after the answer."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def _path(target):
    """Also of a target in absolute form (`http://host/path`), which servers must take (RFC 9112, 3.2.2)."""
    path = target.split("?", 1)[0]
    if path[:7].lower() == "http://" or path[:8].lower() == "https://":
        return "/" + path.split("://", 1)[1].partition("/")[2]
    return path


class Head:
    __slots__ = ("method", "path", "headers", "keep_alive", "length", "chunked")

    def __init__(self, data):
        lines = data.decode("latin-1").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) != 3 or not parts[2].startswith("HTTP/1."):
            raise Refused(400, "expected a request line of HTTP/1.1")
        self.method = parts[0]
        self.path = _path(parts[1])
        self.headers = headers = {}
        for line in lines[1:-2]:
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise Refused(400, "malformed header line")
            name, value = name.lower(), value.strip()
            if name in headers and name in ("content-length", "transfer-encoding"):
                raise Refused(400, f"more than one {name}")
            headers[name] = value
        connection = headers.get("connection", "").lower()
        self.keep_alive = connection == "keep-alive" if parts[2] == "HTTP/1.0" else "close" not in connection
        self.length, self.chunked = self._framing()

    def _framing(self):
        coding, length = self.headers.get("transfer-encoding"), self.headers.get("content-length", "0")
        if coding is not None and "content-length" in self.headers:
            raise Refused(400, "both content-length and transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            raise Refused(501, "expected no transfer-encoding but chunked")
        if not length or not DIGITS.issuperset(length) or len(length) > 18:
            raise Refused(400, "expected a content-length of digits")
        return int(length), coding is not None


async def read_head(reader, idle_seconds):
    """The next request's head, or None at the end of the connection. @raises Refused"""
    try:
        return Head(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), idle_seconds))
    except asyncio.LimitOverrunError:
        raise Refused(431, f"expected a head of at most {MAX_HEAD} bytes") from None
    except (asyncio.IncompleteReadError, asyncio.TimeoutError):
        return None


async def read_body(reader, writer, head, most):
    """@raises Refused"""
    too_large = Refused(413, f"expected at most {most} bytes")
    if head.length > most:
        raise too_large
    if not head.length and not head.chunked:
        return b""
    if head.headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    reading = _chunks(reader, most, too_large) if head.chunked else reader.readexactly(head.length)
    try:
        return await asyncio.wait_for(reading, BODY_SECONDS)
    except asyncio.TimeoutError:
        raise Refused(408, f"the body did not arrive within {BODY_SECONDS} s") from None


async def _chunks(reader, most, too_large):
    body = bytearray()
    while True:
        text = (await _line(reader)).split(b";")[0].strip().decode("latin-1")
        if not text or not HEX_DIGITS.issuperset(text) or len(text) > 16:
            raise Refused(400, "malformed chunk")
        length = int(text, 16)
        if len(body) + length > most:
            raise too_large
        if length == 0:
            while await _line(reader):
                pass
            return bytes(body)
        body += await reader.readexactly(length)
        if await reader.readexactly(2) != b"\r\n":
            raise Refused(400, "malformed chunk")


async def _line(reader):
    try:
        return (await reader.readuntil(b"\r\n"))[:-2]
    except asyncio.LimitOverrunError:
        raise Refused(400, "malformed chunk") from None


async def write(writer, data):
    """@raises ConnectionError where the client does not take it within BODY_SECONDS"""
    writer.write(data)
    if not writer.transport.get_write_buffer_size():
        return
    try:
        await asyncio.wait_for(writer.drain(), BODY_SECONDS)
    except asyncio.TimeoutError:
        writer.transport.abort()
        raise ConnectionError("the client does not read") from None


async def discard(reader, seconds, most):
    """Reads what a refused client still sends for a while: closing at once would reset the connection before it has
    read why."""
    left = most

    async def swallow():
        nonlocal left
        while left > 0:
            data = await reader.read(65536)
            if not data:
                return
            left -= len(data)

    try:
        await asyncio.wait_for(swallow(), seconds)
    except (asyncio.TimeoutError, ConnectionError):
        return


def head_of(answer, keep, fixed):
    """The head of an answer; `fixed` are the header lines that every answer carries."""
    status, content_type, body = answer
    return (
        f"HTTP/1.1 {status} {REASONS.get(status, '')}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n{fixed}\r\n"
    ).encode("latin-1")
