"""The body of a delivery, counted while it is read and never larger than the limit; for app.web only."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from app.web.answer import Refusal

if TYPE_CHECKING:
    from granian._granian import RSGIHTTPProtocol as HTTPProtocol

# UltraCart itself gives up after 30 seconds.
LONGEST_SECONDS = 30.0
PIECE = 256 * 1024


def announced_size(length: str | None, coding: str | None, limit: int) -> int | None:
    """What `Content-Length` promises, None when there is none; raises Refusal 413 beyond the limit.

    Beside a transfer coding the length means nothing (RFC 9112, 6.3), so it is not believed there.
    """
    if coding or not length or not length.isdecimal():
        return None
    if len(length) > 18 or int(length) > limit:
        raise too_large(limit)
    return int(length)


def read(environ: Mapping[str, Any], announced: int | None, limit: int) -> bytes:
    """The whole body of a WSGI request. Raises Refusal 413 beyond the limit, 400 when the client went away in
    the middle.

    A server may end the input silently when the connection breaks, so a body shorter than announced is half a
    delivery and is not taken. A chunked body that breaks looks whole; it cannot be read as JSON, though.
    """
    if announced is None and not environ.get("wsgi.input_terminated"):
        return b""
    body = _read_up_to(environ["wsgi.input"], limit + 1 if announced is None else announced)
    return checked(body, announced, limit)


def checked(body: bytes, announced: int | None, limit: int) -> bytes:
    """The body, when it is as long as announced and within the limit; raises Refusal."""
    if len(body) > limit:
        raise too_large(limit)
    if announced is not None and len(body) < announced:
        raise Refusal(400, "the body ended before its announced length")
    return body


async def read_async(protocol: "HTTPProtocol", announced: int | None, limit: int) -> bytes:
    """The whole body of a request on the server's event loop; raises Refusal as `read`, and 408 when it does
    not end.
    """
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            body = await (_counted(protocol, limit) if announced is None else protocol())
    except TimeoutError as error:
        raise Refusal(408, f"the body took longer than {LONGEST_SECONDS:.0f} seconds") from error
    except RuntimeError as error:
        raise Refusal(400, "the body broke off") from error
    return checked(body, announced, limit)


async def _counted(protocol: "HTTPProtocol", limit: int) -> bytes:
    body = bytearray()
    async for piece in protocol:
        body += piece
        if len(body) > limit:
            raise too_large(limit)
    return bytes(body)


def _read_up_to(stream: BinaryIO, most: int) -> bytes:
    pieces = []
    while most > 0:
        piece = stream.read(min(most, PIECE))
        if not piece:
            break
        pieces.append(piece)
        most -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def too_large(limit: int) -> Refusal:
    """413 with the limit in words."""
    return Refusal(413, f"larger than {limit} bytes")
