"""Where people are told: an ntfy-compatible server and webhooks over HTTP, and a mail server (aiosmtpd)."""

import asyncio
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import threading
import time

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from .process import until


class Heard:
    def __init__(self, path, fields, body):
        self.path, self.fields, self.body = path, {name.lower(): value for name, value in fields}, body


class Inbox:
    """Takes every POST. `answers` are given in turn, the last one from then on."""

    def __init__(self, *answers):
        self.answers, self.heard = list(answers) or [(200, {})], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, fields = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                outer.heard.append(Heard(self.path, self.headers.items(), body))
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.place = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def url(self, path):
        return f"http://{self.place}/{path}"

    def at(self, path):
        return [heard for heard in self.heard if heard.path == f"/{path}"]

    def wait(self, path, count=1):
        until(lambda: len(self.at(path)) >= count, what=f"message {count} at {path}")
        return self.at(path)[count - 1]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


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
        self.server = self.loop.run_until_complete(self.loop.create_server(
            lambda: SMTP(self, authenticator=authenticate, auth_required=True, auth_require_tls=False, loop=self.loop),
            "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

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
