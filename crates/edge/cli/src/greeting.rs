//! What the terminal shows when Sayso has started.

use crate::demo::Login;

/// How to spend a set-up code.
pub(crate) fn setup(base: &str, code: &str) -> String {
    format!(
        r#"
  Nobody is in here yet. This code lets the first person in, once, within an hour:

    {code}

  curl -s {base}/api/setup -H 'content-type: application/json' \
    -d '{{"code":"{code}","email":"you@example.com","name":"Your Name","password":"a long pass phrase"}}'
"#
    )
}

/// Who can come in, and how.
pub(crate) fn passwords(logins: &[Login]) -> String {
    let mut text = String::from("These can come in; passwords are shown this once:\n\n");
    for login in logins {
        let Login { name, email, role, password } = login;
        text.push_str(&format!("    {role:<8} {name:<18} {email:<22} {password}\n"));
    }
    text
}

/// The logins of the demo company, and how to try it. What is pasted into a
/// here-document stands at the margin: an end mark that does not is none.
pub(crate) fn demo(base: &str, logins: &[Login]) -> String {
    let mut text = String::from("\n  A demo company of thirty is in here. ");
    text.push_str(&passwords(logins));
    let Some(Login { email, password, .. }) = logins.first() else { return text };
    text.push_str(&format!(
        r#"
  Ask something (paste it):

  TOKEN=$(curl -s {base}/api/auth/login -H 'content-type: application/json' \
    -d '{{"email":"{email}","password":"{password}"}}' | sed 's/.*"accessToken":"\([^"]*\)".*/\1/'); \
  curl -s {base}/api/tasks -H "authorization: Bearer $TOKEN"

  Hear everything live (needs Node; paste it, then change something):

mkdir -p /tmp/sayso-live && cd /tmp/sayso-live && npm install --silent socket.io-client@4 && cat > live.mjs <<'END'
import {{ io }} from "socket.io-client";
const login = await fetch("{base}/api/auth/login", {{ method: "POST",
  headers: {{ "content-type": "application/json" }},
  body: JSON.stringify({{ email: "{email}", password: "{password}" }}) }});
const {{ accessToken }} = await login.json();
const socket = io("{base}", {{ auth: {{ token: accessToken }} }});
socket.onAny((name, event) => console.log(name, JSON.stringify(event)));
socket.on("connect_error", (error) => console.log("refused:", error.message));
END
node live.mjs
"#
    ));
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_printed_to_be_pasted_is_understood_by_a_shell_to_its_end() {
        let login = Login {
            email: "ada@demo.example".into(),
            name: "Ada".into(),
            role: "ceo".into(),
            password: "secret".into(),
        };
        let printed =
            [setup("http://here", "code"), demo("http://here", std::slice::from_ref(&login))];
        let pieces: Vec<&str> = printed
            .iter()
            .flat_map(|text| text.split("\n\n"))
            .filter(|piece| piece.contains("curl ") || piece.contains("node "))
            .collect();

        assert_eq!(pieces.len(), 3);
        for piece in pieces {
            let said = Command::new("bash").args(["-n", "-c", piece]).output().expect("bash runs");
            assert_eq!(String::from_utf8_lossy(&said.stderr), "", "{piece}");
        }
    }
}
