#!/bin/bash
# Run once by the image of PostgreSQL, when its folder is empty: the database, the
# role that owns its tables and migrates, and the role that serves, which may
# neither change the schema nor the audit.
set -euo pipefail

psql --username postgres --set ON_ERROR_STOP=1 \
    --set owner_password="$SAYSO_OWNER_PASSWORD" --set app_password="$SAYSO_APP_PASSWORD" <<'SQL'
CREATE ROLE sayso_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE sayso_app LOGIN PASSWORD :'app_password';
CREATE DATABASE sayso OWNER sayso_owner;
REVOKE ALL ON DATABASE sayso FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE sayso TO sayso_app;
\connect sayso
CREATE EXTENSION pg_stat_statements;
SQL
