"""A client that only listens, and brings a photo when it is woken: by its event stream, or by Web Push."""

import http.client
import json
import sqlite3

from . import tus
from .push import App

DAY = 86_400_000


def bring(phone, data, name, tickle):
    """Uploads by tus, as a client does that was woken: every request names the tickle."""
    fields = {name.replace("_", "-"): value for name, value in phone.fields.items()} | {
        "Tus-Resumable": tus.VERSION, "X-Tickle-Id": tickle}
    made = phone.request("POST", tus.RESOURCE, fields=fields | {
        "Upload-Length": str(len(data)), "Upload-Metadata": tus.metadata(filename=name)})
    assert made.status == 201, made
    sent = phone.request("PATCH", made.header("Location"), body=data, fields=fields | {
        "Upload-Offset": "0", "Content-Type": tus.MEDIA})
    assert sent.status in (200, 204) and sent.header("X-Asset-Status") == "created", sent


def events(phone):
    """The phone's open stream, read line by line."""
    connection = http.client.HTTPConnection("127.0.0.1", phone.server.port, timeout=30)
    connection.request("GET", "/api/backup/events", headers={
        name.replace("_", "-"): value for name, value in phone.fields.items()})
    answer = connection.getresponse()
    assert answer.status == 200

    def wake():
        name = None
        while line := answer.readline().decode():
            if line.startswith("event: "):
                name = line[7:].strip()
            elif line.startswith("data: ") and name == "wake":
                return json.loads(line[6:])
        raise AssertionError("the stream ended")

    return connection, wake


def register(phone, service):
    """Registers for Web Push and confirms."""
    app = App()
    answer = phone.put("/api/backup/devices/me/push", {
        "kind": "webpush", "endpoint": service.endpoint(), "keys": app.keys})
    assert answer.status == 200, answer
    token = app.read(service.wait(1))["token"]
    assert phone.post("/api/backup/devices/me/push/confirm", {"token": token}).status == 200
    return app


def fall_asleep(home, *people, days=3):
    """Days pass for every device of a server that is off."""
    for someone in people:
        someone.close()
    home.stop()
    with sqlite3.connect(home.data / "nightstand.sqlite") as catalog:
        catalog.execute("UPDATE device SET first_contact = first_contact - ?1 * 60, last_contact = last_contact - ?1", (days * DAY,))
        catalog.execute("UPDATE device_day SET day = day - ?", (days,))
        catalog.execute("UPDATE tickle_device SET last_tickle = last_tickle - ?", (days * DAY,))
        catalog.execute("DELETE FROM tickle")
    catalog.close()
