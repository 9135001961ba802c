//! What the door costs, in CPU of this process: other load on the machine does
//! not change it much. Run them one at a time and optimised; the command stands
//! in `docs/security.md`.

use std::fs;

use sayso_auth::Hasher;
use sayso_kernel::secret::Secret;
use sayso_testkit::root_key;
use sayso_users::password::HashLimits;

use crate::remembering::remembering;
use crate::stage::{PASSWORD, Stage, altered};

/// Nanoseconds that the threads of this process have spent on a CPU.
fn cpu_ns() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("a Linux");
    let spent = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    spent.sum()
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn micros(ns: u64, count: u64) -> f64 {
    ns as f64 / count as f64 / 1000.0
}

/// What the node does beside, in as long a time: it follows its log.
async fn idle_ns(wall: std::time::Duration) -> u64 {
    let before = cpu_ns();
    tokio::time::sleep(wall).await;
    cpu_ns() - before
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn what_authenticating_a_hot_request_costs() {
    const COUNT: u64 = 200_000;
    let mut stage = Stage::new().await;
    let node = remembering(&mut stage).await;
    let pair = stage.ann().await;
    let token = pair.access.expose();
    for _ in 0..1000 {
        sayso_auth::verify(&stage.auth, token).await.expect("it is good");
    }

    let (before, started) = (cpu_ns(), std::time::Instant::now());
    for _ in 0..COUNT {
        sayso_auth::verify(&stage.auth, token).await.expect("it is good");
    }
    let (spent, wall) = (cpu_ns() - before, started.elapsed());
    let idle = idle_ns(wall).await;

    let own = micros(spent.saturating_sub(idle), COUNT);
    eprintln!(
        "hot request authenticated: {own:.2} µs of CPU ({:.2} with the node's own log)",
        micros(spent, COUNT)
    );
    assert!(own > 0.0);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn what_a_login_costs_at_the_configured_cost() {
    const COUNT: u64 = 20;
    let mut stage = Stage::new().await;
    let settings = sayso_config::Auth::default();
    let limits = HashLimits::from(&settings);
    let hasher = Hasher::new(&root_key(), limits, stage.ctx.random.clone());
    stage.auth = altered(&stage.auth, |auth, _| auth.hasher = hasher);
    stage.ann().await;

    let before = cpu_ns();
    for _ in 0..COUNT {
        stage.log_in("ann@example.com", PASSWORD).await.expect("it is right");
    }
    let login = micros(cpu_ns() - before, COUNT) / 1000.0;
    let before = cpu_ns();
    for _ in 0..COUNT {
        stage.auth.hasher.hash(Secret::new("another horse".into())).await.expect("it is hashed");
    }
    let hash = micros(cpu_ns() - before, COUNT) / 1000.0;

    eprintln!(
        "login at cost {}: {login:.1} ms of CPU ({hash:.1} the hash), {:.2} logins/s a core",
        settings.bcrypt_cost,
        1000.0 / login
    );
    assert!(login > hash / 2.0);
}
