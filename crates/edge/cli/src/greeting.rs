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

/// The logins of the demo company, and how to try it.
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

  mkdir -p /tmp/sayso-live && cd /tmp/sayso-live && npm install --silent socket.io-client && cat > live.mjs <<'END'
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
