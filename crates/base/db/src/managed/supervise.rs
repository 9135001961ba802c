//! The thread that keeps a server running until it is told to stop.
//!
//! It is a thread of its own, with a runtime of its own, because the kernel
//! tells the server of the death of the *thread* that started it: a worker of
//! the main runtime may end long before the process does.

use std::time::Duration;

use sayso_kernel::Random;
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;
use tokio_postgres::Config;
use tokio_util::sync::CancellationToken;

use super::error::{Attempt, ManagedError};
use super::server::{Server, Site};
use super::{ManagedOptions, ServerState};

/// The first pause before a server that died is started again; doubled at each
/// failure in a row.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A server that ran for this long had been healthy.
const HEALTHY_AFTER: Duration = Duration::from_secs(30);

/// How to connect once the server is ready.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) owner: Config,
    pub(super) app: Config,
}

/// What the thread is given.
pub(super) struct Orders {
    pub(super) options: ManagedOptions,
    pub(super) random: Random,
    pub(super) ready: oneshot::Sender<Result<Ready, ManagedError>>,
    pub(super) state: watch::Sender<ServerState>,
    pub(super) stop: CancellationToken,
}

/// Runs the thread.
pub(super) fn spawn(orders: Orders) -> Result<(), ManagedError> {
    let path = orders.options.data_dir.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .trying("make a runtime for", &path)?;
    std::thread::Builder::new()
        .name("managed-postgres".to_owned())
        .spawn(move || runtime.block_on(follow(orders)))
        .trying("make a thread for", &path)
        .map(drop)
}

async fn follow(orders: Orders) {
    let Orders { options, random, ready, state, stop } = orders;
    match begin(&options, &random).await {
        Err(error) => {
            let _ = ready.send(Err(error));
        }
        Ok((site, server)) => {
            let configs = Ready { owner: site.owner_config(), app: site.app_config() };
            let _ = state.send(up(&server));
            // Nobody waits any more: then nobody would ever stop it either.
            if ready.send(Ok(configs)).is_err() {
                stop.cancel();
            }
            Keeper { site, state: state.clone(), stop }.keep(server).await;
        }
    }
    let _ = state.send(ServerState::Stopped);
}

async fn begin(options: &ManagedOptions, random: &Random) -> Result<(Site, Server), ManagedError> {
    let site = Site::prepare(options, random).await?;
    let mut server = site.spawn().await?;
    match server.ready(&site.app_config()).await {
        Ok(()) => Ok((site, server)),
        Err(error) => {
            server.end().await;
            Err(error)
        }
    }
}

fn up(server: &Server) -> ServerState {
    server.pid().map_or(ServerState::Down, |pid| ServerState::Up { pid })
}

struct Keeper {
    site: Site,
    state: watch::Sender<ServerState>,
    stop: CancellationToken,
}

impl Keeper {
    /// Keeps a server running until stopped.
    async fn keep(self, mut server: Server) {
        let mut failures = 0;
        loop {
            let since = Instant::now();
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return server.end().await,
                status = server.exited() => {
                    let status = status.map_or_else(|e| e.to_string(), |s| s.to_string());
                    tracing::error!(status, "PostgreSQL died; it is started again");
                }
            }
            let _ = self.state.send(ServerState::Down);
            failures = if since.elapsed() < HEALTHY_AFTER { failures + 1 } else { 1 };
            match self.revive(&mut failures).await {
                Some(revived) => server = revived,
                None => return,
            }
            tracing::info!("PostgreSQL answers again");
            let _ = self.state.send(up(&server));
        }
    }

    /// Starts a server until one answers; `None` when told to stop.
    async fn revive(&self, failures: &mut u32) -> Option<Server> {
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause(*failures)) => {}
                () = self.stop.cancelled() => return None,
            }
            match self.revive_once().await {
                Ok(server) => return server,
                Err(error) => {
                    *failures = failures.saturating_add(1);
                    tracing::error!(%error, failures = *failures, "PostgreSQL cannot be started again");
                }
            }
        }
    }

    async fn revive_once(&self) -> Result<Option<Server>, ManagedError> {
        let mut server = self.site.spawn().await?;
        let config = self.site.app_config();
        let outcome = tokio::select! {
            outcome = server.ready(&config) => outcome.map(Some),
            () = self.stop.cancelled() => Ok(None),
        };
        match outcome {
            Ok(Some(())) => Ok(Some(server)),
            Ok(None) => {
                server.end().await;
                Ok(None)
            }
            Err(error) => {
                server.end().await;
                Err(error)
            }
        }
    }
}

/// The pause before the next start after `failures` in a row.
fn pause(failures: u32) -> Duration {
    let doubled = 2_u32.saturating_pow(failures.saturating_sub(1));
    PAUSE_MIN.saturating_mul(doubled).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::{PAUSE_MAX, PAUSE_MIN, pause};

    #[test]
    fn pauses_double_up_to_a_limit() {
        assert_eq!(pause(1), PAUSE_MIN);
        assert_eq!(pause(3), PAUSE_MIN * 4);
        assert_eq!(pause(u32::MAX), PAUSE_MAX);
    }
}
