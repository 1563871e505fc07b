"""multipart/form-data by hand: tests choose every byte, in the manner of one real producer or another."""

import dataclasses

CREATED = "2024-07-05T13:14:15.000Z"
MODIFIED = "2024-07-06T01:02:03.456Z"
BOUNDARY = "----nightstand-proof+boundary_1.2"


@dataclasses.dataclass
class Part:
    """One part: its head lines as they go over the wire, and its bytes."""

    head: list[bytes]
    data: bytes


def _bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def field(name, value):
    return Part([b'Content-Disposition: form-data; name="%s"' % _bytes(name)], _bytes(value))


def file(name, filename, data, content_type="application/octet-stream"):
    disposition = b'Content-Disposition: form-data; name="%s"; filename="%s"' % (_bytes(name), _bytes(filename))
    return Part([disposition, b"Content-Type: " + _bytes(content_type)], data)


def encode(parts, boundary=BOUNDARY):
    """The body; its content type is `content_type(boundary)`."""
    out = []
    for part in parts:
        out += [b"--", _bytes(boundary), b"\r\n"]
        for line in part.head:
            out += [line, b"\r\n"]
        out += [b"\r\n", part.data, b"\r\n"]
    return b"".join([*out, b"--", _bytes(boundary), b"--\r\n"])


def content_type(boundary=BOUNDARY):
    return f"multipart/form-data; boundary={boundary}"


def upload(data, filename="photo.jpg", /, *, sidecar=None, drop=(), **fields):
    """The body of an upload with the two dates that Immich demands, further fields before the file."""
    values = {"fileCreatedAt": CREATED, "fileModifiedAt": MODIFIED} | fields
    parts = [field(name, value) for name, value in values.items() if name not in drop]
    parts.append(file("assetData", filename, data))
    if sidecar is not None:
        parts.append(file("sidecarData", "photo.xmp", sidecar, "application/xml"))
    return encode(parts)


def chunked(body, sizes=(1, 7, 1000, 65536), extension=b"", trailer=b""):
    """The body in the chunked coding, in chunks of odd sizes, taken in turn."""
    out, start, turn = [], 0, 0
    while start < len(body):
        piece = body[start : start + sizes[turn % len(sizes)]]
        out += [b"%x" % len(piece), extension, b"\r\n", piece, b"\r\n"]
        start, turn = start + len(piece), turn + 1
    return b"".join([*out, b"0", extension, b"\r\n", trailer, b"\r\n"])
