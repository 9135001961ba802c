// Bare connections, and what came over them.

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocket from "ws";

export const address = process.argv[2];
export const PING_INTERVAL = 300;
export const PING_TIMEOUT = 200;
export const SEPARATOR = "\x1e";
export const checks = [];
export const check = (name, work) => checks.push({ name, work });
export { sleep };

/// One session by polling.
export class Polling {
  constructor(path, sid) {
    this.url = `http://${address}${path}?EIO=4&transport=polling&sid=${sid}`;
  }

  static async open(path) {
    const answer = await fetch(`http://${address}${path}?EIO=4&transport=polling`);
    return new Polling(path, JSON.parse((await answer.text()).slice(1)).sid);
  }

  async poll() {
    const answer = await fetch(this.url);
    return { status: answer.status, text: await answer.text() };
  }

  async push(body) {
    const answer = await fetch(this.url, { method: "POST", body });
    return { status: answer.status, text: await answer.text() };
  }

  webSocket() {
    return new Line(this.url.replace("http:", "ws:").replace("polling", "websocket"));
  }
}

/// A WebSocket that keeps what comes until it is asked for.
export class Line {
  /// Whether it answers pings by itself is said before the first can come: it may
  /// lie in the same segment as the handshake.
  constructor(url, answers = false) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = "nodebuffer";
    this.kept = [];
    this.waiting = [];
    this.socket.on("message", (data, isBinary) => {
      const packet = isBinary ? data : data.toString();
      if (packet === "2" && answers) this.socket.send("3");
      const next = this.waiting.shift();
      next ? next(packet) : this.kept.push(packet);
    });
    this.closed = new Promise((resolve) => {
      this.socket.on("close", resolve);
      this.socket.on("error", resolve);
    });
  }

  static to(path, query = "EIO=4&transport=websocket", answers = false) {
    return new Line(`ws://${address}${path}?${query}`, answers);
  }

  /// One that has heard the handshake of Engine.IO.
  static async open(path, { answers = false } = {}) {
    const line = Line.to(path, undefined, answers);
    line.handshake = JSON.parse((await line.next()).slice(1));
    return line;
  }

  opened() {
    return once(this.socket, "open");
  }

  send(...packets) {
    packets.forEach((packet) => this.socket.send(packet));
  }

  next() {
    return this.kept.length
      ? Promise.resolve(this.kept.shift())
      : new Promise((resolve) => this.waiting.push(resolve));
  }

  /// The next packets that are no pings.
  async heard(count) {
    const packets = [];
    while (packets.length < count) {
      const packet = await this.next();
      if (packet !== "2") packets.push(packet);
    }
    return packets;
  }
}
