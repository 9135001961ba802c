//! A line to PostgreSQL that can be cut at the worst moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use sayso_db::tokio_postgres::config::Host;
use sayso_db::{Db, DbLimits};
use sayso_testkit::TestDatabase;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// When the line is cut: once, at the next COMMIT.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// COMMIT does not get through.
    Before = 1,
    /// COMMIT gets through, its answer does not.
    After = 2,
}

/// A proxy in front of PostgreSQL.
pub struct Line {
    cut: Arc<AtomicU8>,
    /// The database through this line.
    pub db: Db,
}

impl Line {
    pub async fn to(database: &TestDatabase) -> Self {
        let mut config = database.app_config();
        let Some(Host::Tcp(host)) = config.get_hosts().first().cloned() else {
            panic!("the PostgreSQL of the tests listens on TCP");
        };
        let target = format!("{host}:{}", config.get_ports().first().copied().unwrap_or(5432));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = Arc::<AtomicU8>::default();
        let shared = Arc::clone(&cut);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, target.clone(), Arc::clone(&shared)));
            }
        });
        config = rebuilt(&config, port);
        let db = Db::new(config, &DbLimits::from(&Default::default())).unwrap();
        Self { cut, db }
    }

    pub fn cut(&self, when: Cut) {
        self.cut.store(when as u8, Ordering::SeqCst);
    }

    pub fn was_cut(&self) -> bool {
        self.cut.load(Ordering::SeqCst) == 0
    }
}

/// The same role and database, at the proxy's port.
fn rebuilt(
    config: &sayso_db::tokio_postgres::Config,
    port: u16,
) -> sayso_db::tokio_postgres::Config {
    let mut rebuilt = sayso_db::tokio_postgres::Config::new();
    rebuilt
        .host("127.0.0.1")
        .port(port)
        .user(config.get_user().unwrap())
        .password(config.get_password().unwrap())
        .dbname(config.get_dbname().unwrap());
    rebuilt
}

async fn carry(mut client: TcpStream, target: String, cut: Arc<AtomicU8>) {
    let mut server = TcpStream::connect(target).await.unwrap();
    let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => {
                let Ok(count @ 1..) = read else { return };
                let sent = &up[..count];
                let is_commit = sent.windows(7).any(|bytes| bytes == b"COMMIT\0");
                let when = if is_commit { cut.swap(0, Ordering::SeqCst) } else { 0 };
                if when == Cut::Before as u8 {
                    return;
                }
                if server.write_all(sent).await.is_err() {
                    return;
                }
                if when == Cut::After as u8 {
                    // The server has answered; nobody hears it.
                    let _ = server.read(&mut down).await;
                    return;
                }
            }
            read = server.read(&mut down) => {
                let Ok(count @ 1..) = read else { return };
                if client.write_all(&down[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}
