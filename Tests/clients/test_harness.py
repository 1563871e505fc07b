"""The tests of the tests: the contract checker and the wire reader see what they are there to see."""

import pytest

from harness import contract, media, multipart
from harness.contract import ContractBroken
from harness.wire import Answer

GOOD = "7f2c4b1e-9d3a-4c5f-8a6b-0e1d2c3b4a59"


def validate(text, **schema):
    contract.validate(contract.parse(text.encode()), schema, "$.x")


@pytest.mark.parametrize("text, schema", [
    ("1.0", {"type": "integer"}), ("1e3", {"type": "integer"}), ("true", {"type": "integer"}), ('"1"', {"type": "integer"}),
    ("1", {"type": "boolean"}), ('"true"', {"type": "boolean"}), ("null", {"type": "string"}), ("7", {"type": "string"}),
    ('"b"', {"type": "string", "enum": ["a"]}), ("-1", {"type": "integer", "minimum": 0}),
    ("{}", {"type": "object", "required": ["a"]}), ('[1, "2"]', {"type": "array", "items": {"type": "integer"}}),
    (f'"{GOOD.upper()}"', {"type": "string", "format": "uuid"}),
    ('"01890a5d-ac96-774b-bcce-b302099a8057"', {"type": "string", "format": "uuid"}),
    ('"2024-07-05T13:14:15Z"', {"type": "string", "format": "date-time"}),
    ('"2024-07-05T13:14:15.123456Z"', {"type": "string", "format": "date-time"}),
    ('"2024-07-05T13:14:15.123+00:00"', {"type": "string", "format": "date-time"}),
])
def test_the_checker_objects(text, schema):
    with pytest.raises(ContractBroken):
        validate(text, **schema)


@pytest.mark.parametrize("text, schema", [
    ("1", {"type": "integer"}), ("1", {"type": "number"}), ("1.5", {"type": "number"}), ("false", {"type": "boolean"}),
    ("null", {"type": "string", "nullable": True}), (f'"{GOOD}"', {"type": "string", "format": "uuid"}),
    ('"2024-07-05T13:14:15.123Z"', {"type": "string", "format": "date-time"}), ('{"more": 1}', {"type": "object"}),
])
def test_the_checker_agrees(text, schema):
    validate(text, **schema)


@pytest.mark.parametrize("raw", [b'{"a":1,"a":2}', b"{", b"NaN", b"\xff", b"", b"{} {}"])
def test_broken_json_is_noticed(raw):
    with pytest.raises(ContractBroken):
        contract.parse(raw)


@pytest.mark.parametrize("fields, body", [
    ([("Content-Type", "text/plain"), ("X-Correlation-ID", "x")], b'{"message":"m"}'),
    ([("Content-Type", "application/json")], b'{"message":"m"}'),
    ([("Content-Type", "application/json"), ("X-Correlation-ID", "x")], b'{"error":"m"}'),
    ([("Content-Type", "application/json"), ("X-Correlation-ID", "x")], b'{"message":["m"]}'),
    ([("Content-Type", "application/json"), ("X-Correlation-ID", "x")], b'{"message":"m","statusCode":400}'),
])
def test_an_improper_error_is_noticed(fields, body):
    with pytest.raises(ContractBroken):
        contract.check_error(Answer(400, fields, body))


def test_an_undescribed_status_is_noticed():
    answer = Answer(201, [("Content-Type", "application/json")], b'{"res":"pong"}')
    with pytest.raises(ContractBroken):
        contract.check("GET", "/api/server/ping", answer)


def test_media_is_the_same_on_every_run():
    assert media.jpeg("x") == media.jpeg("x") != media.jpeg("y")
    assert media.jpeg("x")[:3] == b"\xff\xd8\xff" and media.png("x")[1:4] == b"PNG" and media.heic("x")[4:12] == b"ftypheic"


def test_the_chunked_coding_is_what_the_standard_says():
    assert multipart.chunked(b"hello world", (4, 7)) == b"4\r\nhell\r\n7\r\no world\r\n0\r\n\r\n"
