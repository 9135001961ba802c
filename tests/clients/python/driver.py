"""Drives the official Socket.IO client of Python for the journeys.

It speaks as tests/clients/js/driver.mjs does: one JSON object a line, orders
in, out whatever a socket hears. Each socket runs the lines of docs/events.md,
as they stand there.
"""

import ast
import asyncio
import contextlib
import json
import re
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import socketio

PAGE = Path(__file__).parents[3] / "docs" / "events.md"
LINES = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)[1]
TEN_LINES = compile(LINES, str(PAGE), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

# A client comes back sooner than it would by itself, so that tests need not
# wait for it; a stock one is left as it is.
IMPATIENT = {"reconnection_delay": 0.1, "reconnection_delay_max": 1}

sockets = {}
# What a brief driver told already.
told = set()


def say(name, event, payload=None):
    line = {"id": name, "event": event, "payload": payload, "at": int(time.time() * 1000)}
    print(json.dumps(line), flush=True)


def shorn(payload):
    """An event whole for whoever hears it first, and without what it says for
    others, to whom it says the same; a replay of such events."""
    if not isinstance(payload, dict):
        return payload
    if "events" in payload:
        return {**payload, "events": [shorn(event) for event in payload["events"]]}
    if "position" not in payload or "id" not in payload:
        return payload
    if payload["id"] not in told:
        told.add(payload["id"])
        return payload
    rest = {key: value for key, value in payload.items() if key not in ("data", "change")}
    return {**rest, "shorn": True}


def watched(order):
    """The client, with the transports of this test, telling what it hears."""

    class Watched(socketio.AsyncClient):
        def __init__(self):
            super().__init__(**({} if order["stock"] else IMPATIENT), handle_sigint=False)
            sockets[order["id"]] = self

        async def connect(self, url, **options):
            options["transports"] = order["transports"]
            await super().connect(url, **options)

        async def _trigger_event(self, event, namespace, *args):
            told = await super()._trigger_event(event, namespace, *args)
            if event == "connect":
                say(order["id"], event, {"transport": self.transport()})
            elif not event.startswith("__"):
                payload = args[0] if args else None
                if event == "connect_error" and isinstance(payload, dict):
                    payload = payload.get("message")
                say(order["id"], event, shorn(payload) if order["brief"] else payload)
            return told

    return Watched


async def connect(order):
    async def post(path, body):
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            async with session.post(order["url"] + path, json=body) as answer:
                return await answer.json()

    login = order["login"]
    place = {
        "asyncio": asyncio,
        "contextlib": contextlib,
        "time": time,
        "socketio": SimpleNamespace(AsyncClient=watched(order)),
        "url": order["url"],
        "post": post,
        "tokens": login,
        "expires_at": time.time() + login["expiresIn"],
        "cursor": order["resume"],
    }
    try:
        await eval(TEN_LINES, place)
    except socketio.exceptions.ConnectionError as error:
        say(order["id"], "not connected", str(error))


async def emit(order):
    def acknowledged(answer=None):
        say(order["id"], order["ack"], answer)

    await sockets[order["id"]].emit(order["event"], order["data"], callback=acknowledged)


async def state(order):
    client = sockets[order["id"]]
    say(order["id"], order["ack"], {"connected": client.connected, "engine": client.eio.state})


async def disconnect(order):
    await sockets[order["id"]].shutdown()


async def main():
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=1 << 24)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    operations = {"connect": connect, "emit": emit, "state": state, "disconnect": disconnect}
    at_work = set()
    while line := await orders.readline():
        order = json.loads(line)
        work = loop.create_task(operations[order["op"]](order))
        at_work.add(work)
        work.add_done_callback(at_work.discard)


asyncio.run(main())
