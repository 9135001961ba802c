//! The settings of the managed server, each with its reason, and who may
//! connect to it.

/// The server's settings; written anew at every start, so that a newer Sayso
/// brings its own. The operator's file comes last and wins.
const CONF: &str = "\
# Written by Sayso at every start. Put your own settings into postgres.local.conf.

# What is confirmed is on disk. These are PostgreSQL's defaults; they stand here
# so that nobody looks for them.
fsync = on
full_page_writes = on
synchronous_commit = on
restart_after_crash = on

# Sayso alone talks to it, through one private socket. Connections: two pools,
# the sequencer, shared readers, a command beside them, and room for psql.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
password_encryption = 'scram-sha-256'

# One machine, shared with Sayso. Shared memory is taken page by page as it is
# used, so an idle server is small whatever stands here; huge pages would be
# taken at once.
shared_buffers = '128MB'
huge_pages = off
effective_cache_size = '1GB'
work_mem = '8MB'
maintenance_work_mem = '64MB'

# Statements are short: compiling them, or splitting them over processes, costs
# more than it gains, and containers have little /dev/shm for the latter.
jit = off
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
random_page_cost = 1.1

# Full pages after a checkpoint are most of the log; they compress well. Enough
# log for backup tools (replica), and few checkpoints without a long recovery.
wal_level = replica
wal_compression = on
max_wal_senders = 3
max_wal_size = '1GB'
min_wal_size = '80MB'
checkpoint_timeout = '5min'

# The outbox is a queue: what is taken out of it must soon be cleared away.
autovacuum_naptime = '15s'
autovacuum_max_workers = 2
deadlock_timeout = '500ms'
# A query whose client has died is ended.
client_connection_check_interval = '5s'

# Lines go to Sayso, which adds the time. Neither statements nor details enter
# them: both hold what people wrote.
logging_collector = off
log_destination = 'stderr'
log_line_prefix = ''
log_min_messages = warning
log_min_error_statement = panic
log_error_verbosity = terse
log_checkpoints = off
log_statement = none
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
datestyle = 'iso, ymd'
";

/// After a crash everything is brought to disk before recovery begins: by one
/// call for the file system, where the system has it. File by file it is over
/// a thousand calls, and took ten times as long on a busy disk.
#[cfg(target_os = "linux")]
const RECOVERY: &str = "recovery_init_sync_method = syncfs\n";
#[cfg(not(target_os = "linux"))]
const RECOVERY: &str = "";

/// The operator's own file.
const LOCAL: &str = "include_if_exists = 'postgres.local.conf'\n";

/// The whole file.
pub(super) fn text() -> String {
    [CONF, RECOVERY, LOCAL].concat()
}

/// Who may connect: our two roles to our database, and the superuser for an
/// operator in need; all with a password, since as root Sayso and PostgreSQL
/// are different users, and others may run as the latter.
pub(super) const HBA: &str = "\
# Written by Sayso at every start.
local  sayso        sayso_owner,sayso_app  scram-sha-256
local  all          postgres               scram-sha-256
local  replication  postgres               scram-sha-256
";
