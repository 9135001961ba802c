//! Settings from their sources, and everything that is wrong with them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sayso_config::{ConfigFault, LogFormat, Settings, reference};
use sayso_kernel::Random;
use sayso_kernel::hex;
use sayso_kernel::secret::Secret;

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let name = format!("sayso-config-{}", hex::encode(&Random::from_os().bytes::<8>()));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a fresh folder");
        Self(path)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pairs(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(
    file: Option<&Path>,
    env: &[(&str, &str)],
    flags: &[(&str, &str)],
) -> Result<Settings, Vec<ConfigFault>> {
    let env = [pairs(&[("HOME", "/home/ada")]), pairs(env)].concat();
    Settings::load(file, env.into_iter(), pairs(flags))
}

fn faults(file: Option<&Path>, env: &[(&str, &str)]) -> Vec<String> {
    load(file, env, &[]).expect_err("faults").iter().map(ToString::to_string).collect()
}

#[test]
fn without_any_source_the_defaults_hold() {
    let settings = load(None, &[], &[]).expect("defaults are valid");

    assert_eq!(settings.data_dir, Path::new("/home/ada/.local/share/sayso"));
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.body_max_bytes, 1_048_576);
    assert_eq!(settings.auth.refresh_absolute_secs, 2_592_000);
    assert_eq!(settings.log.format, LogFormat::Pretty);
    assert!(settings.limits.enabled && settings.database.refuse_unsafe);
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let folder = Folder::new();
    let file = folder.file(
        "sayso.toml",
        "[http]\nlisten = \"127.0.0.1:1\"\nbody_max_bytes = 2048\nconnections_max = 11\n\
         allowed_origins = [\"https://a.example\", \"https://b.example\"]\n",
    );
    let env = [("SAYSO_HTTP__LISTEN", "127.0.0.1:2"), ("SAYSO_HTTP__BODY_MAX_BYTES", "4096")];

    let settings = load(Some(&file), &env, &[("http.listen", "127.0.0.1:3")]).expect("valid");

    assert_eq!(settings.http.listen.port(), 3);
    assert_eq!(settings.http.body_max_bytes, 4096);
    assert_eq!(settings.http.connections_max, 11);
    assert_eq!(settings.http.allowed_origins, ["https://a.example", "https://b.example"]);
}

#[test]
fn customary_names_work_and_the_full_name_is_stronger() {
    let env = [
        ("DATABASE_URL", "postgres://one/a"),
        ("REDIS_URL", "redis://r"),
        ("SAYSO_DATA_DIR", "/srv/sayso"),
        ("SAYSO_PG_BIN", "/opt/pg/bin"),
    ];

    let short = load(None, &env, &[]).expect("valid");
    let both = [env.as_slice(), &[("SAYSO_DATABASE__URL", "postgres://two/a")]].concat();
    let long = load(None, &both, &[]).expect("valid");

    let url = |s: &Settings| s.database.url.as_ref().map(|u| u.expose().clone());
    assert_eq!(url(&short).as_deref(), Some("postgres://one/a"));
    assert_eq!(url(&long).as_deref(), Some("postgres://two/a"));
    assert_eq!(short.data_dir, Path::new("/srv/sayso"));
    assert_eq!(short.managed.pg_bin.as_deref(), Some(Path::new("/opt/pg/bin")));
}

#[test]
fn all_faults_are_told_at_once_and_each_names_its_key_and_its_source() {
    let folder = Folder::new();
    let file =
        folder.file("sayso.toml", "colour = 1\n[http]\nlisten = 8080\nbody_max_bytes = -1\n");
    let env = [
        ("SAYSO_AUTH__BCRYPT_COST", "40"),
        ("SAYSO_AUTH__BCRYPTCOST", "12"),
        ("SAYSO_HTTP_LISTEN", "127.0.0.1:1"),
        ("SAYSO_PORT", "tcp://10.0.0.1:80"),
        ("REDIS_URL", "redis://:hunter2@r"),
        ("SAYSO_LIMITS__ENABLED", ""),
    ];

    let told = faults(Some(&file), &env).join("\n");

    let place = format!("(in {})", file.display());
    for part in [
        "SAYSO_HTTP_LISTEN: no such setting; SAYSO_HTTP__LISTEN is one",
        &format!(
            "http.listen: must be an address with a port, like 127.0.0.1:8080 or [::]:8080, \
             not \"8080\" {place}"
        ),
        &format!("http.body_max_bytes: must be a whole number, not \"-1\" {place}"),
        "auth.bcrypt_cost: must be from 4 to 16, not \"40\" (from SAYSO_AUTH__BCRYPT_COST)",
        "auth.bcryptcost: no such setting; auth.bcrypt_cost is one (from SAYSO_AUTH__BCRYPTCOST)",
        &format!("colour: no such setting {place}"),
        "redis.url: needs database.url beside it",
    ] {
        assert!(told.contains(part), "{part}\nis missing in\n{told}");
    }
    assert_eq!(told.lines().count(), 7, "{told}");
}

#[test]
fn no_fault_and_no_debug_output_shows_a_secret() {
    let secret = "hunter2-hunter2";
    let env =
        [("DATABASE_URL", secret), ("SAYSO_SECRETS__ROOT_KEY", secret), ("REDIS_URL", secret)];
    let told = faults(None, &env).join("\n");
    let settings = load(None, &[("DATABASE_URL", "postgres://u:hunter2-hunter2@h/d")], &[]);

    assert_eq!(told.lines().count(), 3, "{told}");
    assert!(!told.contains(secret), "{told}");
    assert!(!format!("{:?}", settings.expect("valid")).contains(secret));
}

#[test]
fn traces_go_to_a_collector_that_can_be_reached_with_headers_that_nobody_is_shown() {
    let folder = Folder::new();
    let headers = folder.file("headers", "authorization=Bearer hunter2-hunter2,x-org=acme\n");
    let env = [
        ("SAYSO_TRACES__ENDPOINT", "http://127.0.0.1:4318"),
        ("SAYSO_TRACES__SAMPLE_RATIO", "0.25"),
        ("SAYSO_TRACES__HEADERS_FILE", headers.to_str().expect("unicode")),
    ];
    let wrong = [
        ("SAYSO_TRACES__ENDPOINT", "https://collector:4318"),
        ("SAYSO_TRACES__SAMPLE_RATIO", "2"),
        ("SAYSO_TRACES__HEADERS", "hunter2-hunter2"),
    ];

    let traces = load(None, &env, &[]).expect("valid").traces;
    let told = faults(None, &wrong).join("\n");

    assert_eq!(traces.headers.expose(), &["authorization=Bearer hunter2-hunter2", "x-org=acme"]);
    assert!((traces.sample_ratio.get() - 0.25).abs() < f64::EPSILON);
    assert!(!format!("{traces:?}").contains("hunter2"));
    for part in [
        "traces.endpoint: must start with http://; TLS is not built in",
        "traces.sample_ratio: must be a number from 0 to 1, not \"2\"",
        "traces.headers: each must be name=value, of visible ASCII",
    ] {
        assert!(told.contains(part), "{part}\nis missing in\n{told}");
    }
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn a_secret_can_stand_in_a_file_but_not_in_two_places_of_one_source() {
    let folder = Folder::new();
    let key = folder.file("key", &format!("{}\n", "ab".repeat(32)));
    let key = key.to_str().expect("unicode");
    let file = folder.file("sayso.toml", "[secrets]\nroot_key = \"from the file\"\n");
    let named = [("SAYSO_SECRETS__ROOT_KEY_FILE", key)];

    let read = load(Some(&file), &named, &[]).expect("the environment hides the file's value");
    let twice = [named.as_slice(), &[("SAYSO_SECRETS__ROOT_KEY", "cd")]].concat();
    let absent = [("SAYSO_DATABASE__URL_FILE", "/nowhere/url")];

    let value = read.secrets.root_key.as_ref().map(|key| key.expose().len());
    assert_eq!(value, Some(64));
    assert!(faults(None, &twice).join("\n").contains("not both"));
    assert!(
        faults(None, &absent).join("\n").contains("database.url_file: /nowhere/url cannot be read")
    );
}

#[test]
fn a_file_that_is_absent_or_not_toml_is_one_clear_fault() {
    let folder = Folder::new();
    let broken = folder.file("broken.toml", "[http\n");

    assert!(faults(Some(&broken), &[])[0].contains("is not TOML"));
    assert!(
        faults(Some(Path::new("/nowhere.toml")), &[])[0].contains("/nowhere.toml: cannot be read")
    );
}

#[test]
fn without_a_home_the_data_folder_must_be_said() {
    let none = Settings::load(None, std::iter::empty(), []).expect_err("no home");

    assert!(none[0].to_string().contains("SAYSO_DATA_DIR"), "{none:?}");
}

#[test]
fn every_setting_of_the_reference_is_documented_and_can_be_set_to_its_default() {
    let docs = reference();

    for doc in &docs {
        assert!(!doc.doc.is_empty() && !doc.unit.is_empty(), "{} lacks its text", doc.key);
        if doc.default.is_empty() || doc.key == "data_dir" {
            continue;
        }
        let set = load(None, &[(&doc.env, &doc.default)], &[]);
        assert!(set.is_ok(), "{}: {:?}", doc.env, set.expect_err("a fault"));
    }
    let url = docs.iter().find(|doc| doc.key == "database.url").expect("the database has a URL");
    assert_eq!(url.aliases, ["DATABASE_URL", "SAYSO_DATABASE__URL_FILE", "DATABASE_URL_FILE"]);
    let mut sections: Vec<&str> =
        docs.iter().filter_map(|doc| doc.key.split_once('.')).map(|(section, _)| section).collect();
    sections.dedup();
    assert_eq!(
        sections.join(" "),
        "http database managed redis auth secrets realtime events log traces limits trash backup \
         deployment cache"
    );
}

#[test]
fn processes_that_make_the_root_key_at_once_agree_on_one_that_only_they_can_read() {
    let folder = Folder::new();
    let settings = Settings::at(folder.0.join("data"));

    let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let made: Vec<_> = (0..8)
            .map(|seed| {
                let settings = &settings;
                scope.spawn(move || {
                    settings.root_key(&Random::seeded(seed)).expect("a key").derive("test")
                })
            })
            .collect();
        made.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });

    assert!(keys.iter().all(|key| *key == keys[0]));
    let path = settings.data_dir.join("secret.key");
    assert_eq!(fs::metadata(&path).expect("the key file").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&settings.data_dir).expect("the folder").count(), 1);
    let again = settings.root_key(&Random::seeded(99)).expect("the same key");
    assert_eq!(again.derive("test"), keys[0]);
}

#[test]
fn a_damaged_root_key_is_refused_and_never_replaced() {
    let folder = Folder::new();
    let path = folder.file("secret.key", "short\n");

    let error = Settings::at(folder.0.clone()).root_key(&Random::seeded(1)).expect_err("refused");

    assert!(error.to_string().contains("64 hexadecimal digits"), "{error}");
    assert_eq!(fs::read_to_string(path).expect("untouched"), "short\n");
}

#[test]
fn a_production_refuses_everything_that_only_a_trial_may_have_at_once() {
    let trial = [
        ("DATABASE_URL", "postgres://sayso:sayso@db/sayso"),
        ("SAYSO_DATABASE__OWNER_URL", "postgres://owner:postgres@db/sayso"),
        ("REDIS_URL", "redis://cache:6379/"),
        ("SAYSO_SECRETS__ROOT_KEY", &"07".repeat(32)),
        ("SAYSO_LIMITS__ENABLED", "false"),
        ("SAYSO_DATABASE__REFUSE_UNSAFE", "false"),
        ("SAYSO_AUTH__BCRYPT_COST", "4"),
        ("SAYSO_HTTP__ALLOWED_ORIGINS", "http://app.example.com"),
        ("SAYSO_BACKUP__PASSPHRASE", "short"),
    ];
    assert!(load(None, &trial, &[]).is_ok(), "a trial may have them");

    let told = faults(None, &[&trial[..], &[("SAYSO_DEPLOYMENT__PRODUCTION", "true")]].concat());

    let keys: Vec<&str> =
        told.iter().filter_map(|line| line.split_once(':')).map(|(key, _)| key).collect();
    assert_eq!(
        keys,
        [
            "database.url",
            "database.owner_url",
            "redis.url",
            "secrets.root_key",
            "backup.passphrase",
            "limits.enabled",
            "database.refuse_unsafe",
            "auth.bcrypt_cost",
            "http.allowed_origins",
        ]
    );
    assert!(load(None, &[("SAYSO_DEPLOYMENT__PRODUCTION", "true")], &[]).is_ok());
}

#[test]
fn a_production_on_a_named_database_must_be_given_its_root_key() {
    let random = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    let named = [
        ("SAYSO_DEPLOYMENT__PRODUCTION", "true"),
        ("DATABASE_URL", "postgres://sayso@%2Frun%2Fpostgresql/sayso"),
    ];
    let folder = Folder::new();
    let key = folder.file("key", random);
    let key = key.to_str().expect("unicode");

    let told = faults(None, &named);

    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("secrets.root_key: must be set in production"), "{told:?}");
    for given in [("SAYSO_SECRETS__ROOT_KEY", random), ("SAYSO_SECRETS__ROOT_KEY_FILE", key)] {
        assert!(load(None, &[&named[..], &[given]].concat(), &[]).is_ok(), "{given:?}");
    }
}

#[test]
fn keys_that_were_are_those_that_are_set_and_those_that_a_restore_has_kept() {
    let folder = Folder::new();
    let (one, two, three) = ("01".repeat(32), "02".repeat(32), "03".repeat(32));
    let mut settings = Settings::at(folder.0.clone());
    settings.secrets.previous_root_keys = Secret::new(vec![one.clone()]);
    let kept = [two.clone(), one.clone()].map(Secret::new);

    settings.keep_previous_root_keys(&kept).expect("they are kept");
    settings.keep_previous_root_keys(&[Secret::new(three.clone())]).expect("it is kept");

    let all = settings.previous_root_key_digits().expect("they can be read");
    assert_eq!(all, [one, two, three].map(Secret::new));
    assert_eq!(settings.previous_root_keys().expect("they are keys").len(), 3);
    let file = settings.previous_root_keys_file();
    assert_eq!(fs::metadata(&file).expect("the file").permissions().mode() & 0o777, 0o600);
    fs::write(&file, "short\n").expect("written");
    let error = settings.previous_root_keys().expect_err("refused").to_string();
    assert!(error.contains("previous.keys does not hold a root key"), "{error}");
}

#[test]
fn every_value_is_told_with_its_source_and_no_secret_is() {
    let env = pairs(&[
        ("HOME", "/home/ada"),
        ("DATABASE_URL", "postgres://u:hunter2@h/d"),
        ("SAYSO_HTTP__LISTEN", "127.0.0.1:2"),
    ]);
    let flags = pairs(&[("log.filter", "debug")]);

    let (_, told) = Settings::load_told(None, env.into_iter(), flags).expect("valid");

    let of = |key: &str| {
        let one = told.iter().find(|one| one.key == key).expect("every setting is told");
        let source = one.source.as_ref().map(ToString::to_string).unwrap_or_default();
        (one.value.clone(), source)
    };
    assert_eq!(of("http.listen"), ("127.0.0.1:2".into(), " (from SAYSO_HTTP__LISTEN)".into()));
    assert_eq!(of("log.filter"), ("debug".into(), " (from the command line)".into()));
    assert_eq!(of("database.url"), ("[secret]".into(), " (from DATABASE_URL)".into()));
    assert_eq!(of("redis.url"), (String::new(), String::new()));
    assert_eq!(of("http.drain_ms"), ("3000".into(), String::new()));
    assert_eq!(told.len(), reference().len());
    assert!(!format!("{told:?}").contains("hunter2"));
}
