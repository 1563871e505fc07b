"""TLS: which versions, which protocol, a certificate that is renewed under way, and plain HTTP on the wrong port."""

import signal
import socket
import ssl

import pytest

from harness import process
from harness.client import Client
from harness.process import until
from harness.wire import Wire, exchange, get


@pytest.fixture
def secured(launch, tmp_path):
    return launch("--handshake-timeout", "1", tls=process.Certificate(tmp_path))


def handshake(server, **settings):
    """A connected TLS socket that trusts anything: what is asked here is what the server agrees to."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    for name, value in settings.items():
        setattr(context, name, value)
    if settings.get("maximum_version", ssl.TLSVersion.TLSv1_3) < ssl.TLSVersion.TLSv1_2:
        # Without this the client itself would refuse, and the test would prove nothing.
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols(server_alpn)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10))


server_alpn = ["h2", "http/1.1"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_1_2_and_1_3_are_spoken(secured, version):
    with handshake(secured, minimum_version=version, maximum_version=version) as wire:
        assert wire.version() == {771: "TLSv1.2", 772: "TLSv1.3"}[version]
        assert wire.selected_alpn_protocol() == "http/1.1", "HTTP/2 is not ours"
        wire.sendall(get("/api/server/ping", "Connection: close"))
        assert b'{"res":"pong"}' in b"".join(iter(lambda: wire.recv(4096), b""))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_older_versions_are_refused_by_the_server(secured, version):
    with pytest.raises(ssl.SSLError) as raised:
        handshake(secured, minimum_version=version, maximum_version=version)
    assert "ALERT" in str(raised.value).upper(), f"the refusal must come from the server: {raised.value}"
    assert exchange(secured, get()).status == 200


def test_cookies_are_secure_here(secured):
    """See test_accounts for all attributes; this is the one that differs."""
    from harness import client
    client.sign_up(secured)
    _, answer = client.log_in(secured)
    assert all("secure" in line.lower() for line in answer.all("set-cookie"))


def test_plain_http_on_the_tls_port_gets_a_readable_400(secured):
    with Wire(secured, tls=False) as wire:
        answer = wire.send(get()).answer()
        assert answer.status == 400
        assert b"https" in answer.body.lower()
        assert wire.ends() == b""


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\xff\xff" + b"\x01" * 200, b"\x80\x2e\x01\x00\x02" + bytes(60),
                                   b"SSH-2.0-OpenSSH_9.2\r\n", bytes(100)])
def test_noise_instead_of_a_handshake_ends_that_connection_only(secured, noise):
    with Wire(secured, tls=False) as wire:
        wire.send(noise)
        wire.gone(limit=6)
    assert exchange(secured, get()).status == 200


def test_a_handshake_that_never_comes_is_ended(secured):
    with Wire(secured, tls=False) as wire:
        wire.gone(limit=6)
    with Wire(secured, tls=False) as wire:
        wire.send(b"\x16\x03\x01\x02")  # the first bytes of a greeting, and no more
        wire.gone(limit=6)


def subject(server):
    with handshake(server) as wire:
        return ssl.DER_cert_to_PEM_cert(wire.getpeercert(binary_form=True))


def test_a_renewed_certificate_is_taken_up_on_sighup(secured):
    first = subject(secured)
    with Wire(secured) as old:
        assert old.send(get()).answer().status == 200
        secured.tls.renew("second")
        assert subject(secured) == first, "nothing changes without the signal"
        secured.signal(signal.SIGHUP)
        until(lambda: subject(secured) != first, what="the new certificate is shown")
        assert old.send(get()).answer().status == 200, "a connection that stands stays"
    assert Client(secured).get("/api/server/ping").status == 200, "and the new one is valid for 127.0.0.1"


def test_a_bad_certificate_on_sighup_changes_nothing(secured):
    first = subject(secured)
    secured.tls.certificate.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    secured.signal(signal.SIGHUP)
    until(lambda: b"certificate" in secured.log.read_bytes().lower(), what="the log says so")
    assert subject(secured) == first
    assert secured.process.poll() is None


@pytest.mark.parametrize("break_it", ["missing", "garbage", "mismatch", "only one"])
def test_a_server_whose_certificate_is_unusable_does_not_start(launch, tmp_path, break_it):
    """It must not fall back to plain HTTP; the exit code is that of a configuration error, and a hint is given."""
    tls = process.Certificate(tmp_path)
    if break_it == "missing":
        tls.certificate.unlink()
    elif break_it == "garbage":
        tls.key.write_text("garbage")
    elif break_it == "mismatch":
        kept = tls.key.read_bytes()
        tls.renew("another")
        tls.key.write_bytes(kept)
    server = launch(ready=False, tls=None if break_it == "only one" else tls)
    if break_it == "only one":
        server.options = ["--tls-cert", str(tls.certificate)]
    server.spawn()
    code = server.wait(20)
    assert code in ((64, 78) if break_it == "only one" else (74, 78)), (code, server.tail())
    assert "nightstand ready" not in server.tail() and server.tail().strip()
