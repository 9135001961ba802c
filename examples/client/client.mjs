// A client of Sayso: comes in, shows what happens, and says what you type.
//
//   npm ci
//   SAYSO_PASSWORD=… node client.mjs http://127.0.0.1:8080 ada@demo.example [channel]
//
// Stop the server, write something from elsewhere once it is back, close the
// lid for an hour: nothing is missed, nothing comes twice.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, email, channelName] = process.argv.slice(2);
const password = process.env.SAYSO_PASSWORD;
if (!url || !email || !password) {
  console.error("usage: SAYSO_PASSWORD=… node client.mjs URL EMAIL [CHANNEL]");
  process.exit(2);
}

// -- Who we are: a token for fifteen minutes, and one to get the next with. --
let tokens, expiresAt;

async function ask(path, headers, body) {
  const options = body && { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(url + path, { headers, ...options });
  const told = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(told.detail ?? told.title), told);
  return told;
}
async function come(path, body) {
  tokens = await ask(path, { "content-type": "application/json" }, body);
  expiresAt = Date.now() + tokens.expiresIn * 1000;
}
const refresh = () => come("/api/auth/refresh", { refreshToken: tokens.refreshToken });
async function token() {
  if (expiresAt - Date.now() < 60_000) await refresh();
  return tokens.accessToken;
}
const get = async (path) => ask(path, { authorization: `Bearer ${await token()}` });

// -- What happens: from where we stopped, whoever cut the line. ---------------
let cursor = null, hasRetried = false;

function listen(hear) {
  // With `retries` an event is sent again until it is acknowledged; its `clientId` makes it happen once.
  const socket = io(url, { retries: 100, ackTimeout: 10_000, auth: async (answer) => {
    answer({ token: await token().catch(() => tokens.accessToken), ...(cursor && { resume: cursor }) });
  } });
  const take = (event) => {
    if (!(event?.position > cursor?.position)) return;
    cursor = { ...cursor, position: event.position };
    hear(event);
  };
  socket.on("ready", ({ epoch, position, recovered, reason }) => {
    if (cursor && !recovered) console.log(`(what was missed cannot be told any more: ${reason})`);
    cursor = { epoch, position };
    console.log("(live)");
  });
  socket.on("replay", ({ events }) => events.forEach(take));
  socket.onAny((name, event) => name === "replay" || name === "ready" || take(event));
  socket.on("connect", () => (hasRetried = false));
  socket.on("disconnect", (reason) => console.log(`(away: ${reason})`));
  socket.on("session.closed", ({ code, reconnect }) => reconnect || console.log(`(closed for good: ${code})`));
  socket.on("connect_error", async ({ message }) => {
    if (!message.startsWith("auth.") || hasRetried) return;
    hasRetried = true;
    await refresh().then(() => socket.connect(), () => console.log(`(not let in: ${message})`));
  });
  return socket;
}

// -- Putting it together. ----------------------------------------------------
await come("/api/auth/login", { email, password, deviceName: "example client" });
const channel = (await get("/api/channels?limit=100")).items.find(({ name }) => name === channelName);
const socket = listen(({ at, type, data }) => console.log(at, type, data.content ?? data.title ?? data.name ?? data.id ?? ""));

for await (const content of createInterface({ input: process.stdin })) {
  if (!channel || !content.trim()) continue;
  socket.emit("message.send", { channelId: channel.id, content, clientId: crypto.randomUUID() },
    (lost, answer) => answer?.ok || console.log(`(not sent: ${answer?.error.detail ?? lost?.message})`));
}
socket.disconnect();
