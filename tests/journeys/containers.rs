//! `compose.yaml` and the `Dockerfile`, looked at for what kept containers from
//! starting, or lets them do more than they need. Neither `docker compose config`
//! nor `docker build` is asked: they are on few machines.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::deploy::text;
use crate::golden::root;
use crate::yaml;

fn services(compose: &Value) -> &Map<String, Value> {
    compose["services"].as_object().expect("services have names")
}

/// The services that are Sayso.
fn nodes(compose: &Value) -> Vec<(&String, &Value)> {
    services(compose).iter().filter(|(_, service)| service["image"] == "sayso").collect()
}

#[test]
fn what_compose_mounts_is_there() {
    let compose = yaml::file("compose.yaml");
    let volumes = services(&compose).values().filter_map(|service| service["volumes"].as_array());
    let paths = volumes.flatten().filter_map(|volume| volume.as_str()?.split(':').next());
    let mounted: Vec<&str> = paths.filter_map(|path| path.strip_prefix("./")).collect();
    assert!(mounted.len() >= 4, "{mounted:?}");
    for file in mounted {
        assert!(root().join(file).is_file(), "{file} is not there");
    }
}

/// Cargo refuses a workspace of which a folder is missing, so the image is given
/// every one that it names.
#[test]
fn the_image_is_built_from_every_folder_that_cargo_reads() {
    let (ignored, manifest) = (text(".dockerignore"), text("Cargo.toml"));
    let given: BTreeSet<&str> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let naming = manifest.lines();
    let naming = naming.filter(|line| line.starts_with("members") || line.contains("path = "));
    let paths = naming.flat_map(|line| line.split('"').skip(1).step_by(2));
    let folders: BTreeSet<&str> = paths.filter_map(|path| path.split('/').next()).collect();

    assert!(folders.contains("crates") && folders.contains("vendor"), "{folders:?}");
    assert!(folders.is_subset(&given), "{folders:?} are not all in {given:?}");
}

/// The number that stands behind a key.
fn number(text: &str, key: &str) -> u64 {
    let rest = text.split_once(key).unwrap_or_else(|| panic!("{key} is not there")).1;
    let digits = rest.trim_start().split(|c: char| !c.is_ascii_digit()).next().unwrap();
    digits.parse().unwrap_or_else(|error| panic!("{key} {digits:?}: {error}"))
}

/// Each of these kept the containers from starting, or failed in them later.
#[test]
fn compose_gives_what_the_configurations_ask_for() {
    let compose = yaml::file("compose.yaml");
    let services = services(&compose);
    let descriptors = services["balancer"]["ulimits"]["nofile"]["hard"].as_u64().unwrap();
    let connections = number(&text("deploy/haproxy.cfg"), "\n    maxconn");
    assert!(descriptors > 2 * connections, "{descriptors}");

    let maintenance = number(&text("deploy/postgresql.conf"), "maintenance_work_mem = '");
    let shared = services["postgres"]["shm_size"].as_str().unwrap().strip_suffix('m').unwrap();
    assert!(shared.parse::<u64>().unwrap() > maintenance, "{shared}");

    let network = |name: &str, key: &str| {
        let told = &compose["networks"][name]["ipam"]["config"][0][key];
        told.as_str().unwrap_or_else(|| panic!("{name} has no {key}")).to_owned()
    };
    let trusted = format!("{},{}", network("inside", "subnet"), network("outside", "gateway"));
    for (name, node) in nodes(&compose) {
        assert_eq!(node["environment"]["SAYSO_HTTP__TRUSTED_PROXIES"], trusted, "{name}");
    }

    // One that names its syntax is built only where Docker's registry is reached.
    assert!(!text("Dockerfile").starts_with("# syntax"));
}

/// The user as whom the last stage of an image runs.
fn user(dockerfile: &str) -> Option<&str> {
    let (_, stage) = dockerfile.rsplit_once("\nFROM ")?;
    stage.lines().rev().find_map(|line| line.strip_prefix("USER ")).map(str::trim)
}

/// Whether it is a user and a group by their numbers, which is all that whoever
/// runs an image can judge by, and neither is root's.
fn is_nobody(user: &str) -> bool {
    let is_other = |id: &str| id.parse::<u32>().is_ok_and(|id| id > 0);
    user.split_once(':').is_some_and(|(user, group)| is_other(user) && is_other(group))
}

/// The keys by which a service may do more than a node has to.
fn loose(service: &Value) -> Vec<&'static str> {
    let is_tight = [
        ("read_only", service["read_only"] == true),
        ("cap_drop", service["cap_drop"] == json!(["ALL"])),
        ("cap_add", service["cap_add"].is_null()),
        ("security_opt", service["security_opt"] == json!(["no-new-privileges:true"])),
        ("privileged", service["privileged"].is_null()),
        // That of the image.
        ("user", service["user"].is_null()),
    ];
    is_tight.into_iter().filter(|(_, is_tight)| !is_tight).map(|(key, _)| key).collect()
}

#[test]
fn a_node_is_no_root_writes_to_memory_alone_and_has_no_rights_to_gain() {
    let (compose, dockerfile) = (yaml::file("compose.yaml"), text("Dockerfile"));
    let user = user(&dockerfile).expect("the image names its user");
    assert!(is_nobody(user), "the image runs as {user}");
    let (id, group) = user.split_once(':').unwrap();

    let nodes = nodes(&compose);

    assert_eq!(nodes.len(), 2);
    for (name, node) in nodes {
        assert_eq!(loose(node), [""; 0], "{name}");
        // What is memory is this user's.
        let memory = format!("/var/lib/sayso:uid={id},gid={group},mode=0700");
        assert_eq!(node["tmpfs"], json!([memory, "/tmp"]), "{name}");
    }
}

#[test]
fn an_image_of_root_and_a_node_that_is_let_do_more_are_convicted() {
    for root in ["0:0", "root", "sayso", "10001", "10001:0", "sayso:sayso"] {
        assert!(!is_nobody(root), "{root}");
    }
    assert_eq!(user("FROM a\nUSER 1:1\nFROM b\nRUN c\n"), None);
    assert_eq!(user("FROM a\nFROM b\nUSER 1:1\nUSER root\n"), Some("root"));

    let tight = json!({ "read_only": true, "cap_drop": ["ALL"],
                        "security_opt": ["no-new-privileges:true"] });
    assert_eq!(loose(&tight), [""; 0]);
    for (key, value) in [
        ("read_only", json!(false)),
        ("cap_drop", json!(["NET_RAW"])),
        ("cap_add", json!(["SYS_ADMIN"])),
        ("security_opt", json!(["no-new-privileges:false"])),
        ("privileged", json!(true)),
        ("user", json!(0)),
    ] {
        let mut slack = tight.clone();
        slack[key] = value;
        assert_eq!(loose(&slack), [key], "{slack}");
    }
}
