// Logins and tokens.
import { createHash, randomBytes } from 'node:crypto';

import jwt from '@fastify/jwt';
import bcrypt from 'bcrypt';

import { rows } from './database.js';
import * as shapes from './shapes.js';

const ACCESS_SECONDS = 900;
const REFRESH_DAYS = 7;

const FIND = `SELECT id, name, role, email, password_hash FROM users
  WHERE email = $1 AND active`;
const BEGIN = `INSERT INTO sessions (user_id, refresh_hash, expires_at)
  VALUES ($1, $2, now() + make_interval(days => $3)) RETURNING id`;

export async function auth(app) {
  // A token that was verified once is known until it expires.
  await app.register(jwt, {
    secret: process.env.JWT_SECRET,
    verify: { algorithms: ['HS256'], cache: 10_000 },
  });

  app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.config.open) return;
    try {
      await request.jwtVerify();
    } catch {
      return reply.code(401).send({ code: 'auth.token_invalid' });
    }
  });

  app.post('/api/auth/login', { schema: { body: shapes.login }, config: { open: true } },
    async (request, reply) => {
      const [user] = await rows('login', FIND, [request.body.email.toLowerCase()]);
      const fits = user?.password_hash
        && await bcrypt.compare(request.body.password, user.password_hash);
      if (!fits) return reply.code(401).send({ code: 'auth.wrong' });
      const refreshToken = randomBytes(32).toString('base64url');
      const hash = createHash('sha256').update(refreshToken).digest();
      const [session] = await rows('session', BEGIN, [user.id, hash, REFRESH_DAYS]);
      const claims = { sub: user.id, sid: session.id, role: user.role };
      const expiresIn = Number(process.env.ACCESS_SECONDS ?? ACCESS_SECONDS);
      const accessToken = app.jwt.sign(claims, { expiresIn });
      const { password_hash: _, ...shown } = user;
      return {
        accessToken, refreshToken, tokenType: 'Bearer', expiresIn, sessionId: session.id,
        user: shown,
      };
    });
}
