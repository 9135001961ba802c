// Socket.IO, in the namespaces `/` and `/custom`.

import assert from "node:assert/strict";
import { Line, check } from "./harness.mjs";

const PATH = "/socket.io/";
const placeholder = (num) => ({ _placeholder: true, num });
const ATTACHMENTS = [Buffer.from([1, 2, 3]), Buffer.from([4, 5, 6])];
const TWO = [placeholder(0), placeholder(1)];

/// One that is in a namespace and has heard its `auth`.
const connected = async (namespace = "") => {
  const line = await Line.open(PATH, { answers: true });
  line.send(`40${namespace}`);
  await line.heard(2);
  return line;
};

for (const [what, namespace] of [["the main namespace", ""], ["a custom namespace", "/custom,"]]) {
  for (const [how, auth] of [["", ""], [" with a payload", '{"token":"123"}']]) {
    check(`socket: connects to ${what}${how}`, async () => {
      const line = await Line.open(PATH, { answers: true });
      line.send(`40${namespace}${auth}`);
      const [packet, told] = await line.heard(2);
      assert.ok(packet.startsWith(`40${namespace}{`), packet);
      const { sid, ...rest } = JSON.parse(packet.slice(2 + namespace.length));
      assert.equal(typeof sid, "string");
      assert.deepEqual(rest, {});
      assert.equal(told, `42${namespace}["auth",${auth || "{}"}]`);
    });
  }
}

check("socket: an unknown namespace is refused", async () => {
  const line = await Line.open(PATH, { answers: true });
  line.send("40/random");
  assert.deepEqual(await line.heard(1), ['44/random,{"message":"Invalid namespace"}']);
});

check("socket: an invalid handshake closes it", async () => {
  const line = await Line.open(PATH, { answers: true });
  line.send("4abc");
  await line.closed;
});

check("socket: who does not connect is closed", async () => {
  const line = await Line.open(PATH, { answers: true });
  await line.closed;
});

check("socket: leaving the main namespace leaves the transport", async () => {
  const line = await connected();
  line.send("41");
  assert.equal(await line.next(), "2");
  assert.equal(await line.next(), "2");
});

check("socket: leaving a custom namespace leaves the main one", async () => {
  const line = await connected();
  line.send("40/custom,");
  await line.heard(2);
  line.send("41/custom,", '42["message","to the main one"]');
  assert.deepEqual(await line.heard(1), ['42["message-back","to the main one"]']);
});

for (const namespace of ["", "/custom,"]) {
  const where = namespace ? " in a custom namespace" : "";
  check(`socket: text${where}`, async () => {
    const line = await connected(namespace);
    line.send(`42${namespace}["message",1,"2",{"3":[true]}]`);
    assert.deepEqual(await line.heard(1), [`42${namespace}["message-back",1,"2",{"3":[true]}]`]);
  });
  check(`socket: attachments${where}`, async () => {
    const line = await connected(namespace);
    line.send(`452-${namespace}${JSON.stringify(["message", ...TWO])}`, ...ATTACHMENTS);
    const back = `452-${namespace}${JSON.stringify(["message-back", ...TWO])}`;
    assert.deepEqual(await line.heard(3), [back, ...ATTACHMENTS]);
  });
  check(`socket: an acknowledgement${where}`, async () => {
    const line = await connected(namespace);
    line.send(`42${namespace}456["message-with-ack",1,"2",{"3":[false]}]`);
    assert.deepEqual(await line.heard(1), [`43${namespace}456[1,"2",{"3":[false]}]`]);
  });
  check(`socket: an acknowledgement with attachments${where}`, async () => {
    const line = await connected(namespace);
    line.send(`452-${namespace}789${JSON.stringify(["message-with-ack", ...TWO])}`, ...ATTACHMENTS);
    const back = `462-${namespace}789${JSON.stringify(TWO)}`;
    assert.deepEqual(await line.heard(3), [back, ...ATTACHMENTS]);
  });
}

check("socket: no argument at all", async () => {
  const line = await connected();
  line.send('42["message"]', '421["message-with-ack"]');
  assert.deepEqual(await line.heard(2), ['42["message-back"]', "431[]"]);
});

const BROKEN = {
  "an unknown type": ["4abc"],
  "a payload that is no list": ["42{}"],
  "an empty list": ["42[]"],
  "a name that is no text": ["42[5]"],
  "an id that is no number": ['42abc["message-with-ack",1]'],
  "a binary where none is due": [Buffer.from([1])],
};
for (const [what, packets] of Object.entries(BROKEN)) {
  check(`socket: ${what} closes it`, async () => {
    const line = await connected();
    line.send(...packets);
    await line.closed;
  });
}
