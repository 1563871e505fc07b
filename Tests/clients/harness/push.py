"""Push services of the tests: what they receive is decrypted, verified and taken apart by libraries nobody here wrote."""

import asyncio
import base64
import json
import os
import socket
import threading
import urllib.parse

import http_ece
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypercorn.asyncio import serve
from hypercorn.config import Config
from py_vapid import Vapid02

from .process import until
from .receiver import Message, Receiver


def url64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unurl64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class App:
    """What a browser or a UnifiedPush app keeps of its subscription."""

    def __init__(self):
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.secret = os.urandom(16)
        point = self.private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        self.keys = {"p256dh": url64(point), "auth": url64(self.secret)}

    def read(self, message):
        return json.loads(http_ece.decrypt(
            message.body, private_key=self.private, auth_secret=self.secret, version="aes128gcm").rstrip(b"\0"))


class Pushed(Message):
    def claims(self):
        """Of its VAPID token, verified."""
        assert Vapid02.verify(self.fields["authorization"])
        token = self.fields["authorization"].split("t=")[1].split(",")[0]
        return json.loads(unurl64(token.split(".")[1]))


class PushService(Receiver):
    """RFC 8030's server side, as far as a sender sees it."""

    message = Pushed

    def __init__(self, *answers):
        super().__init__(*(answers or [(201, {})]))

    def endpoint(self, name="one"):
        return f"http://{self.place}/push/{name}"

    def wait(self, count):
        until(lambda: len(self.heard) >= count, what=f"push {count}")
        return self.heard[count - 1]


class Provider:
    """APNs or FCM over HTTP/2 and TLS, played by hypercorn: `answer(method, path, fields, body)` → (status, fields, object)."""

    def __init__(self, answer, certificate):
        self.answer, self.heard, self.versions = answer, [], set()
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        self.port = listener.getsockname()[1]
        config = Config()
        config.bind = [f"fd://{listener.detach()}"]
        config.certfile, config.keyfile = str(certificate.certificate), str(certificate.key)
        config.alpn_protocols = ["h2"]
        config.errorlog = config.accesslog = None
        config.graceful_timeout = config.shutdown_timeout = 0.1
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, args=(config,), daemon=True)
        self.thread.start()

    def _run(self, config):
        asyncio.set_event_loop(self.loop)

        self.stop = asyncio.Event()
        self.loop.run_until_complete(serve(self._app, config, shutdown_trigger=self.stop.wait))

    async def _app(self, scope, receive, send):
        if scope["type"] != "http":
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        fields = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.versions.add(scope["http_version"])
        self.heard.append((scope["method"], scope["path"], fields, body))
        status, extra, value = self.answer(scope["method"], scope["path"], fields, body)
        await send({"type": "http.response.start", "status": status, "headers": [
            (b"content-type", b"application/json"), *[(name.encode(), text.encode()) for name, text in extra.items()]]})
        await send({"type": "http.response.body", "body": json.dumps(value).encode() if value is not None else b""})

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}"

    def close(self):
        """After those who are connected have gone: hypercorn waits for their goodbye."""
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(10)


def form(body):
    return {name: values[0] for name, values in urllib.parse.parse_qs(body.decode()).items()}
