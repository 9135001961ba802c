//! A company at work while its server and its database are killed under it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::Method;
use sayso_db::Db;
use sayso_db::managed::{Managed, ManagedOptions};
use sayso_db::tokio_postgres::Config;
use sayso_kernel::Random;
use sayso_testkit::{Client, Connect, Heard, ProcessSetup, Sockets, until};
use tokio::task::JoinHandle;
use tokio::time::{sleep, sleep_until};

use super::judge::{Evidence, Subscriber};
use super::writer::{Memory, Writer};
use crate::company::{Company, open_channel};
use crate::presence::assert_presence;
use crate::team::logged;
use crate::truth::{Logged, Truth};

/// What is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Server,
    Database,
}

/// Who writes under an `Idempotency-Key`: the others meet a kill in the one
/// statement that a write without a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    All,
    EverySecond,
}

/// How a storm goes.
pub struct Storm {
    pub setup: ProcessSetup,
    /// In which way the server is broken on purpose, once the company stands.
    pub mutant: Option<&'static str>,
    /// Where the truth is; `None` when the server runs a database of its own.
    pub database: Option<Config>,
    /// When what is killed.
    pub kills: Vec<(Duration, Target)>,
    pub length: Duration,
    pub writers: usize,
    pub keys: Keys,
    pub sockets: usize,
    pub seed: u64,
}

/// What a storm leaves behind.
pub struct Aftermath {
    pub evidence: Evidence,
    /// From each kill of the server to its next 2xx.
    pub recoveries: Vec<Duration>,
    /// The longest that a client was away.
    pub slowest_return: Duration,
}

/// Writes of one writer come this far apart.
const PAUSE: Duration = Duration::from_millis(80);
/// A client that is away misses so many events of others,
const MISSED: i64 = 5;
/// but is not away for longer than this,
const AWAY_MAX: Duration = Duration::from_millis(1500);
/// and the next one leaves after this.
const BETWEEN: Duration = Duration::from_millis(100);
/// How long the last events may need to arrive at everybody.
const HEARD_WITHIN: Duration = Duration::from_secs(15);

impl Storm {
    pub async fn rage(self) -> Aftermath {
        let mut company = Company::found(self.setup.clone()).await;
        let channels = Channels::open(&company).await;
        if let Some(mutant) = self.mutant {
            company.server.stop().await;
            company.server.set("SAYSO_MUTANT", mutant);
            company.server.restart().await;
        }
        let config = match self.database {
            Some(config) => config,
            None => managed(&company.server.data_dir()).await,
        };
        // Everybody follows the channels before the first socket asks.
        Truth::of(&config).await.settle().await;
        let sockets = Arc::new(Sockets::brief());
        let people = company.everybody().map(|(name, person)| (name, person.clone()));
        let subscribers = connect(&people, &sockets, &KINDS, self.sockets).await;

        let started = Instant::now();
        let end = started + self.length;
        let random = Random::seeded(self.seed);
        let writers = write(&company, &channels, (self.writers, self.keys), &random, end);
        let names = subscribers.iter().map(|one| one.name.clone()).collect();
        tokio::spawn(leave_in_turn(Arc::clone(&sockets), names, end));
        let Killed { recoveries, faults } = kill_all(&mut company, &self.kills, started).await;
        let mut memory = Memory::default();
        for writer in writers {
            memory.add(writer.await.unwrap());
        }
        let evidence = collect(&config, &sockets, subscribers, memory, faults).await;
        let names: Vec<String> = evidence.subscribers.iter().map(|one| one.name.clone()).collect();
        // Who was taken out of reach comes back as well, and proves nothing of a
        // kill: each one of the server has to have cut somebody's line.
        let lost = lost_lines(&sockets, &names);
        assert!(lost >= recoveries.len(), "{lost} lines lost by {} kills", recoveries.len());
        let slowest_return = names.iter().map(|name| longest_absence(&sockets, name)).max();
        assert_presence(&company, &[company.ceo.clone()], &sockets, &names).await;
        Aftermath { evidence, recoveries, slowest_return: slowest_return.unwrap_or_default() }
    }
}

/// Each fourth over polling.
pub const KINDS: [&[&str]; 4] = [&["websocket"], &["polling"], &["websocket"], &["websocket"]];

/// So many people write until `end`.
pub fn write(
    company: &Company,
    channels: &Channels,
    (count, keys): (usize, Keys),
    random: &Random,
    end: Instant,
) -> Vec<JoinHandle<Memory>> {
    let everybody = company.everybody();
    let writer = |turn: usize| {
        let person = everybody[turn % everybody.len()].1;
        let has_keys = keys == Keys::All || turn.is_multiple_of(2);
        Writer::new(turn, (person, channels), (has_keys, PAUSE), random)
    };
    (0..count).map(|turn| tokio::spawn(writer(turn).run(end))).collect()
}

/// The channels of a company, and who is in each.
pub struct Channels(Vec<(String, Vec<String>)>);

/// Who of [`Company::everybody`] is in each: half of them are everybody's, and
/// the others two people's, so that it is seen when a third hears of them.
const CHANNELS: [&[usize]; 10] = [
    &[0, 1, 2, 3],
    &[0, 2],
    &[0, 1, 2, 3],
    &[1, 3],
    &[0, 1, 2, 3],
    &[0, 3],
    &[0, 1, 2, 3],
    &[0, 1],
    &[0, 1, 2, 3],
    &[1, 2],
];

impl Channels {
    /// Opens all of them.
    pub async fn open(company: &Company) -> Self {
        let everybody = company.everybody().map(|(_, person)| person);
        let mut all = Vec::new();
        for (number, places) in CHANNELS.iter().enumerate() {
            let members: Vec<&Client> = places.iter().map(|place| everybody[*place]).collect();
            let id = open_channel(members[0], &format!("channel {number}"), &members[1..]).await;
            all.push((id, members.iter().map(|one| one.user_id().to_owned()).collect()));
        }
        Self(all)
    }

    /// Those that a person is in, and so may write to.
    pub fn of(&self, person: &Client) -> Vec<String> {
        let is_in = |members: &[String]| members.iter().any(|one| one == person.user_id());
        self.0.iter().filter(|(_, members)| is_in(members)).map(|(id, _)| id.clone()).collect()
    }
}

/// Connects sockets of these people in turn, by these transports in turn.
pub async fn connect<N: std::fmt::Display>(
    people: &[(N, Client)],
    sockets: &Sockets,
    kinds: &[&[&str]],
    count: usize,
) -> Vec<Subscriber> {
    let mut subscribers = Vec::new();
    for turn in 0..count {
        let (name, person) = &people[turn % people.len()];
        let name = format!("{name} {turn}");
        let transports = kinds[turn % kinds.len()];
        let connect = Connect { id: &name, person, transports, resume: None };
        let ready = sockets.connect_and_wait(&connect).await;
        let streams = ready["streams"].as_array().unwrap().iter();
        subscribers.push(Subscriber {
            began: ready["position"].as_i64().unwrap(),
            streams: streams.map(|one| one["stream"].as_str().unwrap().to_owned()).collect(),
            heard: Vec::new(),
            reconnects: 0,
            restarted: 0,
            name,
        });
    }
    subscribers
}

/// Takes one client after the other out of reach while the others go on and
/// the server lives, each until it has certainly missed something.
pub async fn leave_in_turn(sockets: Arc<Sockets>, names: Vec<String>, end: Instant) {
    for turn in 0.. {
        let (name, other) = (&names[turn % names.len()], &names[(turn + 1) % names.len()]);
        if Instant::now() + AWAY_MAX > end {
            return;
        }
        let before = sockets.last_position(other);
        sockets.leave(name);
        let left = Instant::now();
        while sockets.last_position(other) < before + MISSED && left.elapsed() < AWAY_MAX {
            sleep(PAUSE).await;
        }
        sockets.come_back(name);
        sleep(BETWEEN).await;
    }
}

/// How often these lost their line to what was broken, and not because
/// [`leave_in_turn`] took them out of reach.
fn lost_lines(sockets: &Sockets, names: &[String]) -> usize {
    let is_lost = |heard: &Heard| {
        let is_cut = heard.payload.as_str().is_some_and(|why| why.starts_with("transport "));
        heard.event == "disconnect" && is_cut
    };
    names.iter().map(|name| sockets.heard(name).iter().filter(|it| is_lost(it)).count()).sum()
}

/// What came of the kills.
struct Killed {
    /// From each kill of the server to its next 2xx.
    recoveries: Vec<Duration>,
    /// Processes that were really ended.
    faults: usize,
}

/// Kills what is to be killed, when it is to be; starts the server again at
/// once, and measures until its next 2xx.
async fn kill_all(company: &mut Company, kills: &[(Duration, Target)], started: Instant) -> Killed {
    let mut killed = Killed { recoveries: Vec::new(), faults: 0 };
    for (after, target) in kills {
        sleep_until((started + *after).into()).await;
        match target {
            Target::Server => {
                killed.faults += usize::from(company.server.kill9());
                let since = Instant::now();
                company.server.restart().await;
                killed.recoveries.push(since.elapsed());
            }
            Target::Database => {
                let pid = postmaster(&company.server.data_dir()).await;
                kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
                let url = company.server.url();
                await_death(pid).await;
                killed.faults += 1;
                until("the server to heal by itself", Duration::from_secs(15), async || {
                    let asked = Client::anonymous(&url).request(Method::GET, "/health/ready");
                    let answer = sayso_testkit::read(asked).await;
                    answer.is_ok_and(|reply| reply.status.is_success()).then_some(())
                })
                .await;
            }
        }
    }
    killed
}

/// The server's own database, which runs as a child of the server.
async fn postmaster(data_dir: &Path) -> i32 {
    until("the pid of PostgreSQL", Duration::from_secs(5), async || pid_below(data_dir)).await
}

/// The process id that the PostgreSQL somewhere below a folder has written down.
pub fn pid_below(folder: &Path) -> Option<i32> {
    let pid = std::fs::read_to_string(folder.join("postmaster.pid"));
    if let Some(pid) = pid.ok().and_then(|text| text.lines().next()?.parse().ok()) {
        return Some(pid);
    }
    let folders = std::fs::read_dir(folder).ok()?.flatten();
    folders.filter(|entry| entry.path().is_dir()).find_map(|entry| pid_below(&entry.path()))
}

async fn await_death(pid: i32) {
    until("PostgreSQL to be gone", Duration::from_secs(5), async || {
        kill(Pid::from_raw(pid), None).is_err().then_some(())
    })
    .await;
}

/// The way to the managed database of a running server.
async fn managed(data_dir: &Path) -> Config {
    let options = ManagedOptions { data_dir: data_dir.to_owned(), pg_bin: None };
    Managed::attach(options, &Random::from_os()).await.unwrap().app_config()
}

pub async fn collect(
    config: &Config,
    sockets: &Sockets,
    mut subscribers: Vec<Subscriber>,
    memory: Memory,
    faults: usize,
) -> Evidence {
    let truth = Truth::of(config).await;
    truth.settle().await;
    let log = truth.log().await;
    for subscriber in &mut subscribers {
        await_last(sockets, subscriber, &log).await;
        subscriber.heard = sockets.events(&subscriber.name).iter().map(logged).collect();
        let readies = sockets.heard(&subscriber.name).into_iter();
        let readies: Vec<_> = readies.filter(|heard| heard.event == "ready").skip(1).collect();
        subscriber.reconnects = readies.len();
        subscriber.restarted =
            readies.iter().filter(|ready| ready.payload["recovered"] != true).count();
    }
    let limits = sayso_db::DbLimits::from(&sayso_config::Database::default());
    let db = Db::new(config.clone(), &limits).unwrap();
    Evidence {
        acked: memory.acked,
        unanswered: memory.unanswered,
        stored: truth.messages().await,
        without_event: truth.messages_without_one_event().await,
        log,
        subscribers,
        faults,
        wrong_answers: memory.wrong,
        wrong_log: sayso_testkit::judge::log(&db).await.unwrap(),
    }
}

/// Waits until the last event has come, or will not come any more: whether it
/// came is for the judge to say.
async fn await_last(sockets: &Sockets, subscriber: &Subscriber, log: &[Logged]) {
    let last = log.iter().rev().find(|event| subscriber.streams.contains(&event.stream));
    let Some(last) = last else { return };
    let given_up = Instant::now() + HEARD_WITHIN;
    until("the last event", HEARD_WITHIN * 2, async || {
        let has_come = sockets.last_position(&subscriber.name) >= last.position;
        (has_come || Instant::now() > given_up).then_some(())
    })
    .await;
    if sockets.last_position(&subscriber.name) < last.position {
        eprintln!("{} did not hear the last event:", subscriber.name);
        eprintln!("  it is {}", sockets.state(&subscriber.name).await);
        for heard in sockets.heard(&subscriber.name).iter().filter(|heard| !heard.is_event()) {
            eprintln!("  {} {} {}", heard.at, heard.event, heard.payload);
        }
    }
}

/// From a disconnect to the next `ready`.
pub fn longest_absence(sockets: &Sockets, name: &str) -> Duration {
    let (mut left, mut longest) = (None, 0);
    for heard in sockets.heard(name) {
        match heard.event.as_str() {
            "disconnect" => left = Some(heard.at),
            "ready" => longest = longest.max(left.take().map_or(0, |left| heard.at - left)),
            _ => {}
        }
    }
    Duration::from_millis(u64::try_from(longest).unwrap_or(0))
}
