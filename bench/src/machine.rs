//! On what, and beside what, it was measured.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A machine and the versions on it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Processor, cores, memory, kernel.
    pub hardware: String,
    /// Of the servers.
    pub versions: String,
}

impl Machine {
    /// Looks.
    pub fn look(postgres_bin: &Path) -> Self {
        let cpu = line("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned());
        let cores = fs::read_to_string("/proc/cpuinfo")
            .map_or(0, |text| text.matches("processor\t").count());
        let memory = line("/proc/meminfo", "MemTotal")
            .and_then(|text| text.trim_end_matches(" kB").parse::<u64>().ok())
            .unwrap_or(0);
        let kernel = told(Command::new("uname").arg("-r"));
        let hardware = format!("{cpu}, {cores} cores, {} GiB, Linux {kernel}", memory / 1_048_576);
        let versions = [
            told(Command::new(postgres_bin.join("postgres")).arg("--version")),
            told(Command::new("redis-server").arg("--version")),
            format!("Node.js {}", told(Command::new("node").arg("--version"))),
            told(Command::new("rustc").arg("--version")),
        ];
        Self { hardware, versions: versions.map(|text| short(&text)).join(", ") }
    }
}

/// How many processes wanted a core in the last minute, on average.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn line(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn told(command: &mut Command) -> String {
    let output = command.output().map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output).lines().next().unwrap_or_default().trim().to_owned()
}

/// Without what only its makers care for.
fn short(text: &str) -> String {
    text.split([';', '(']).next().unwrap_or_default().replace(" sha=00000000:0", "").trim().into()
}
