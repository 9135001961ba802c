//! What a scene has counted, as a row of the table in `docs/testing.md`.

use std::path::Path;
use std::time::Duration;

use super::crash::is_full;
use super::judge::Verdict;

/// A row. What a scene does not count is a dash.
#[derive(Clone, Debug, Default)]
pub struct Row {
    pub length: Duration,
    pub faults: usize,
    pub acked: Option<usize>,
    pub unanswered: Option<usize>,
    pub stored: Option<usize>,
    pub received: Option<usize>,
    pub reconnects: Option<usize>,
    pub lost: Option<usize>,
    pub doubled: Option<usize>,
    pub slowest_restart: Option<Duration>,
    pub longest_absence: Option<Duration>,
}

impl Row {
    /// What the judge has counted.
    pub fn of(verdict: &Verdict, length: Duration) -> Self {
        Self {
            length,
            faults: verdict.faults,
            acked: Some(verdict.acked),
            stored: Some(verdict.stored),
            received: Some(verdict.received),
            reconnects: Some(verdict.reconnects),
            lost: Some(verdict.lost_writes + verdict.lost_events),
            doubled: Some(verdict.doubled_writes + verdict.doubled_events + verdict.disordered),
            ..Self::default()
        }
    }

    /// Shows the row. That of a full form is written down as well: `make faults`
    /// collects them in `docs/testing.md`.
    pub fn write(&self, name: &str) {
        let line = self.line(name);
        eprintln!("{line}");
        if is_full() {
            let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/faults"));
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(name.replace(' ', "-")), line + "\n").unwrap();
        }
    }

    fn line(&self, name: &str) -> String {
        let count =
            |count: Option<usize>| count.map_or("–".to_owned(), |count| count.to_string());
        let time = |time: Option<Duration>| {
            time.map_or("–".to_owned(), |time| format!("{:.2} s", time.as_secs_f64()))
        };
        let cells = [
            name.to_owned(),
            format!("{} s", self.length.as_secs()),
            self.faults.to_string(),
            count(self.acked),
            count(self.unanswered),
            count(self.stored),
            count(self.received),
            count(self.reconnects),
            count(self.lost),
            count(self.doubled),
            time(self.slowest_restart),
            time(self.longest_absence),
        ];
        format!("| {} |", cells.join(" | "))
    }
}

#[test]
fn a_row_has_a_dash_for_whatever_was_not_counted() {
    let row = Row {
        length: Duration::from_secs(120),
        faults: 3,
        acked: Some(17),
        longest_absence: Some(Duration::from_millis(750)),
        ..Row::default()
    };

    let line = "| a scene | 120 s | 3 | 17 | – | – | – | – | – | – | – | 0.75 s |";
    assert_eq!(row.line("a scene"), line);
}
