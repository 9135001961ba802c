// Sockets: Socket.IO with its Redis adapter, a room for each channel.
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';

import { channelsOf, redis } from './cache.js';

export function live(app) {
  const io = new Server(app.server, {
    adapter: createAdapter(redis, redis.duplicate({ enableAutoPipelining: false })),
    serveClient: false,
    perMessageDeflate: false,
    httpCompression: false,
  });

  io.use(async (socket, next) => {
    try {
      socket.data.user = app.jwt.verify(socket.handshake.auth.token);
      next();
    } catch {
      next(new Error('auth.token_invalid'));
    }
  });

  io.on('connection', async (socket) => {
    // The request of the handshake is not needed any more: it would be most of
    // the memory of an idle socket.
    socket.conn.request = null;
    const { sub } = socket.data.user;
    const channels = await channelsOf(sub);
    socket.join([`user:${sub}`, ...[...channels].map((id) => `channel:${id}`)]);
    socket.emit('ready', { userId: sub, serverTime: new Date().toISOString() });
  });

  return io;
}
