//! More than can be done: requests come at twice the pace that saturates the
//! server, however it does, as people who click again do.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use crate::client::{Ask, Client};
use crate::load::Times;
use crate::server::Running;
use crate::work::{Doer, Work};

/// Connections, at the most; what finds none free is not asked at all.
const CONNECTIONS: usize = 1_000;
/// Times the rate that saturates.
const TIMES: f64 = 2.0;
/// The server is well again when so many in a row are answered within this.
const WELL: (usize, Duration) = (10, Duration::from_millis(50));
/// It must be well after this.
const WELL_WITHIN: Duration = Duration::from_secs(30);
/// Requests are let go in bunches this far apart.
const BUNCH: Duration = Duration::from_millis(5);

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Overloaded {
    /// Requests a second that came.
    pub offered: f64,
    /// That were answered 2xx a second.
    pub done: f64,
    /// How long those took.
    pub times: Times,
    /// Refused with 503 or 429.
    pub refused: u64,
    /// Those of them that said when to come back.
    pub with_retry_after: u64,
    /// How long a refusal took.
    pub refusal_times: Times,
    /// Everything else.
    pub failed: u64,
    /// Found no free connection.
    pub unasked: u64,
    /// Until it was well again, in milliseconds.
    pub recovery_ms: f64,
    /// Memory before, at the most, and after, in KiB.
    pub resident: (u64, u64, u64),
}

/// The connections that are free, and what was counted.
#[derive(Debug, Default)]
struct State {
    free: Mutex<Vec<(Client, Doer)>>,
    counted: Mutex<Overloaded>,
}

/// Loads the server, which does `saturated` requests a second when it can.
pub async fn measure(server: &Running, saturated: f64, length: Duration) -> Result<Overloaded> {
    let processes = server.aim.processes;
    let before = processes.resident()?;
    let mut most = before;
    let state = Arc::new(State::default());
    let mut asking = JoinSet::new();
    let (mut made, mut asked) = (0, 0_u64);
    let rate = saturated * TIMES;
    let started = Instant::now();
    let mut bunches = tokio::time::interval(BUNCH);
    while started.elapsed() < length {
        bunches.tick().await;
        let due = (started.elapsed().as_secs_f64() * rate) as u64;
        while asked < due {
            asked += 1;
            let free = state.free.lock().ok().and_then(|mut free| free.pop());
            if free.is_none() && made >= CONNECTIONS {
                count(&state, |counted| counted.unasked += 1);
                continue;
            }
            made += usize::from(free.is_none());
            asking.spawn(ask(server.aim.clone(), state.clone(), free, made));
        }
        while asking.try_join_next().is_some() {}
        most = most.max(processes.resident()?);
    }
    let seconds = started.elapsed().as_secs_f64();
    let recovery_ms = recover(server).await?;
    while asking.join_next().await.is_some() {}
    let mut overloaded = state.counted.lock().map(|mut all| std::mem::take(&mut *all));
    let overloaded = overloaded.as_mut().map(std::mem::take).unwrap_or_default();
    let overloaded = Overloaded {
        offered: asked as f64 / seconds,
        done: overloaded.times.len() as f64 / seconds,
        recovery_ms,
        resident: (before, most, processes.resident()?),
        ..overloaded
    };
    eprintln!(
        "{:<6} overload: {:.0}/s offered, {:.0}/s done, p99 {:.0} ms, {} refused, {} failed, {} unasked, well after {:.0} ms",
        server.name,
        overloaded.offered,
        overloaded.done,
        overloaded.times.percentile(99),
        overloaded.refused,
        overloaded.failed,
        overloaded.unasked,
        overloaded.recovery_ms
    );
    Ok(overloaded)
}

fn count(state: &State, what: impl FnOnce(&mut Overloaded)) {
    if let Ok(mut counted) = state.counted.lock() {
        what(&mut counted);
    }
}

async fn ask(
    aim: crate::load::Aim,
    state: Arc<State>,
    free: Option<(Client, Doer)>,
    number: usize,
) {
    let begun = Instant::now();
    let pair = match free {
        Some(pair) => Some(pair),
        None => Client::connect(aim.address, Some(aim.company.token(number)))
            .await
            .ok()
            .map(|client| (client, Doer::new(&aim.company, number))),
    };
    let Some((mut client, mut doer)) = pair else {
        count(&state, |counted| counted.failed += 1);
        return;
    };
    let ask = doer.next(Work::Mixed);
    let answer = client.ask(&ask).await;
    count(&state, |counted| match &answer {
        Ok(answer) if (200..300).contains(&answer.status) => counted.times.add(begun.elapsed()),
        Ok(answer) if matches!(answer.status, 429 | 503) => {
            counted.refused += 1;
            counted.with_retry_after += u64::from(answer.has_retry_after);
            counted.refusal_times.add(begun.elapsed());
        }
        _ => counted.failed += 1,
    });
    if let Ok(answer) = &answer {
        doer.learn(answer);
    }
    if let Ok(mut free) = state.free.lock() {
        free.push((client, doer));
    }
}

/// How long it takes until answers are quick again.
async fn recover(server: &Running) -> Result<f64> {
    let started = Instant::now();
    let mut client = server.client(0).await?;
    let ask = Ask::get(format!("/api/tasks/{}", server.company().tasks[0]));
    let mut quick = 0;
    while quick < WELL.0 && started.elapsed() < WELL_WITHIN {
        let answer = client.ask(&ask).await;
        let is_quick = answer.is_ok_and(|answer| answer.status == 200 && answer.took < WELL.1);
        quick = if is_quick { quick + 1 } else { 0 };
    }
    Ok(started.elapsed().as_secs_f64() * 1_000.0)
}
