// Engine.IO, against a bare echo.

import assert from "node:assert/strict";
import { Line, PING_INTERVAL, PING_TIMEOUT, Polling, SEPARATOR, address, check, sleep } from "./harness.mjs";

const ECHO = "/engine.io/";
const at = (query, options) => fetch(`http://${address}${ECHO}?${query}`, options);
const fails = async (line) => {
  await line.closed;
  assert.notEqual(line.socket.readyState, 1);
};

const shaken = (handshake, upgrades) => {
  const { sid, ...rest } = handshake;
  assert.equal(typeof sid, "string");
  assert.deepEqual(rest, {
    upgrades, pingInterval: PING_INTERVAL, pingTimeout: PING_TIMEOUT, maxPayload: 1_000_000,
  });
};

check("engine: a session opens by polling", async () => {
  const answer = await at("EIO=4&transport=polling");
  const text = await answer.text();
  assert.equal(answer.status, 200);
  assert.equal(text[0], "0");
  shaken(JSON.parse(text.slice(1)), ["websocket"]);
});

check("engine: a session opens by WebSocket", async () => {
  shaken((await Line.open(ECHO)).handshake, []);
});

for (const query of ["transport=polling", "EIO=abc&transport=polling", "EIO=4", "EIO=4&transport=abc"]) {
  check(`engine: ${query} is refused`, async () => assert.equal((await at(query)).status, 400));
  const upgraded = query.replace("polling", "websocket");
  check(`engine: a WebSocket with ${upgraded} is refused`, () => fails(Line.to(ECHO, upgraded)));
}

for (const method of ["POST", "PUT"]) {
  check(`engine: ${method} opens nothing`, async () => {
    assert.equal((await at("EIO=4&transport=polling", { method })).status, 400);
  });
}

check("engine: an unknown session is refused", async () => {
  assert.equal((await new Polling(ECHO, "nobody").poll()).status, 400);
});

const payloads = {
  "one text": "4hello",
  "several texts": ["4one", "4two", "4three"].join(SEPARATOR),
  "text and binary": ["4hello", "bAQIDBA=="].join(SEPARATOR),
};
for (const [what, payload] of Object.entries(payloads)) {
  check(`engine: ${what} by polling`, async () => {
    const session = await Polling.open(ECHO);
    assert.deepEqual(await session.push(payload), { status: 200, text: "ok" });
    assert.deepEqual(await session.poll(), { status: 200, text: payload });
  });
}

check("engine: no packet by polling closes the session", async () => {
  const session = await Polling.open(ECHO);
  assert.equal((await session.push("abc")).status, 400);
  assert.equal((await session.poll()).status, 400);
});

check("engine: a second poll at once closes the session", async () => {
  const session = await Polling.open(ECHO);
  const [first, second] = await Promise.all([session.poll(), sleep(30).then(() => session.poll())]);
  assert.deepEqual(first, { status: 200, text: "1" });
  assert.ok([400, 500].includes(second.status), `${second.status}`);
  assert.equal((await session.poll()).status, 400);
});

check("engine: a poll that is given up closes the session", async () => {
  const session = await Polling.open(ECHO);
  const gone = new AbortController();
  const polled = fetch(session.url, { signal: gone.signal }).catch(() => {});
  await sleep(30);
  gone.abort();
  await polled;
  await sleep(30);
  assert.equal((await session.poll()).status, 400);
});

check("engine: more than maxPayload by polling is refused", async () => {
  const session = await Polling.open(ECHO);
  assert.ok([400, 413].includes((await session.push("4" + "x".repeat(1_000_000))).status));
});

check("engine: text and binary by WebSocket", async () => {
  const line = await Line.open(ECHO);
  line.send("4hello", Buffer.from([1, 2, 3, 4]));
  assert.deepEqual(await line.next(), "4hello");
  assert.deepEqual(await line.next(), Buffer.from([1, 2, 3, 4]));
});

check("engine: no packet by WebSocket closes it", async () => {
  const line = await Line.open(ECHO);
  line.send("abc");
  await line.closed;
});

check("engine: the first ping by polling comes after an interval", async () => {
  const session = await Polling.open(ECHO);
  const opened = Date.now();
  assert.equal((await session.poll()).text, "2");
  assert.ok(Date.now() - opened >= PING_INTERVAL - 100, `${Date.now() - opened} ms`);
});

check("engine: the first ping by WebSocket comes after an interval", async () => {
  const line = await Line.open(ECHO);
  const opened = Date.now();
  assert.equal(await line.next(), "2");
  assert.ok(Date.now() - opened >= PING_INTERVAL - 100, `${Date.now() - opened} ms`);
});

check("engine: pings by polling", async () => {
  const session = await Polling.open(ECHO);
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(await session.poll(), { status: 200, text: "2" });
    assert.deepEqual(await session.push("3"), { status: 200, text: "ok" });
  }
});

check("engine: pings by WebSocket", async () => {
  const line = await Line.open(ECHO);
  for (let round = 0; round < 3; round++) {
    assert.equal(await line.next(), "2");
    line.send("3");
  }
});

check("engine: no pong by polling closes the session", async () => {
  const session = await Polling.open(ECHO);
  await sleep(PING_INTERVAL + PING_TIMEOUT + 5);
  assert.equal((await session.poll()).status, 400);
});

check("engine: no pong by WebSocket closes it", async () => (await Line.open(ECHO)).closed);

check("engine: a close packet by polling", async () => {
  const session = await Polling.open(ECHO);
  const [polled] = await Promise.all([session.poll(), sleep(30).then(() => session.push("1"))]);
  assert.deepEqual(polled, { status: 200, text: "6" });
  assert.equal((await session.poll()).status, 400);
});

check("engine: a close packet by WebSocket", async () => {
  const line = await Line.open(ECHO);
  line.send("1");
  await line.closed;
});

const upgrade = async () => {
  const session = await Polling.open(ECHO);
  const line = session.webSocket();
  await line.opened();
  line.send("2probe");
  assert.equal(await line.next(), "3probe");
  return { session, line };
};
const echoes = async (line) => {
  line.send("4hello");
  const heard = (await line.heard(2)).filter((packet) => packet !== "6");
  assert.deepEqual(heard, ["4hello"]);
};

check("engine: an upgrade ends the poll and goes on by WebSocket", async () => {
  const { session, line } = await upgrade();
  assert.deepEqual(await session.poll(), { status: 200, text: "6" });
  line.send("5", "4hello");
  assert.deepEqual(await line.heard(1), ["4hello"]);
});

check("engine: after an upgrade polling is refused and the WebSocket goes on", async () => {
  const { session, line } = await upgrade();
  line.send("5");
  await sleep(50);
  assert.equal((await session.poll()).status, 400);
  line.send("4hello");
  assert.ok((await line.heard(1)).concat(line.kept).some((packet) => packet === "4hello" || packet === "6"));
});

check("engine: after an upgrade a second WebSocket is closed and the first goes on", async () => {
  const { session, line } = await upgrade();
  line.send("5");
  await sleep(50);
  const second = session.webSocket();
  await second.closed;
  line.send("4hello");
  let packet;
  do packet = await line.next(); while (packet !== "4hello");
});
