// Tasks: get, list, create, update, assign.
import { channelsOf, forgetTask, keepTask, readTask } from './cache.js';
import { rows } from './database.js';
import * as shapes from './shapes.js';
import fastJson from 'fast-json-stringify';

const COLUMNS = `t.id, t.channel_id AS "channelId", t.category_id AS "categoryId", t.title,
  t.description, t.status, t.priority, t.assigned_to AS "assignedTo", t.tags,
  t.due_date AS "dueDate", t.due_all_day AS "dueAllDay", t.blocked, t.message_id AS "messageId",
  t.metadata, t.created_by AS "createdBy", t.completed_at AS "completedAt",
  t.created_at AS "createdAt", t.updated_at AS "updatedAt", t.version, t.revision`;

const relations = (name, own, other) => `(
  SELECT coalesce(json_agg(json_build_object('id', d.id, 'type', d.type, 'taskId', o.id,
                                             'title', o.title, 'status', o.status)), '[]')
  FROM task_dependencies d JOIN tasks o ON o.id = d.${other} AND o.deleted_at IS NULL
  WHERE d.${own} = t.id) AS "${name}"`;

const GET = `SELECT ${COLUMNS}, c.kind, ${relations('dependencies', 'task_id', 'depends_on_id')},
  ${relations('dependents', 'depends_on_id', 'task_id')}
  FROM tasks t LEFT JOIN channels c ON c.id = t.channel_id
  WHERE t.id = $1 AND t.deleted_at IS NULL`;

const SEEN = `(t.created_by = $1 OR t.assigned_to @> ARRAY[$1::uuid] OR t.channel_id IN (
  SELECT id FROM channels WHERE kind = 'public'
  UNION ALL SELECT channel_id FROM channel_members WHERE user_id = $1))`;

// Who may edit: creator, assignee, and the CEO.
const EDITS = `(t.created_by = $2 OR t.assigned_to @> ARRAY[$2::uuid] OR $3 = 'ceo')`;

const CREATE = `INSERT INTO tasks AS t (id, channel_id, category_id, title, description, priority,
    assigned_to, tags, due_date, metadata, created_by)
  SELECT gen_random_uuid(), $2, $3, $4, $5, $6, $7, $8, $9, $10, $1
  WHERE $2::uuid IS NULL OR EXISTS (
    SELECT FROM channel_members WHERE channel_id = $2 AND user_id = $1)
  RETURNING ${COLUMNS}`;

const UPDATE = `UPDATE tasks t SET title = coalesce($5, title),
    description = coalesce($6, description), status = coalesce($7, status),
    priority = coalesce($8, priority), tags = coalesce($9, tags),
    due_date = coalesce($10, due_date),
    completed_at = CASE WHEN $7 = 'done' THEN coalesce(completed_at, now())
                        WHEN $7 IS NOT NULL THEN NULL ELSE completed_at END,
    updated_at = now(), version = version + 1, revision = revision + 1
  WHERE id = $1 AND version = $4 AND deleted_at IS NULL AND ${EDITS} RETURNING ${COLUMNS}`;

const ASSIGN = `UPDATE tasks t SET assigned_to = ARRAY(
      SELECT unnest(t.assigned_to) EXCEPT SELECT unnest($5::uuid[])
      UNION SELECT unnest($4::uuid[])),
    updated_at = now(), revision = revision + 1
  WHERE id = $1 AND deleted_at IS NULL AND ${EDITS}
    AND (SELECT count(*) FROM users WHERE id = ANY($4) AND active) = cardinality($4::uuid[])
  RETURNING ${COLUMNS}`;

const serialise = fastJson(shapes.wholeTask);

// A cached task is a line that says who sees it, and the body as it is sent.
function pack(task) {
  const sight = task.kind === 'public'
    ? ''
    : [task.channelId ?? '-', task.createdBy, ...task.assignedTo].join(' ');
  return `${sight}\n${serialise(task)}`;
}

async function sees(sight, userId) {
  if (sight === '') return true;
  const [channelId, ...people] = sight.split(' ');
  return people.includes(userId) || (await channelsOf(userId)).has(channelId);
}

async function getTask(request, reply) {
  const { id } = request.params;
  let packed = await readTask(id);
  if (packed === null) {
    const [task] = await rows('task', GET, [id]);
    if (!task) return reply.code(404).send({ code: 'task.not_found' });
    packed = pack(task);
    await keepTask(id, packed);
  }
  const end = packed.indexOf('\n');
  if (!await sees(packed.slice(0, end), request.user.sub)) {
    return reply.code(404).send({ code: 'task.not_found' });
  }
  reply.header('content-type', 'application/json; charset=utf-8');
  return reply.send(packed.slice(end + 1));
}

// One statement a shape of filters, prepared under a name that says which.
function listStatement(query, userId) {
  const values = [userId];
  const where = ['t.deleted_at IS NULL', SEEN];
  let name = 'list';
  const add = (key, value, condition) => {
    if (value === undefined) return;
    values.push(value);
    name += `_${key}`;
    where.push(condition.replace('?', `$${values.length}`));
  };
  add('status', query.status?.split(','), 't.status = ANY(?)');
  add('priority', query.priority?.split(','), 't.priority = ANY(?)');
  add('assigned', query.assignedTo?.split(','), 't.assigned_to && ?::uuid[]');
  add('channel', query.channelId, 't.channel_id = ?');
  add('search', query.search, "t.words @@ websearch_to_tsquery('simple', ?)");
  if (query.cursor) {
    const [at, id] = query.cursor.split('~');
    add('after', at, '(t.created_at, t.id) < (?::timestamptz');
    values.push(id);
    where.push(`${where.pop()}, $${values.length}::uuid)`);
  }
  values.push(query.limit + 1);
  const text = `SELECT ${COLUMNS} FROM tasks t WHERE ${where.join(' AND ')}
    ORDER BY t.created_at DESC, t.id DESC LIMIT $${values.length}`;
  return { name, text, values };
}

async function listTasks(request) {
  const { name, text, values } = listStatement(request.query, request.user.sub);
  const items = await rows(name, text, values);
  let nextCursor = null;
  if (items.length > request.query.limit) {
    items.pop();
    const last = items.at(-1);
    nextCursor = `${last.createdAt}~${last.id}`;
  }
  return { items, nextCursor };
}

export function tasks(app, live) {
  const heard = (event, task) => {
    if (task.channelId) live.to(`channel:${task.channelId}`).emit(event, task);
  };

  async function createTask(request, reply) {
    const { body } = request;
    const [task] = await rows('create', CREATE, [request.user.sub, body.channelId ?? null,
      body.categoryId ?? null, body.title, body.description ?? '', body.priority ?? 'medium',
      body.assignedTo ?? [], body.tags ?? [], body.dueDate ?? null, body.metadata ?? {}]);
    if (!task) return reply.code(403).send({ code: 'channel.not_member' });
    heard('task.created', task);
    return reply.code(201).header('location', `/api/tasks/${task.id}`).send(task);
  }

  async function updateTask(request, reply) {
    const { body, params: { id }, user } = request;
    const [task] = await rows('update', UPDATE, [id, user.sub, user.role, body.version, body.title,
      body.description, body.status, body.priority, body.tags, body.dueDate]);
    if (!task) return reply.code(412).send({ code: 'task.stale' });
    await forgetTask(id);
    heard('task.updated', task);
    return task;
  }

  async function assignTask(request, reply) {
    const { body, params: { id }, user } = request;
    const [task] = await rows('assign', ASSIGN,
      [id, user.sub, user.role, body.assign ?? [], body.unassign ?? []]);
    if (!task) return reply.code(422).send({ code: 'task.cannot_assign' });
    await forgetTask(id);
    heard('task.assigned', task);
    return task;
  }

  const answers = (schema) => ({ '2xx': schema });
  app.get('/api/tasks/:id',
    { schema: { params: shapes.byId, response: answers(shapes.wholeTask) } }, getTask);
  app.get('/api/tasks',
    { schema: { querystring: shapes.listTasks, response: answers(shapes.taskList) } }, listTasks);
  app.post('/api/tasks',
    { schema: { body: shapes.createTask, response: answers(shapes.task) } }, createTask);
  const update = {
    schema: { params: shapes.byId, body: shapes.updateTask, response: answers(shapes.task) },
  };
  app.put('/api/tasks/:id', update, updateTask);
  app.patch('/api/tasks/:id', update, updateTask);
  app.post('/api/tasks/:id/assign',
    { schema: { params: shapes.byId, body: shapes.assignTask, response: answers(shapes.task) } },
    assignTask);
}
