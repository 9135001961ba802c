// Drives the official Socket.IO client for the journeys.
//
// One JSON object a line on standard input:
//   {"op":"connect","id":"a","url":…,"login":{accessToken,refreshToken,expiresIn},
//    "transports":["websocket"],"resume":null,"brief":false}
//   {"op":"emit","id":"a","event":"message.send","data":{…},"ack":"ack 1"}
//   {"op":"leave","id":"a"}        the transport is lost, and there is no other
//   {"op":"return","id":"a"}       until now
//   {"op":"disconnect","id":"a"}   for good
// and one on standard output for everything a socket hears:
//   {"id":"a","event":"message.sent","payload":{…},"at":1767603600000}
// with connect, connect_error, disconnect and acknowledgements among them.

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const sockets = new Map();

const say = (id, event, payload = null) =>
  process.stdout.write(JSON.stringify({ id, event, payload, at: Date.now() }) + "\n");

// An event without what it says; a replay of such events.
const shorn = ({ data, change, events, ...rest }) =>
  events ? { ...rest, events: events.map(shorn) } : rest;

function connect({ id, url, login, transports, resume, brief }) {
  let tokens = login;
  let expiresAt = Date.now() + (login.expiresIn ?? 900) * 1000;
  let cursor = resume ?? null;
  let hasRetried = false;

  // -- What every client of Sayso needs. ------------------------------------
  const refresh = async () => {
    const answer = await fetch(`${url}/api/auth/refresh`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ refreshToken: tokens.refreshToken }),
    });
    if (!answer.ok) throw new Error(`refresh was answered ${answer.status}`);
    tokens = await answer.json();
    expiresAt = Date.now() + tokens.expiresIn * 1000;
  };
  const socket = io(url, {
    transports,
    reconnectionDelay: 100,
    reconnectionDelayMax: 1000,
    auth: async (answer) => {
      if (expiresAt - Date.now() < 60_000) await refresh().catch(() => {});
      answer({ token: tokens.accessToken, ...(cursor && { resume: cursor }) });
    },
  });
  const advance = (event) => {
    if (cursor && event?.position > cursor.position) cursor = { ...cursor, position: event.position };
  };
  socket.on("ready", ({ epoch, position }) => (cursor = { epoch, position }));
  socket.on("replay", ({ events }) => events.forEach(advance));
  socket.on("connect", () => (hasRetried = false));
  socket.on("connect_error", async (error) => {
    if (!error.message.startsWith("auth.") || hasRetried) return;
    hasRetried = true;
    await refresh().then(() => socket.connect(), () => {});
  });
  // --------------------------------------------------------------------------

  socket.onAny((event, payload) => {
    if (event !== "replay") advance(payload);
    say(id, event, brief && payload ? shorn(payload) : payload);
  });
  socket.on("connect", () => say(id, "connect", { transport: socket.io.engine.transport.name }));
  socket.on("connect_error", (error) => say(id, "connect_error", error.message));
  socket.on("disconnect", (reason) => say(id, "disconnect", reason));
  sockets.set(id, socket);
}

const operations = {
  connect,
  disconnect: ({ id }) => sockets.get(id).disconnect(),
  leave: ({ id }) => {
    const { io: manager, connected } = sockets.get(id);
    // One that is not there cannot leave, and comes back by itself.
    if (!connected) return;
    manager.reconnection(false);
    manager.engine.close();
  },
  return: ({ id }) => {
    const socket = sockets.get(id);
    if (socket.io.reconnection()) return;
    socket.io.reconnection(true);
    socket.connect();
  },
  emit: ({ id, event, data, ack }) =>
    sockets.get(id).emit(event, data, (answer) => say(id, ack, answer)),
};

createInterface({ input: process.stdin })
  .on("line", (line) => {
    const order = JSON.parse(line);
    operations[order.op](order);
  })
  .on("close", () => process.exit(0));
