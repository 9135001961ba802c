//! The matrix as text, and the judge that compares two of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Who calls, in the order of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    Anonymous,
    Staff,
    Manager,
    Ceo,
    ExMember,
    Guest,
    Disabled,
    Token,
    ReadToken,
    CeoToken,
}

impl Caller {
    pub const ALL: [Self; 10] = [
        Self::Anonymous,
        Self::Staff,
        Self::Manager,
        Self::Ceo,
        Self::ExMember,
        Self::Guest,
        Self::Disabled,
        Self::Token,
        Self::ReadToken,
        Self::CeoToken,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Ceo => "ceo",
            Self::ExMember => "ex-member",
            Self::Guest => "guest",
            Self::Disabled => "disabled",
            Self::Token => "token",
            Self::ReadToken => "read-token",
            Self::CeoToken => "ceo-token",
        }
    }

    /// The code that says nothing which the status does not.
    fn usual(self, status: u16) -> &'static str {
        match (status, self) {
            (401, Self::Disabled) => "auth.session_revoked",
            (401, _) => "auth.token_missing",
            (403, Self::Token | Self::ReadToken | Self::CeoToken) => "auth.scope_missing",
            (403, _) => "access.forbidden",
            (404, _) => "resource.not_found",
            _ => "",
        }
    }
}

/// What a caller was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The problem's code; empty where it is none.
    pub code: String,
}

/// A call, and what each caller was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub answers: Vec<Answer>,
}

const HEAD: &str = "\
# Who is answered what: every route and every event of a socket, really called (tests/journeys/matrix).
#
#   staff       wrote the message and the task, is in the channel; `led` is a channel that they are admin of
#   manager     their manager, and in no channel of theirs
#   ceo         in none of the channels
#   ex-member   staff, was removed from the channel
#   guest       staff, in the channel as a guest and in no other way
#   disabled    was deactivated, with a token from before
#   token       an API token of the staff member with every scope; read-token: with `read` alone
#   ceo-token   an API token of the CEO with every scope but `users.admin`
#
# The usual codes are left out: 401 auth.token_missing (disabled: auth.session_revoked), 403
# access.forbidden (tokens: auth.scope_missing), 404 resource.not_found. Others stand behind the call.
# EMIT: 200 is {ok: true}; 401 and 403 where the socket itself was refused.
";

/// The golden text.
pub fn text(rows: &[Row]) -> String {
    let mut text = String::from(HEAD);
    let columns: String = Caller::ALL.map(|caller| format!("{:<11}", caller.name())).concat();
    let _ = writeln!(text, "\n{columns}call");
    for Row { name, answers } in rows {
        let cells: String = answers.iter().map(|it| format!("{:<11}", it.status)).collect();
        let told = Caller::ALL.into_iter().zip(answers).filter_map(|(caller, answer)| {
            let is_usual = answer.code == caller.usual(answer.status);
            (!is_usual).then(|| format!("{}: {}", caller.name(), answer.code))
        });
        let told: Vec<String> = told.collect();
        let told = if told.is_empty() { told.concat() } else { format!("  [{}]", told.join(", ")) };
        let _ = writeln!(text, "{cells}{name}{told}");
    }
    text
}

/// Where two matrices part, in sentences.
pub fn drifts(committed: &str, fresh: &str) -> Vec<String> {
    let (old, new) = (lines(committed), lines(fresh));
    let mut drifts = Vec::new();
    for (name, cells) in &new {
        let Some(before) = old.get(name) else {
            drifts.push(format!("{name} does not stand in the matrix"));
            continue;
        };
        for (at, caller) in Caller::ALL.iter().enumerate() {
            if before.0.get(at) != cells.0.get(at) {
                let status = |cells: &Cells| cells.0.get(at).cloned().unwrap_or_default();
                let (was, is) = (status(before), status(cells));
                drifts.push(format!("{name}: {} was answered {was}, is {is}", caller.name()));
            }
        }
        if before.1 != cells.1 {
            drifts.push(format!("{name}: the codes were {:?}, are {:?}", before.1, cells.1));
        }
    }
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    drifts.extend(gone.map(|name| format!("{name} stands in the matrix and is called by nobody")));
    if drifts.is_empty() && committed != fresh {
        drifts.push("the text around the rows differs".to_owned());
    }
    drifts
}

/// The statuses of a row, and what stands behind it.
type Cells = (Vec<String>, String);

fn lines(text: &str) -> BTreeMap<String, Cells> {
    let rows = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
    let row = |line: &str| {
        let mut rest = line;
        let mut cells = Vec::new();
        for _ in Caller::ALL {
            let (cell, after) = rest.split_once(' ').unwrap_or((rest, ""));
            cells.push(cell.to_owned());
            rest = after.trim_start();
        }
        let (name, told) = rest.split_once("  [").unwrap_or((rest, ""));
        (name.to_owned(), (cells, told.to_owned()))
    };
    rows.map(row).collect()
}

#[test]
fn a_matrix_that_was_tampered_with_is_convicted_cell_by_cell() {
    let answer = |status: u16, code: &str| Answer { status, code: code.into() };
    let mut answers = vec![answer(200, ""); Caller::ALL.len()];
    answers[0] = answer(401, "auth.token_missing");
    answers[2] = answer(404, "resource.not_found");
    answers[3] = answer(409, "user.last_ceo");
    let rows = ["GET /api/a", "GET /api/b (of others)"]
        .map(|name| Row { name: name.into(), answers: answers.clone() });
    let truth = text(&rows);
    assert_eq!(drifts(&truth, &truth), [""; 0]);
    assert!(truth.contains("GET /api/a  [ceo: user.last_ceo]\n"), "{truth}");

    let convict = |from: &str, to: &str| {
        let (head, rows) = truth.split_at(if from.starts_with('#') { 0 } else { HEAD.len() });
        let tampered = format!("{head}{}", rows.replacen(from, to, 1));
        assert_ne!(tampered, truth, "{from} is not there");
        drifts(&tampered, &truth).join("; ")
    };
    assert_eq!(convict("404", "200"), "GET /api/a: manager was answered 200, is 404");
    assert_eq!(convict("401", "200"), "GET /api/a: anonymous was answered 200, is 401");
    assert!(convict("user.last_ceo", "user.gone").contains("the codes were"));
    assert!(convict("GET /api/a ", "GET /api/z ").contains("GET /api/a does not stand"));
    assert_eq!(convict("# Who", "# who"), "the text around the rows differs");
}
