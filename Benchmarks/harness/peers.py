"""The servers that are compared. Each starts on loopback with an empty folder, and takes uploads with it."""

import json
import os
import pwd
import shutil
import time
from pathlib import Path

from . import processes
from .processes import BenchmarkError

HERE = Path(__file__).resolve().parent.parent
TOOLS = HERE / ".build"
PONG = '{"res":"pong"}'


class Peer:
    """One server with its folder `home`; `with peer:` starts and stops it and deletes the folder."""

    name = ""
    ping = "/ping"
    upload_mode = "put"

    def __init__(self, work):
        self.home = Path(work) / self.name.replace(" ", "-").replace(",", "")
        self.log = Path(work) / f"{self.home.name}.log"
        self.files = self.home  # where uploads end up
        self.port = 0
        self.child = None

    def __enter__(self):
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.launch()
        return self

    def __exit__(self, *_):
        self.end()
        shutil.rmtree(self.home, ignore_errors=True)
        os.sync()  # the next one shall not pay for this one's dirty pages

    def launch(self):
        raise NotImplementedError

    def end(self):
        if self.child:
            processes.stop(self.child)
        self.child = None

    def launch_on_port(self, command_for):
        self.port = processes.free_port()
        self.child = processes.start(command_for(self.port), self.log)
        processes.wait_for_port(self.child, self.port)

    def credentials(self):
        return []

    def stored(self, size):
        """How many files of exactly this size lie in the peer's folder."""
        return sum(
            os.lstat(os.path.join(folder, name)).st_size == size
            for folder, _, names in os.walk(self.files) for name in names)

    def upload(self, files, size, connections, suffix, timeout=300):
        """Uploads by the load client; seconds. Every file must have been answered 2xx and lie there whole."""
        seed = f"s{time.monotonic_ns()}"
        before = self.stored(size) if self.stores else 0
        result = json.loads(processes.run(
            [TOOLS / "upload", self.port, self.upload_mode, files, size, connections, suffix, seed,
             *self.credentials()], timeout))
        if result["done"] != files:
            raise BenchmarkError(f"{self.name}: {result['failed']} of {files} uploads failed")
        if self.stores and self.stored(size) - before != files:
            raise BenchmarkError(f"{self.name}: {self.stored(size) - before} of {files} files lie in its folder")
        return result["seconds"]

    stores = True

    def warm_up(self):
        """Whatever is only done the first time, and all that follows from it."""
        self.upload(1, 70_000, 1, "jpg")


class Nginx(Peer):
    """nginx with its DAV module as Debian ships it: no hash, no fsync."""

    name = "nginx"
    body_buffer = None

    def launch(self):
        for folder in ("files", "temp"):
            (self.home / folder).mkdir()
        account = f"user {pwd.getpwuid(0).pw_name};" if os.geteuid() == 0 else ""
        buffer = f"client_body_buffer_size {self.body_buffer};" if self.body_buffer else ""
        others = "".join(f"{kind}_temp_path {self.home}/temp-{kind};" for kind in ("proxy", "fastcgi", "scgi", "uwsgi"))
        self.launch_on_port(lambda port: self.command(f"""
            {account} daemon off; worker_processes 2; pid {self.home}/pid; error_log {self.log} error;
            events {{ worker_connections 1024; }}
            http {{
              access_log off; sendfile on; tcp_nodelay on; keepalive_requests 1000000000; client_max_body_size 0;
              client_body_temp_path {self.home}/temp; {others} {buffer}
              server {{
                listen 127.0.0.1:{port}; root {self.home}/files;
                location = /ping {{ default_type application/json; return 200 '{PONG}'; }}
                location / {{ dav_methods PUT; }}
              }}
            }}"""))

    def command(self, configuration):
        file = self.home / "nginx.conf"
        file.write_text(configuration)
        return ["/usr/sbin/nginx", "-p", self.home, "-c", file]


class NginxTuned(Nginx):
    """The same with a body buffer of 1 MiB in place of 16 KiB: shown, because it is twice as fast."""

    name = "nginx, 1 MiB buffer"
    body_buffer = "1m"


class Copyparty(Peer):
    name = "copyparty"

    def launch(self):
        files = self.home / "files"
        files.mkdir()
        self.launch_on_port(lambda port: [
            HERE / ".venv/bin/copyparty", "-q", "-i", "127.0.0.1", "-p", port, "-v", f"{files}::rw",
            "--hist", self.home / "history"])


class Hummingbird(Peer):
    """The small server in hummingbird-peer/: SHA-1, fsync before 201."""

    name = "Hummingbird"

    def launch(self):
        program = HERE / "hummingbird-peer/.build/release/HummingbirdPeer"
        self.launch_on_port(lambda port: [program, port, self.home])


class ReceiveHash(Peer):
    """Limit of one upload: receive + SHA-1 on a second thread, bytes thrown away."""

    name = "receive + SHA-1"
    stores = False

    def launch(self):
        self.child = processes.start([TOOLS / "receive_hash"], self.log, stdout=-1)
        self.port = int(processes.wait_for_line(self.child).split()[1])


class ReceiveHashStore(Peer):
    """Limit of one upload that is stored: receive, SHA-1 and direct write on a thread each, then sync and rename."""

    name = "receive + SHA-1 + direct write + fsync + rename, a thread each, in C"

    def launch(self):
        self.child = processes.start([TOOLS / "receive_hash", self.home], self.log, stdout=-1)
        self.port = int(processes.wait_for_line(self.child).split()[1])


class ReceiveStore(Peer):
    """Limit of many uploads: receive, SHA-1, direct write, fsync, rename; no multipart, no catalog."""

    name = "receive + SHA-1 + direct write + fsync + rename in C"

    def launch(self):
        self.child = processes.start([TOOLS / "receive_store", self.home], self.log, stdout=-1)
        self.port = int(processes.wait_for_line(self.child).split()[1])
