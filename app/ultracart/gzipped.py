"""Bodies that came gzipped; for the receiver, and for whoever reads one again."""

import zlib

MAX_INFLATED = 64 * 1024 * 1024
MAGIC = b"\x1f\x8b"
WINDOW = 31


def unpack(body: bytes, most: int = MAX_INFLATED) -> bytes:
    """The body itself, or what a gzipped one holds (proxies and agents compress without being asked).

    Told by the first two bytes, which no JSON has, so a missing or wrong `Content-Encoding` does no harm.
    Raises ValueError when it is damaged, cut off, or inflates to more than `most` bytes.
    """
    if not body.startswith(MAGIC):
        return body
    inflated = bytearray()
    while body.startswith(MAGIC):
        member = zlib.decompressobj(WINDOW)
        try:
            inflated += member.decompress(body, most + 1 - len(inflated))
        except zlib.error as error:
            raise ValueError("the gzipped body is damaged") from error
        if len(inflated) > most:
            raise ValueError(f"the gzipped body inflates to more than {most} bytes")
        if not member.eof:
            raise ValueError("the gzipped body is cut off")
        body = member.unused_data
    return bytes(inflated)
