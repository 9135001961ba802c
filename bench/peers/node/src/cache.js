// What is read often: tasks in Redis (they are the same for every process), who
// is in which channel in memory for a few seconds.
import Redis from 'ioredis';
import { LRUCache } from 'lru-cache';

import { rows } from './database.js';

const HOT_SECONDS = 300;
const MEMBERSHIP_MS = 30_000;

// Commands of the same tick leave in one write.
export const redis = new Redis(process.env.REDIS_URL, { enableAutoPipelining: true });

const memberships = new LRUCache({ max: 50_000, ttl: MEMBERSHIP_MS });

/** The channels a person is in, as a set. */
export async function channelsOf(userId) {
  const known = memberships.get(userId);
  if (known) return known;
  const found = await rows('memberships',
    'SELECT channel_id FROM channel_members WHERE user_id = $1', [userId]);
  const set = new Set(found.map((row) => row.channel_id));
  memberships.set(userId, set);
  return set;
}

export const readTask = (id) => redis.get(`peer:task:${id}`);
export const keepTask = (id, text) => redis.set(`peer:task:${id}`, text, 'EX', HOT_SECONDS);
export const forgetTask = (id) => redis.del(`peer:task:${id}`);
