"""Where people are told: an ntfy-compatible server and webhooks over HTTP, and a mail server (aiosmtpd)."""

import asyncio
import email
import email.policy
import hashlib
import hmac
import json
import threading
import time

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from .process import until
from .receiver import Receiver


class Inbox(Receiver):
    """An ntfy-compatible server, or somebody's webhooks."""

    def __init__(self, *answers):
        super().__init__(*(answers or [(200, {})]))

    def url(self, path):
        return f"http://{self.place}/{path}"

    def at(self, path):
        return [heard for heard in self.heard if heard.path == f"/{path}"]

    def wait(self, path, count=1):
        until(lambda: len(self.at(path)) >= count, what=f"message {count} at {path}")
        return self.at(path)[count - 1]


def verified(heard, secret, seen):
    """What a careful receiver does: the signature over timestamp and body, the clock, and each delivery once."""
    timestamp, delivery = heard.fields["x-nightstand-timestamp"], heard.fields["x-nightstand-delivery"]
    wanted = hmac.new(secret.encode(), timestamp.encode() + b"." + heard.body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(heard.fields["x-nightstand-signature"], f"sha256={wanted}")
    assert abs(time.time() - int(timestamp)) < 300
    assert delivery not in seen
    seen.add(delivery)
    return json.loads(heard.body)


class MailServer:
    """Wants a login, and keeps what it is given."""

    def __init__(self, user="nightstand", password="mail secret"):
        self.letters = []

        def authenticate(_server, _session, _envelope, mechanism, data):
            isRight = isinstance(data, LoginPassword) and data.login == user.encode() and data.password == password.encode()
            return AuthResult(success=isRight)

        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        # In that thread: the tests' own may have a loop already, Playwright's.
        self.server = asyncio.run_coroutine_threadsafe(self._serve(authenticate), self.loop).result(30)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _serve(self, authenticate):
        return await self.loop.create_server(
            lambda: SMTP(self, authenticator=authenticate, auth_required=True, auth_require_tls=False, loop=self.loop),
            "127.0.0.1", 0)

    async def handle_DATA(self, _server, _session, envelope):
        self.letters.append((envelope.mail_from, envelope.rcpt_tos, email.message_from_bytes(
            envelope.content, policy=email.policy.default)))
        return "250 OK"

    def wait(self, count=1):
        until(lambda: len(self.letters) >= count, what=f"letter {count}")
        return self.letters[count - 1]

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.server.close()
        self.loop.close()
