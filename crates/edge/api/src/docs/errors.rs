//! Every error code: what it says, and what to do about it.

use std::fmt::Write as _;

use sayso_kernel::{Code, Kind};

use super::html::escaped;
use crate::catalog;

/// What a client does about a refusal.
fn advice(code: &Code) -> &'static str {
    match code.name {
        "auth.invalid_credentials" => return "Ask the person again.",
        "auth.refresh_expired" | "auth.refresh_invalid" | "auth.session_revoked" => {
            return "Forget the tokens and log in again.";
        }
        "auth.refresh_superseded" => {
            return "Go on with the tokens that the other request was given.";
        }
        _ => {}
    }
    match code.kind {
        Kind::Malformed => "Mend the request; the same one is refused again.",
        Kind::Unauthenticated => "Refresh the token once and repeat; else log in again.",
        Kind::Forbidden => "Do not repeat: the caller may not.",
        Kind::NotFound => "It is not there, or not for this caller; forget what is held of it.",
        Kind::MethodNotAllowed => "Use one of the methods in `Allow`.",
        Kind::Conflict => "Read the present state, then decide.",
        Kind::Gone => "It will not come back; begin afresh.",
        Kind::Stale => "`current` is the present state: apply the change to it and repeat.",
        Kind::TooLarge => "Send less.",
        Kind::UnsupportedMedia => "Send JSON in UTF-8, not compressed.",
        Kind::Invalid => "`errors` names every place; mend them all and repeat.",
        Kind::VersionRequired => "Send `version` or `If-Match` with the version that was read.",
        Kind::TooMany => "Wait for as long as `Retry-After` says, then repeat.",
        Kind::Internal => "Report it with `requestId`; repeating may help.",
        Kind::Unavailable => "Wait for as long as `Retry-After` says, then repeat.",
    }
}

/// The page's body.
pub(super) fn body() -> String {
    let mut out = String::from(
        "<p>Every refusal is a problem object (RFC 9457). Its <code>type</code> leads here; \
         <code>code</code> is stable, <code>detail</code> is for people.</p>\n\
         <table><tr><th>code</th><th>status</th><th>meaning</th></tr>\n",
    );
    for code in catalog::codes() {
        let (name, title) = (escaped(code.name), escaped(code.title));
        let _ = writeln!(
            out,
            "<tr id=\"{name}\"><td><a href=\"#{name}\"><code>{name}</code></a></td><td>{}</td>\
             <td>{title}<br><span class=\"dim\">{}</span></td></tr>",
            code.kind.status(),
            super::html::prose(advice(code)),
        );
    }
    out + "</table>\n"
}

/// `docs/errors.md`.
pub(crate) fn text() -> String {
    let mut out = String::from(
        "# Errors\n\nWritten by `sayso golden`; the server shows the same at `/docs/errors`.\n\n\
         Every refusal is `application/problem+json` (RFC 9457). `code` is stable; `type` is\n\
         `/docs/errors#<code>`; `errors` names every place that is wrong, by `pointer` into the \
         body,\n`parameter` of the query or `header`; `requestId` is the id to report it with.\n\n\
         | code | status | meaning | what to do |\n|---|---|---|---|\n",
    );
    for code in catalog::codes() {
        let Code { name, kind, title } = code;
        let (status, advice) = (kind.status(), advice(code));
        let _ = writeln!(out, "| <a id=\"{name}\"></a>`{name}` | {status} | {title} | {advice} |");
    }
    out.push_str("\n`errors[].code` says what is wrong at one place:\n\n| code |\n|---|\n");
    for code in sayso_web::codes::field::ALL {
        let _ = writeln!(out, "| `{code}` |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_anchor_in_both() {
        let (page, text) = (body(), text());
        for code in catalog::codes() {
            assert!(page.contains(&format!("id=\"{}\"", code.name)), "{}", code.name);
            assert!(text.contains(&format!("id=\"{}\"", code.name)), "{}", code.name);
        }
    }
}
