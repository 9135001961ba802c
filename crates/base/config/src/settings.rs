//! All settings together, and what they must not be in combination.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::fault::{ConfigFault, Source};
use crate::layer::{Layers, ToldSetting};
use crate::section::{SettingDoc, variable};
use crate::value::Kind;
use crate::{
    Auth, Backup, Cache, Database, Deployment, Events, Http, Limits, Log, ManagedPostgres,
    Realtime, Redis, Secrets, Traces, Trash,
};

/// All settings of a Sayso.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder that holds what Sayso keeps on this machine: its PostgreSQL
    /// when it runs one, and its root secret when it is given none.
    pub data_dir: PathBuf,
    /// The HTTP door.
    pub http: Http,
    /// PostgreSQL.
    pub database: Database,
    /// The PostgreSQL that Sayso runs itself.
    pub managed: ManagedPostgres,
    /// Redis or Valkey.
    pub redis: Redis,
    /// Tokens, sessions and password hashes.
    pub auth: Auth,
    /// The root secret.
    pub secrets: Secrets,
    /// Sockets.
    pub realtime: Realtime,
    /// The sequencer and the event log.
    pub events: Events,
    /// Logs.
    pub log: Log,
    /// Traces.
    pub traces: Traces,
    /// Rate limits.
    pub limits: Limits,
    /// The trash.
    pub trash: Trash,
    /// Backups.
    pub backup: Backup,
    /// Whether this is the real thing.
    pub deployment: Deployment,
    /// What was read and is kept.
    pub cache: Cache,
}

impl Settings {
    /// Lays `file`, then `env`, then `overrides` (`section.key` and a value)
    /// over the defaults. All faults are told at once.
    pub fn load(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        overrides: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, Vec<ConfigFault>> {
        Self::load_told(file, env, overrides).map(|(settings, _)| settings)
    }

    /// As [`Settings::load`], with the value of each setting as it may be
    /// shown, and where it was said.
    pub fn load_told(
        file: Option<&Path>,
        env: impl Iterator<Item = (String, String)>,
        overrides: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<ToldSetting>), Vec<ConfigFault>> {
        let env: BTreeMap<String, String> = env.collect();
        let home = default_data_dir(&env);
        let mut layers = Layers::default();
        if let Some(path) = file {
            layers.add_file(path);
        }
        layers.add_environment(env.into_iter());
        layers.add_overrides(overrides);

        let data_dir = layers.take::<Option<PathBuf>>("data_dir", home, None);
        let mut settings = Self::at(data_dir.clone().unwrap_or_default());
        settings.take_sections(&mut layers);
        let (told, mut faults) = layers.finish();
        settings.check(&mut faults);
        match data_dir.map(std::path::absolute) {
            Some(Ok(path)) => settings.data_dir = path,
            _ => faults.push(ConfigFault::new(
                "data_dir",
                Source::Combination,
                "no home folder is known: say where data is kept with SAYSO_DATA_DIR",
            )),
        }
        if faults.is_empty() { Ok((settings, told)) } else { Err(faults) }
    }

    /// The defaults, with data kept in `data_dir`.
    #[must_use]
    pub fn at(data_dir: PathBuf) -> Self {
        Self {
            data_dir,
            http: Http::default(),
            database: Database::default(),
            managed: ManagedPostgres::default(),
            redis: Redis::default(),
            auth: Auth::default(),
            secrets: Secrets::default(),
            realtime: Realtime::default(),
            events: Events::default(),
            log: Log::default(),
            traces: Traces::default(),
            limits: Limits::default(),
            trash: Trash::default(),
            backup: Backup::default(),
            deployment: Deployment::default(),
            cache: Cache::default(),
        }
    }

    fn take_sections(&mut self, layers: &mut Layers) {
        self.http = Http::take(layers);
        self.database = Database::take(layers);
        self.managed = ManagedPostgres::take(layers);
        self.redis = Redis::take(layers);
        self.auth = Auth::take(layers);
        self.secrets = Secrets::take(layers);
        self.realtime = Realtime::take(layers);
        self.events = Events::take(layers);
        self.log = Log::take(layers);
        self.traces = Traces::take(layers);
        self.limits = Limits::take(layers);
        self.trash = Trash::take(layers);
        self.backup = Backup::take(layers);
        self.deployment = Deployment::take(layers);
        self.cache = Cache::take(layers);
    }

    /// What no single setting can tell.
    fn check(&self, faults: &mut Vec<ConfigFault>) {
        let mut refuse = |key: &str, reason: &str| {
            faults.push(ConfigFault::new(key, Source::Combination, reason));
        };
        let database = &self.database;
        for (key, url) in
            [("database.url", &database.url), ("database.owner_url", &database.owner_url)]
        {
            if url
                .as_ref()
                .is_some_and(|url| !has_scheme(url.expose(), &["postgres", "postgresql"]))
            {
                refuse(key, "must start with postgres:// or postgresql://");
            }
        }
        if database.owner_url.is_some() && database.url.is_none() {
            refuse("database.owner_url", "needs database.url beside it");
        }
        if let Some(url) = &self.redis.url {
            if !has_scheme(url.expose(), &["redis", "valkey"]) {
                refuse("redis.url", "must start with redis:// or valkey://; TLS is not built in");
            }
            if database.url.is_none() {
                refuse("redis.url", "needs database.url beside it: nodes must share one database");
            }
        }
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if self.redis.prefix.is_empty() || !is_plain(&self.redis.prefix) {
            refuse("redis.prefix", "must be letters and digits");
        }
        let traces = &self.traces;
        if traces.endpoint.as_ref().is_some_and(|url| !has_scheme(url, &["http"])) {
            refuse("traces.endpoint", "must start with http://; TLS is not built in");
        }
        if traces.has_bad_header() {
            refuse("traces.headers", "each must be name=value, of visible ASCII");
        }
        if self.http.bad_origin().is_some() {
            refuse(
                "http.allowed_origins",
                "each must be like https://app.example.com, without a path",
            );
        }
        if self.http.bad_proxy().is_some() {
            refuse(
                "http.trusted_proxies",
                "each must be an address like 10.0.0.1 or a network like 10.0.0.0/8",
            );
        }
        if self.auth.refresh_absolute_secs < self.auth.refresh_idle_secs {
            refuse("auth.refresh_absolute_secs", "must not be less than auth.refresh_idle_secs");
        }
        if self.auth.refresh_idle_secs <= self.auth.access_ttl_secs {
            refuse("auth.refresh_idle_secs", "must be more than auth.access_ttl_secs");
        }
        if self
            .secrets
            .root_key
            .as_ref()
            .is_some_and(|key| crate::root_key::parse(key.expose()).is_none())
        {
            refuse("secrets.root_key", "must be 64 hexadecimal digits");
        }
        if self.deployment.production {
            crate::deployment::check(self, &mut refuse);
        }
    }
}

/// Every setting with its documentation, in the order of the sections.
#[must_use]
pub fn reference() -> Vec<SettingDoc> {
    let data_dir = SettingDoc {
        key: "data_dir".to_owned(),
        env: variable("data_dir"),
        aliases: Vec::new(),
        default: "$XDG_DATA_HOME/sayso, or ~/.local/share/sayso; for root /var/lib/sayso"
            .to_owned(),
        unit: "folder".to_owned(),
        doc: "The folder that holds what Sayso keeps on this machine: its PostgreSQL when it runs \
              one, and its root secret when it is given none."
            .to_owned(),
        bounds: None,
        kind: Kind::Text,
        is_secret: false,
    };
    let sections = [
        Http::reference(),
        Database::reference(),
        ManagedPostgres::reference(),
        Redis::reference(),
        Auth::reference(),
        Secrets::reference(),
        Realtime::reference(),
        Events::reference(),
        Log::reference(),
        Traces::reference(),
        Limits::reference(),
        Trash::reference(),
        Backup::reference(),
        Deployment::reference(),
        Cache::reference(),
    ];
    std::iter::once(data_dir).chain(sections.into_iter().flatten()).collect()
}

/// Where data is kept when nothing is said: the XDG base directory, which
/// counts only if it is absolute.
fn default_data_dir(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let folder = |name: &str| env.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = |home: PathBuf| match home.to_str() {
        // Root's home is closed to everybody else, and our PostgreSQL does not
        // run as root.
        Some("/root") => PathBuf::from("/var/lib"),
        _ => home.join(".local/share"),
    };
    folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(home)).map(|base| base.join("sayso"))
}

fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| schemes.contains(&scheme))
}
