"""Reverse proxies from Debian before a server: each a process of the test's own, on a free port, in a folder of its own."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess

from .process import until
from .wire import Closed, exchange, get

NGINX = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port};
    {server}
    location / {{
      proxy_pass http://127.0.0.1:{target};
      {location}
    }}
  }}
}}
"""

# What docs/ tell an operator to write.
STREAMING = """proxy_request_buffering off; proxy_buffering off; proxy_http_version 1.1; client_body_buffer_size 1m;
      proxy_read_timeout 600s; proxy_send_timeout 600s; proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;"""

HAPROXY = """
global
  maxconn 256
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  option forwardfor
frontend front
  bind 127.0.0.1:{port}
  default_backend back
backend back
  server nightstand 127.0.0.1:{target}
"""

CADDY = """
{{
  admin off
  auto_https off
}}
http://:{port} {{
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:{target}
}}
"""


def _nginx(server="", location=""):
    return ("nginx", "nginx.conf", NGINX, lambda path: ["-p", str(path.parent), "-c", str(path)],
            {"server": server, "location": location})


KINDS = {
    # As Debian's package comes, but for the largest body.
    "nginx": _nginx("client_max_body_size 0;"),
    # Exactly as it comes: bodies of at most 1 MiB.
    "nginx-default": _nginx(),
    # No limit that makes sense: even the smallest piece of a client that gives in is refused.
    "nginx-tiny": _nginx("client_max_body_size 64k;"),
    "nginx-streaming": _nginx("client_max_body_size 0;", STREAMING),
    # HTTP/1.1 to the server and no field that gives the proxy away: nothing says that a 104 would break the answer.
    "nginx-unseen": _nginx("client_max_body_size 0;", 'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 2s;'),
    "haproxy": ("haproxy", "haproxy.cfg", HAPROXY, lambda path: ["-db", "-f", str(path)], {}),
    "caddy": ("caddy", "Caddyfile", CADDY, lambda path: ["run", "--config", str(path), "--adapter", "caddyfile"], {}),
}


class Proxy:
    """One reverse proxy. Anything that takes a server's port takes it."""

    tls = None

    def __init__(self, kind, target, folder: pathlib.Path):
        self.kind, self.target, self.folder = kind, target, folder
        program, name, template, arguments, values = KINDS[kind]
        self.program = shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if not self.program:
            raise FileNotFoundError(f"{program} is not installed: run `make test-packages`")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / name
        # Workers of a proxy that root starts would change to a user who cannot reach this folder.
        user = "user root;" if os.geteuid() == 0 else ""
        # The port is free now, and taken by somebody else perhaps the moment after: then it is tried again.
        for _ in range(5):
            with socket.create_server(("127.0.0.1", 0)) as probe:
                self.port = probe.getsockname()[1]
            path.write_text(template.format(user=user, folder=folder, port=self.port, target=target, **values))
            with (folder / "output.log").open("ab") as log:
                self.process = subprocess.Popen(
                    [self.program, *arguments(path)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
                    env={"PATH": os.environ.get("PATH", ""), "HOME": str(folder), "XDG_DATA_HOME": str(folder),
                         "XDG_CONFIG_HOME": str(folder)})
            if until(self._answers_or_ended, what=f"{kind} is ready") == "ready":
                return
        raise AssertionError(f"{kind} does not start:\n{self.tail()}")

    def _answers_or_ended(self):
        if self.process.poll() is not None:
            return "ended"
        with contextlib.suppress(OSError, Closed, AssertionError):
            return "ready" if exchange(self, get(), limit=2).status == 200 else None
        return None

    def tail(self):
        return "\n".join(path.read_text(errors="replace")[-2000:] for path in self.folder.glob("*.log"))

    def close(self):
        """Ends the process that this object started, and no other."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
