"""Checks an answer against Immich's own description, and against the typing traps that real clients fall into.

Stricter than JSON Schema: an integer must be written without a fraction, a boolean is never 0 or 1, a key appears
once, ids are lower-case UUIDs of version 4, times have exactly three fraction digits and end in Z.
"""

import base64
import functools
import json
import pathlib
import re

PIECES = json.loads((pathlib.Path(__file__).parent.parent / "contract" / "schemas.json").read_text())

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
# immich-go reads exifInfo.dateTimeOriginal only with a numeric offset; every other client takes both.
EXIF_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|\+00:00)")
EXIF_TIMES = {"dateTimeOriginal", "modifyDate"}


class ContractBroken(AssertionError):
    """An answer that a strict client would choke on."""


class Fraction(float):
    """A number that was written with a fraction or an exponent."""


def parse(raw: bytes):
    """The JSON value, keeping apart what Python's parser would blur."""

    def once(pairs):
        keys = [key for key, _ in pairs]
        if len(keys) != len(set(keys)):
            raise ContractBroken(f"a key appears twice: {keys}")
        return dict(pairs)

    def never(word):
        raise ContractBroken(f"{word} is not JSON")

    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractBroken(f"not UTF-8: {error}") from error
    try:
        return json.loads(text, parse_float=Fraction, parse_constant=never, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise ContractBroken(f"not JSON: {error}: {text[:200]!r}") from error


def validate(value, schema, where="$"):
    """Raises ContractBroken, naming the place, where the value does not fit the schema."""

    def broken(text):
        raise ContractBroken(f"{where}: {text}; got {value!r}")

    if value is None:
        if not schema.get("nullable") and not _target(schema).get("nullable"):
            broken("null is not allowed")
        return
    if "$ref" in schema:
        return validate(value, _target(schema), where)
    for part in schema.get("allOf", []):
        validate(value, part, where)
    for word in ("oneOf", "anyOf"):
        if word in schema and not any(_fits(value, part, where) for part in schema[word]):
            broken(f"fits none of {word}")
    if "enum" in schema and value not in schema["enum"]:
        broken(f"not one of {schema['enum']}")
    kind = schema.get("type")
    if kind == "object":
        if not isinstance(value, dict):
            broken("not an object")
        for name in schema.get("required", []):
            if name not in value:
                broken(f"lacks {name}")
        extra = schema.get("additionalProperties")
        for name, child in value.items():
            if name in schema.get("properties", {}):
                validate(child, schema["properties"][name], f"{where}.{name}")
            elif isinstance(extra, dict):
                validate(child, extra, f"{where}.{name}")
    elif kind == "array":
        if not isinstance(value, list):
            broken("not an array")
        if len(value) < schema.get("minItems", 0):
            broken(f"fewer than {schema['minItems']} items")
        for index, child in enumerate(value):
            validate(child, schema.get("items", {}), f"{where}[{index}]")
    elif kind == "string":
        if not isinstance(value, str):
            broken("not a string")
        _validate_text(value, schema, where, broken)
    elif kind in ("integer", "number"):
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            broken("not a number")
        if kind == "integer" and not isinstance(value, int):
            broken("an integer written with a fraction")
        if value < schema.get("minimum", value) or value > schema.get("maximum", value):
            broken(f"outside {schema.get('minimum')} to {schema.get('maximum')}")
    elif kind == "boolean":
        if not isinstance(value, bool):
            broken("not a boolean")


def _validate_text(value, schema, where, broken):
    if len(value) < schema.get("minLength", 0):
        broken(f"shorter than {schema['minLength']}")
    name = where.rsplit(".", 1)[-1]
    if schema.get("format") == "date-time":
        if not (EXIF_INSTANT if name in EXIF_TIMES else INSTANT).fullmatch(value):
            broken("not a time with three fraction digits and Z")
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        broken(f"does not match {schema['pattern']}")
    # Ids without a format in the description are compared as strings by the app all the same.
    if schema.get("format") == "uuid" or re.fullmatch(r"id|ownerId|userId|livePhotoVideoId|clusterGroupId", name):
        if not UUID4.fullmatch(value) and not (name == "id" and "format" not in schema):
            broken("not a lower-case UUID of version 4")
    if name == "checksum" and (len(value) != 28 or len(base64.b64decode(value, validate=True)) != 20):
        broken("not the base64 of a SHA-1")


def _target(schema):
    return PIECES["schemas"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema


def _fits(value, schema, where):
    try:
        validate(value, schema, where)
    except ContractBroken:
        return False
    return True


@functools.cache
def _patterns():
    """Literal paths before those with a parameter, as the server's router does."""
    rows = []
    for line in PIECES["operations"]:
        method, path = line.split()
        rows.append((path.count("{"), method, re.compile("/api" + re.sub(r"\{\w+\}", "[^/]+", path)), line))
    return sorted(rows, key=lambda row: row[0])


def operation(method: str, target: str):
    """The described operation that a request belongs to, such as `GET /assets/{id}`; None for all others."""
    path = target.split("?", 1)[0].rstrip("/")
    for _, its_method, pattern, line in _patterns():
        if its_method == method and pattern.fullmatch(path):
            return line
    return None


def check(method: str, target: str, answer):
    """Raises ContractBroken where the answer is not what Immich's description and section 2 of its clients promise."""
    if answer.status >= 400:
        check_refusal = check_problem if target.startswith("/api/backup") else check_error
        return check_refusal(answer, f"{method} {target}")
    line = operation(method, target)
    if line is None or answer.status in (206, 302, 304):
        return None
    described = PIECES["operations"][line]["responses"].get(str(answer.status))
    if described is None:
        raise ContractBroken(f"{line}: status {answer.status} is not described")
    if described["schema"] is None or method == "HEAD":
        if described["schema"] is None and answer.body:
            raise ContractBroken(f"{line}: {answer.status} with a body of {len(answer.body)} bytes")
        return None
    if described["schema"].get("format") == "binary":
        return None
    if answer.content_type != "application/json":
        raise ContractBroken(f"{line}: content type {answer.content_type!r}")
    validate(parse(answer.body), described["schema"], line)
    return None


def check_problem(answer, what=""):
    """A refusal of our own interface (RFC 9457)."""
    if answer.content_type != "application/problem+json":
        raise ContractBroken(f"{what}: {answer.status} with content type {answer.content_type!r}")
    if not answer.header("x-correlation-id"):
        raise ContractBroken(f"{what}: {answer.status} without X-Correlation-ID")
    if answer.body:
        body = parse(answer.body)
        if body.get("status") != answer.status or not body.get("detail"):
            raise ContractBroken(f"{what}: {answer.status} without its status or a detail: {body!r}")


def check_error(answer, what=""):
    """Every refusal: JSON, a message, a correlation id; aioimmich indexes both without asking."""
    if answer.content_type != "application/json":
        raise ContractBroken(f"{what}: {answer.status} with content type {answer.content_type!r}")
    if not answer.header("x-correlation-id"):
        raise ContractBroken(f"{what}: {answer.status} without X-Correlation-ID")
    if not answer.body:  # the answer to a HEAD
        return
    body = parse(answer.body)
    if not isinstance(body, dict) or not isinstance(body.get("message"), str) or not body["message"]:
        raise ContractBroken(f"{what}: {answer.status} without a message: {body!r}")
    if "statusCode" in body or isinstance(body.get("error"), str):
        raise ContractBroken(f"{what}: version 2 error keys confuse version 3 clients: {body!r}")
    for entry in body.get("errors", []):
        if "message" not in entry or "path" not in entry:
            raise ContractBroken(f"{what}: an entry of errors needs message and path: {entry!r}")
