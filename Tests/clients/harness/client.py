"""A plain client for the tests' own requests. Every answer is held against the contract before a test sees it."""

import base64
import hashlib
import http.client
import json
import urllib.parse

from . import contract, multipart
from .wire import Answer

PASSWORD = "correct horse battery"


def sha1(data):
    return hashlib.sha1(data, usedforsecurity=False)


def base64_sha1(data):
    return base64.b64encode(sha1(data).digest()).decode()


class Client:
    """Requests with one credential on one keep-alive connection. Not for several threads at once."""

    def __init__(self, server, *, source="127.0.0.1", **fields):
        self.server, self.source, self.fields = server, source, fields
        self.connection = None

    def with_fields(self, **fields):
        return Client(self.server, source=self.source, **fields)

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def _connect(self):
        arguments = {"timeout": 60, "source_address": (self.source, 0)}
        if self.server.tls:
            context = self.server.tls.client_context()
            return http.client.HTTPSConnection("127.0.0.1", self.server.port, context=context, **arguments)
        return http.client.HTTPConnection("127.0.0.1", self.server.port, **arguments)

    def request(self, method, target, *, body=None, json_body=None, fields=None, checked=True) -> Answer:
        """Sends one request. `fields` override the credential's; a value of None leaves a field out."""
        sent = {name.replace("_", "-"): value for name, value in self.fields.items()} | (fields or {})
        if json_body is not None:
            body = json.dumps(json_body).encode()
            sent.setdefault("Content-Type", "application/json")
        if self.connection is None:
            self.connection = self._connect()
        try:
            self.connection.request(
                method, target, body=body, encode_chunked="Transfer-Encoding" in sent,
                headers={name: value for name, value in sent.items() if value is not None})
            raw = self.connection.getresponse()
            answer = Answer(raw.status, raw.getheaders(), raw.read(), reason=raw.reason)
        except BaseException:
            self.close()
            raise
        if raw.will_close:
            self.close()
        if checked:
            contract.check(method, target, answer)
        return answer

    def get(self, target, **options):
        return self.request("GET", target, **options)

    def post(self, target, json_body=None, **options):
        return self.request("POST", target, json_body=json_body, **options)

    def put(self, target, json_body=None, **options):
        return self.request("PUT", target, json_body=json_body, **options)

    def patch(self, target, json_body=None, **options):
        return self.request("PATCH", target, json_body=json_body, **options)

    def delete(self, target, json_body=None, **options):
        return self.request("DELETE", target, json_body=json_body, **options)

    def upload(self, data, filename="photo.jpg", /, *, fields=None, sidecar=None, drop=(), checked=True, **form):
        body = multipart.upload(data, filename, sidecar=sidecar, drop=drop, **form)
        return self.request(
            "POST", "/api/assets", body=body, checked=checked,
            fields={"Content-Type": multipart.content_type()} | (fields or {}))

    def store(self, data, filename="photo.jpg", /, **options) -> str:
        """Uploads new bytes and returns the asset's id."""
        answer = self.upload(data, filename, **options)
        assert answer.status == 201, answer
        assert answer.json()["status"] == "created"
        return answer.json()["id"]

    def original(self, asset, **options):
        return self.get(f"/api/assets/{asset}/original", **options)

    def check(self, *digests):
        """What the bulk check says about these checksums, in order."""
        items = [{"id": str(index), "checksum": digest} for index, digest in enumerate(digests)]
        answer = self.post("/api/assets/bulk-upload-check", {"assets": items})
        assert answer.status == 200, answer
        return answer.json()["results"]

    def count(self):
        """How many photos and videos the server says this user has."""
        return self.get("/api/assets/statistics").json()["total"]

    def me(self):
        answer = self.get("/api/users/me")
        assert answer.status == 200, answer
        return answer.json()


def sign_up(server, email="anna@example.org", name="Anna", password=PASSWORD):
    """Creates the admin of a fresh server."""
    answer = Client(server).post("/api/auth/admin-sign-up", {"email": email, "name": name, "password": password})
    assert answer.status == 201, answer
    return answer.json()


def log_in(server, email="anna@example.org", password=PASSWORD, **options):
    """Logs in; returns a client that carries the session as a bearer token, and the login's answer."""
    answer = Client(server, **options).post("/api/auth/login", {"email": email, "password": password})
    assert answer.status == 201, answer
    client = Client(server, Authorization=f"Bearer {answer.json()['accessToken']}", **options)
    return client, answer


def session(server, **options):
    """The login that a founded server came with."""
    return Client(server, **server.session, **options)


def api_key(client, *permissions, name="proof"):
    """Makes an API key; returns a client that uses it."""
    answer = client.post("/api/api-keys", {"name": name, "permissions": list(permissions) or ["all"]})
    assert answer.status == 201, answer
    return Client(client.server, x_api_key=answer.json()["secret"])


def quoted(text):
    return urllib.parse.quote(text, safe="")
