"""An HTTP server on loopback that keeps what it is sent and answers as it was told."""

import http.server
import threading


class Message:
    """One request that came."""

    def __init__(self, path, fields, body):
        self.path, self.fields, self.body = path, {name.lower(): value for name, value in fields}, body


class Receiver:
    """Takes every POST and GET. `answers`, (status, fields) each, are given in turn, the last one from then on."""

    message = Message

    def __init__(self, *answers):
        self.answers, self.heard = list(answers), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, fields = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                outer.heard.append(outer.message(self.path, self.headers.items(), body))
                self.send_response(status)
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_GET = do_POST

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        self.place = f"127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
