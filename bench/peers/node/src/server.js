// The stack of the original plan: Fastify, Socket.IO, pg, ioredis.
import Fastify from 'fastify';

import { auth } from './auth.js';
import { redis } from './cache.js';
import { close, rows } from './database.js';
import { live } from './live.js';
import { messages } from './messages.js';
import { tasks } from './tasks.js';

const app = Fastify({
  logger: false,
  bodyLimit: 1 << 20,
  ajv: { customOptions: { removeAdditional: false, coerceTypes: 'array', allErrors: false } },
});
await auth(app);
const io = live(app);
tasks(app, io);
messages(app, io);
app.get('/health/ready', { config: { open: true } }, async () => {
  await rows('ready', 'SELECT 1', []);
  return { status: 'ok' };
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });

process.once('SIGTERM', async () => {
  io.disconnectSockets(true);
  await app.close();
  await close();
  redis.disconnect();
  process.exit(0);
});
