//! This machine: room on the disk, descriptors, settings that a production
//! would not have.

use std::path::Path;

use nix::sys::statvfs::statvfs;
use sayso_config::Settings;

use super::Finding;
use crate::descriptors::Descriptors;

/// Less free than this part of the disk is worth a look, less than the second
/// an alarm.
const FREE_PERCENT: (u64, u64) = (15, 5);
/// The same in mebibytes, whatever the size of the disk.
const FREE_MIB: (u64, u64) = (2048, 512);

pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    vec![disk(&settings.data_dir), descriptors(settings), limits(settings)]
}

/// A folder that is not there yet is made on the disk of the one above it.
fn disk(folder: &Path) -> Finding {
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    let Ok(disk) = statvfs(there) else {
        let found = format!("{} cannot be asked", there.display());
        return Finding::warn("disk", found, "look with df");
    };
    let mib = |blocks: u64| (blocks * u64::from(disk.fragment_size() as u32)) >> 20;
    let (free, all) = (mib(disk.blocks_available()), mib(disk.blocks()).max(1));
    judge_disk(free, all, there)
}

fn judge_disk(free: u64, all: u64, folder: &Path) -> Finding {
    let percent = free * 100 / all;
    let found = format!("{free} MiB of {all} MiB free ({percent} %) at {}", folder.display());
    let advice = "free some, or move the data folder to a larger disk: on a full one every write is \
                  answered 503";
    if percent < FREE_PERCENT.1 || free < FREE_MIB.1 {
        Finding::fail("disk", found, advice)
    } else if percent < FREE_PERCENT.0 || free < FREE_MIB.0 {
        Finding::warn("disk", found, advice)
    } else {
        Finding::ok("disk", found)
    }
}

/// Of whoever asks: a service has the limit of its unit.
fn descriptors(settings: &Settings) -> Finding {
    match Descriptors::of(settings) {
        Ok(found) => judge_descriptors(found),
        Err(_) => Finding::warn("descriptors", "the limit cannot be asked", "look with ulimit -n"),
    }
}

fn judge_descriptors(found: Descriptors) -> Finding {
    let (taken, wanted) = (found.taken(), found.wanted);
    let told = format!("a server may have {taken}; {wanted} are used with every connection taken");
    if taken >= wanted {
        return Finding::ok("descriptors", told);
    }
    let connections = wanted - taken;
    let advice = format!(
        "give the service LimitNOFILE={wanted} (ulimit -Hn), or lower http.connections_max by \
         {connections}: past the limit new connections wait"
    );
    Finding::warn("descriptors", told, advice)
}

fn limits(settings: &Settings) -> Finding {
    if settings.limits.enabled {
        return Finding::ok("rate limits", "on");
    }
    Finding::warn(
        "rate limits",
        "off",
        "set limits.enabled = true: passwords can be guessed freely",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;

    #[test]
    fn a_disk_is_judged_by_its_part_and_by_its_size() {
        let level = |free, all| judge_disk(free, all, Path::new("/")).level;

        assert_eq!(level(50_000, 100_000), Level::Ok);
        assert_eq!(level(14_000, 100_000), Level::Warn);
        assert_eq!(level(4_000, 100_000), Level::Fail);
        assert_eq!(level(1_000, 4_000), Level::Warn, "a quarter of little is little");
        assert_eq!(level(400, 1_000), Level::Fail);
    }

    #[test]
    fn descriptors_are_judged_by_what_a_server_may_give_itself() {
        let level = |soft, hard| {
            let found = Descriptors { soft, hard, wanted: 20_200 };
            judge_descriptors(found).level
        };

        assert_eq!(level(1_024, 1_048_576), Level::Ok);
        assert_eq!(level(1_024, 4_096), Level::Warn);
    }
}
