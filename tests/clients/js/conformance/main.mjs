// Engine.IO (protocol 4) and Socket.IO (protocol 5), packet by packet, against
// the server at the address given. One line of JSON for each check:
//   {"name":"…","ok":true}
// Written after the two protocol documents.

import { checks } from "./harness.mjs";
import "./engine.mjs";
import "./socket.mjs";

const LIMIT_MS = 4000;

for (const { name, work } of checks) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${LIMIT_MS} ms`)), LIMIT_MS);
  });
  const outcome = await Promise.race([work(), late]).then(
    () => ({ ok: true }),
    (error) => ({ ok: false, error: error.message }),
  );
  clearTimeout(timer);
  console.log(JSON.stringify({ name, ...outcome }));
}
process.exit(0);
