"""Children that never outlive the benchmark: each gets a deadline, and the kernel ends it when we are gone."""

import ctypes
import resource
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)
running = []


class OutOfTime(Exception):
    """The whole run took longer than it may."""


class BenchmarkError(Exception):
    """A peer did not start, or work that was to be measured was not done."""


def in_child():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def start(command, log, **options):
    """Starts a server. Standard error, and output unless piped, go to the file `log`."""
    with open(log, "ab") as output:
        options.setdefault("stdout", output)
        child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stderr=output,
                                 preexec_fn=in_child, **options)
    child.log = log
    running.append(child)
    return child


def stop(child):
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(15)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    if child.stdout:
        child.stdout.close()
    if child in running:
        running.remove(child)


def stop_all():
    for child in list(running):
        stop(child)


def last_words(log):
    with open(log, "rb") as file:
        return file.read()[-800:].decode(errors="replace")


def run(command, timeout=120, **options):
    """Runs a program to its end and returns its standard output."""
    words = [str(word) for word in command]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, timeout=timeout, preexec_fn=in_child, **options)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"{words[0]} did not end within {timeout} s")
    if ended.returncode:
        raise BenchmarkError(f"{' '.join(words[:4])} … ended with {ended.returncode}: {ended.stderr[-800:]}")
    if ended.stderr:
        print(ended.stderr.strip()[-800:])
    return ended.stdout


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(child, port, seconds=20):
    limit = time.monotonic() + seconds
    while time.monotonic() < limit:
        if child.poll() is not None:
            raise BenchmarkError(f"{child.args[0]} ended with {child.returncode}: {last_words(child.log)}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise BenchmarkError(f"{child.args[0]} did not listen within {seconds} s: {last_words(child.log)}")


def wait_for_line(child, seconds=20):
    """The first line of a server that says on standard output when it is ready."""
    alarm = time.monotonic() + seconds
    line = child.stdout.readline().decode()
    if not line or time.monotonic() > alarm:
        raise BenchmarkError(f"{child.args[0]} did not get ready: {last_words(child.log)}")
    return line.strip()


@contextmanager
def deadline(seconds):
    """Raises OutOfTime within the block after so many seconds."""
    def ring(*_):
        raise OutOfTime(f"not finished within {seconds} s")
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
