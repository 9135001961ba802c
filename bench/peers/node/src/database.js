// The pool, and statements that PostgreSQL prepares once a connection.
import pg from 'pg';

// Times go out as they come in: making a Date of each and a text of that again
// costs more than the query.
pg.types.setTypeParser(pg.types.builtins.TIMESTAMPTZ, (text) =>
  `${text.slice(0, 10)}T${text.slice(11).replace(/\+00$/, 'Z')}`);

const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_MAX ?? 16),
  options: '-c search_path=peer,public -c timezone=UTC',
});

/** Rows of a statement, which is prepared under its name. */
export async function rows(name, text, values) {
  return (await pool.query({ name, text, values })).rows;
}

export const close = () => pool.end();
