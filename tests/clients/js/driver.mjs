// Drives the official Socket.IO client for the journeys.
//
// One JSON object a line on standard input:
//   {"op":"connect","id":"a","url":…,"login":{accessToken,refreshToken,expiresIn},
//    "transports":["websocket"],"resume":null,"brief":false,"stock":false}
//   {"op":"emit","id":"a","event":"message.send","data":{…},"ack":"ack 1"}
//   {"op":"leave","id":"a"}        the transport is lost, and there is no other
//   {"op":"return","id":"a"}       until now
//   {"op":"disconnect","id":"a"}   for good
//   {"op":"state","id":"a","ack":"ack 2"}   what the library holds of it
// and one on standard output for everything a socket hears:
//   {"id":"a","event":"message.sent","payload":{…},"at":1767603600000}
// with connect, connect_error, disconnect and acknowledgements among them.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

// The lines of docs/events.md, as they stand there: what every client needs.
const page = readFileSync(new URL("../../../docs/events.md", import.meta.url), "utf8");
const [, lines] = page.match(/```js\n(.*?)```/s);
const tenLines = new Function("io", "url", "post", "tokens", `
  let expiresAt = Date.now() + tokens.expiresIn * 1000;
  ${lines}
  return socket;`);

const sockets = new Map();

const say = (id, event, payload = null) =>
  process.stdout.write(JSON.stringify({ id, event, payload, at: Date.now() }) + "\n");

// What was told of each event already. It says the same to everybody, so a brief
// driver tells it whole to whoever hears it first, and shorn of that to others.
const told = new Set();

const shorn = (payload) => {
  if (payload?.events) return { ...payload, events: payload.events.map(shorn) };
  if (!payload?.position || !payload.id) return payload;
  if (told.has(payload.id)) return cut(payload);
  told.add(payload.id);
  return payload;
};

const cut = ({ data, change, ...rest }) => ({ ...rest, shorn: true });

// A client comes back sooner than it would by itself, so that tests need not
// wait for it; a stock one is left as it is.
const impatient = {
  reconnectionDelay: 100,
  reconnectionDelayMax: 1000,
  // A WebSocket that is cut between its upgrade and its first packet ends
  // without an error, and the library waits for this before it tries again.
  timeout: 8000,
};

function connect({ id, url, login, transports, resume, brief, stock }) {
  const post = async (path, body) => {
    const answer = await fetch(url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`);
    return answer.json();
  };
  // What the test says of the connection: a client that was restarted has the
  // cursor it wrote down.
  const configured = (where, { auth }) =>
    io(where, {
      transports,
      ...(stock ? {} : impatient),
      auth: (answer) => auth((said) => answer({ ...(resume && { resume }), ...said })),
    });
  const socket = tenLines(configured, url, post, login);

  socket.onAny((event, payload) => say(id, event, brief ? shorn(payload) : payload));
  socket.on("connect", () => {
    say(id, "connect", { transport: socket.io.engine.transport.name });
    socket.io.engine.once("upgrade", ({ name }) => say(id, "upgrade", { transport: name }));
  });
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
  state: ({ id, ack }) => {
    const { connected, io: manager } = sockets.get(id);
    const { _readyState, _reconnecting, skipReconnect, engine } = manager;
    say(id, ack, { connected, _readyState, _reconnecting, skipReconnect, engine: engine.readyState });
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
