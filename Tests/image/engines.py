"""Two ways to build the Dockerfile and run what comes out: a Docker engine, or buildah where none can be reached."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from harness.process import REPOSITORY, until

# Builds a Dockerfile with buildah on base images made from Debian's packages: for machines without an image registry.
IMAGE_BUILD = pathlib.Path(os.environ.get("IMAGE_BUILD", REPOSITORY.parent / "shared" / "tools" / "image-build"))
START_LIMIT = 60.0


def output(*command, **options):
    return subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, **options
    ).stdout.strip()


def choose():
    """Docker where an engine answers, else buildah; None and the reason where there is neither."""
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "info"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        if asked.returncode == 0:
            return Docker(), ""
    if os.access(IMAGE_BUILD, os.X_OK):
        return Buildah(), ""
    return None, (
        "no Docker engine answers, and there is no image-build script at "
        f"{IMAGE_BUILD}: start Docker, or set IMAGE_BUILD to a script that takes DIR TAG and builds with buildah")


class Container:
    """One run of the image: `port` on 127.0.0.1, and the process's id on this machine. As `harness.client` wants a server."""

    tls = None

    def __init__(self, port):
        self.port = port


class Docker:
    name = "docker"

    def build(self, folder, tag):
        subprocess.run(["docker", "build", "--tag", tag, str(folder)], check=True, stdin=subprocess.DEVNULL)

    def configuration(self, tag):
        return json.loads(output("docker", "image", "inspect", tag))[0]["Config"]

    @contextlib.contextmanager
    def running(self, tag, data, user=None):
        options = ["--user", user] if user else []
        # No rights beyond those of any program, and nothing to write to but the data.
        identifier = output(
            "docker", "run", "--detach", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges",
            "--publish", "127.0.0.1::2283", "--volume", f"{data}:/data", *options, tag)
        try:
            address = output("docker", "port", identifier, "2283/tcp").splitlines()[0]
            container = Container(int(address.rsplit(":", 1)[1]))
            container.identifier = identifier
            container.pid = int(output("docker", "inspect", "--format", "{{.State.Pid}}", identifier))
            yield container
        finally:
            subprocess.run(["docker", "logs", "--tail", "20", identifier], stdin=subprocess.DEVNULL)
            output("docker", "rm", "--force", identifier)

    def healthy(self, container):
        state = output("docker", "inspect", "--format", "{{.State.Health.Status}}", container.identifier)
        assert state != "unhealthy"
        return state == "healthy"

    def execute(self, container, *command):
        return output("docker", "exec", container.identifier, *command)

    def stop(self, container):
        """SIGTERM as `docker stop` sends it; the exit code."""
        output("docker", "kill", "--signal", "TERM", container.identifier)
        return int(output("docker", "wait", container.identifier, timeout=15))


class Buildah:
    """Chroot isolation: the container shares this machine's network and process table."""

    name = "buildah"
    environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}

    def build(self, folder, tag):
        # The OCI format knows no HEALTHCHECK.
        subprocess.run(
            [str(IMAGE_BUILD), str(folder), tag, "--format", "docker"], check=True, stdin=subprocess.DEVNULL)

    def configuration(self, tag):
        return json.loads(output("buildah", "inspect", "--type", "image", tag, env=self.environment))["Docker"]["config"]

    @contextlib.contextmanager
    def running(self, tag, data, user=None):
        declared = self.configuration(tag)
        with socket.socket() as free:
            free.bind(("0.0.0.0", 0))
            container = Container(free.getsockname()[1])
        container.identifier = output("buildah", "from", "--pull-never", tag, env=self.environment)
        # Under chroot isolation the image's own volume would lie above the mounted folder.
        output("buildah", "config", "--volume", "/data-", container.identifier, env=self.environment)
        container.options = ["--volume", f"{data}:/data", "--env", f"NIGHTSTAND_PORT={container.port}"]
        container.options += ["--user", user] if user else []
        process = subprocess.Popen(
            ["buildah", "run", *container.options, container.identifier, "--",
             *declared["Entrypoint"], *declared["Cmd"]],
            stdin=subprocess.DEVNULL, env=self.environment)
        container.process = process
        try:
            container.pid = until(lambda: self._server(process), START_LIMIT, "the server's process")
            yield container
        finally:
            if process.poll() is None:
                for pid in descendants(process.pid):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                process.kill()
                process.wait(15)
            output("buildah", "rm", container.identifier, env=self.environment)

    def _server(self, process):
        assert process.poll() is None, f"the container ended with {process.returncode}"
        for pid in descendants(process.pid):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "nightstand":
                    return pid
        return None

    def healthy(self, container):
        check = self.configuration_of(container)["Healthcheck"]["Test"]
        assert check[0] == "CMD"
        assert container.process.poll() is None, f"the container ended with {container.process.returncode}"
        asked = subprocess.run(
            ["buildah", "run", *container.options, container.identifier, "--", *check[1:]],
            stdin=subprocess.DEVNULL, env=self.environment)
        return asked.returncode == 0

    def configuration_of(self, container):
        return json.loads(output("buildah", "inspect", container.identifier, env=self.environment))["Docker"]["config"]

    def execute(self, container, *command):
        return output("buildah", "run", *container.options, container.identifier, "--", *command, env=self.environment)

    def stop(self, container):
        os.kill(container.pid, signal.SIGTERM)
        return container.process.wait(15)


def descendants(root):
    """Ids of all processes below `root`, nearest first."""
    children = {}
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            # The name in brackets may hold blanks; the parent is the second field after it.
            fields = status.read_text().rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, queue = [], [root]
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found
