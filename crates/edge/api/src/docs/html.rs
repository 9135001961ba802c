//! Pieces of a page.

/// A text that may stand between tags and in an attribute.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The same, with what stands between backquotes as code.
pub(super) fn prose(text: &str) -> String {
    let pieces = escaped(text);
    let mut out = String::with_capacity(pieces.len());
    for (place, piece) in pieces.split('`').enumerate() {
        match place % 2 {
            0 => out.push_str(piece),
            _ => out.push_str(&format!("<code>{piece}</code>")),
        }
    }
    out.replace("\n\n", "<br>")
}

/// A whole page.
pub(super) fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{title}</title><link rel=\"stylesheet\" href=\"/docs/style.css\"></head>\n\
         <body><nav><a href=\"/docs\">API</a><a href=\"/docs/errors\">Errors</a>\
         <a href=\"/openapi.json\">openapi.json</a></nav>\n<h1>{title}</h1>\n{body}</body></html>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_into_a_page_stays_text() {
        assert_eq!(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
        assert_eq!(prose("ask `a<b` twice"), "ask <code>a&lt;b</code> twice");
    }
}
