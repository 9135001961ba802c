// JSON Schemas: what comes in is validated by Ajv, what goes out is written by a
// serialiser compiled from them.
const id = { type: 'string' };
const maybe = { type: ['string', 'null'] };
const strings = { type: 'array', items: { type: 'string' } };
const open = { type: 'object', additionalProperties: true };
const relation = {
  type: 'object',
  properties: { id, type: id, taskId: id, title: id, status: id },
};

const taskProperties = {
  id, channelId: maybe, categoryId: maybe, title: id, description: id, status: id,
  priority: id, assignedTo: strings, tags: strings, dueDate: maybe,
  dueAllDay: { type: 'boolean' }, blocked: { type: 'boolean' }, messageId: maybe, metadata: open,
  createdBy: id, completedAt: maybe, createdAt: id, updatedAt: id,
  version: { type: 'integer' }, revision: { type: 'integer' },
};

export const task = { type: 'object', properties: taskProperties };
export const wholeTask = {
  type: 'object',
  properties: {
    ...taskProperties,
    dependencies: { type: 'array', items: relation },
    dependents: { type: 'array', items: relation },
  },
};
export const taskList = {
  type: 'object',
  properties: { items: { type: 'array', items: task }, nextCursor: maybe },
};

export const message = {
  type: 'object',
  properties: {
    id, channelId: id, senderId: id, content: id, threadId: maybe, clientId: maybe,
    mentions: strings, reactions: { type: 'array', items: open }, metadata: open,
    editedAt: maybe, createdAt: id, version: { type: 'integer' }, revision: { type: 'integer' },
  },
};

const text = (minLength, maxLength) => ({ type: 'string', minLength, maxLength });
const uuid = {
  type: 'string',
  pattern: '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$',
};
const ids = { type: 'array', items: uuid, maxItems: 50 };
export const status = ['todo', 'in_progress', 'review', 'done', 'cancelled'];
export const priority = ['low', 'medium', 'high', 'urgent'];

const object = (properties, required = []) =>
  ({ type: 'object', additionalProperties: false, properties, required });

const fields = {
  title: text(1, 300), description: text(0, 20000), priority: { enum: priority },
  assignedTo: ids, tags: { type: 'array', items: text(1, 50), maxItems: 20 },
  channelId: uuid, categoryId: uuid, dueDate: text(10, 40), metadata: open,
};

export const createTask = object(fields, ['title']);
export const updateTask = object(
  { ...fields, status: { enum: status }, version: { type: 'integer' } }, ['version']);
export const assignTask = object({ assign: ids, unassign: ids });
export const sendMessage = object({
  content: text(1, 10000), threadId: uuid, clientId: text(1, 64), mentions: ids, metadata: open,
}, ['content']);
export const login = object({ email: text(3, 254), password: text(1, 256) }, ['email', 'password']);
export const byId = object({ id: uuid }, ['id']);
export const listTasks = object({
  limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 }, cursor: text(1, 200),
  status: text(1, 100), priority: text(1, 100), assignedTo: text(1, 4000), channelId: uuid,
  search: text(1, 256),
});
