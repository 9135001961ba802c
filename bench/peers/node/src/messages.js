// Messages: send.
import { rows } from './database.js';
import * as shapes from './shapes.js';

const SEND = `INSERT INTO messages AS m (id, channel_id, sender_id, content, thread_id, client_id,
    mentions, metadata)
  SELECT gen_random_uuid(), $1, $2, $3, $4, $5, $6, $7
  WHERE EXISTS (SELECT FROM channel_members WHERE channel_id = $1 AND user_id = $2)
  RETURNING m.id, m.channel_id AS "channelId", m.sender_id AS "senderId", m.content,
    m.thread_id AS "threadId", m.client_id AS "clientId", m.mentions, m.reactions, m.metadata,
    m.edited_at AS "editedAt", m.created_at AS "createdAt", m.version, m.revision`;

export function messages(app, live) {
  async function send(request, reply) {
    const { body, params: { id } } = request;
    const [message] = await rows('send', SEND, [id, request.user.sub, body.content,
      body.threadId ?? null, body.clientId ?? null, body.mentions ?? [], body.metadata ?? {}]);
    if (!message) return reply.code(404).send({ code: 'channel.not_found' });
    live.to(`channel:${id}`).emit('message.sent', message);
    return reply.code(201).header('location', `/api/messages/${message.id}`).send(message);
  }

  app.post('/api/channels/:id/messages', {
    schema: { params: shapes.byId, body: shapes.sendMessage, response: { '2xx': shapes.message } },
  }, send);
}
