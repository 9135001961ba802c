//! What becomes of the audit, and of whoever is in, when the root key is
//! changed; and of a company whose root key is not there.

use std::time::Duration;

use sayso_testkit::{Client, Process, ProcessSetup, TestDatabase, judge, until};
use serde_json::json;

use crate::company::{Company, PASSWORD, program_of};

const ROOT_KEY: &str = "SAYSO_SECRETS__ROOT_KEY";
const PREVIOUS: &str = "SAYSO_SECRETS__PREVIOUS_ROOT_KEYS";
const VERIFY: [&str; 2] = ["audit", "verify"];
/// How long the first entry under another key may take.
const SIGNED_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_holds_over_a_change_of_the_root_key() {
    let database = TestDatabase::new().await;
    let mut company = Company::found(ProcessSetup::on(&database)).await;
    judge::settle(database.db()).await;
    let before: i64 = {
        let client = database.superuser().await;
        client.query_one("SELECT max(seq) FROM audit_log", &[]).await.unwrap().get(0)
    };
    company.server.stop().await;
    company.server.set(ROOT_KEY, &"08".repeat(32));
    company.server.set(PREVIOUS, &"07".repeat(32));
    company.server.restart().await;
    Client::login(&company.server.url(), "ann@example.com", PASSWORD).await;
    judge::settle(database.db()).await;

    let holds = company.server.run(&VERIFY, "").await;
    company.server.unset(PREVIOUS);
    let alone = company.server.fails(&VERIFY).await;
    company.server.set(PREVIOUS, &"07".repeat(32));
    let intruder = database.superuser().await;
    let alter = async |seq: i64| {
        let sql = "UPDATE audit_log SET actor_id = NULL, entry = replace(entry, 'auth.', 'outh.'),
                          action = replace(action, 'auth.', 'outh.') WHERE seq = $1";
        intruder.execute(sql, &[&seq]).await.unwrap();
        company.server.fails(&VERIFY).await
    };
    let off = "ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only";
    intruder.batch_execute(off).await.unwrap();
    let late = alter(before + 1).await;
    let early = alter(before).await;

    assert!(holds.contains("the audit holds"), "{holds}");
    assert!(holds.contains("under the present root key"), "{holds}");
    assert!(alone.contains("broken at entry 1:"), "{alone}");
    assert!(late.contains(&format!("broken at entry {}:", before + 1)), "{late}");
    assert!(early.contains(&format!("broken at entry {before}:")), "{early}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_whose_root_key_is_missing_is_not_opened_and_no_other_key_is_made() {
    let mut company = Company::found(ProcessSetup::managed().env(ROOT_KEY, "")).await;
    let server = &mut company.server;
    let (key, away) = (server.data_dir().join("secret.key"), server.folder().join("away"));
    server.stop().await;
    std::fs::rename(&key, &away).unwrap();

    let mut told = Vec::new();
    for command in [&["serve"][..], &["serve", "--demo"], &VERIFY, &["keys", "list"]] {
        told.push(server.fails(command).await);
        assert!(!key.exists(), "{command:?} has made a key");
    }
    std::fs::rename(&away, &key).unwrap();
    server.restart().await;

    let missing = format!("is missing: neither secrets.root_key nor {}: ", key.display());
    for said in told {
        let line = said.lines().last().unwrap();
        assert!(line.starts_with("sayso: ") && line.contains(&missing), "{said}");
        assert!(line.contains("bring it back"), "{said}");
    }
    Client::login(&server.url(), "ann@example.com", PASSWORD).await;
    assert!(server.run(&VERIFY, "").await.contains("the audit holds"));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_there_is_no_audit_to_verify_and_nothing_is_made() {
    let server = Process::idle(ProcessSetup::managed().env(ROOT_KEY, ""));

    let nothing = server.fails(&VERIFY).await;

    assert!(nothing.contains("there is no audit to verify"), "{nothing}");
    assert!(!server.data_dir().exists(), "a folder was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_company_is_opened_with_another_root_key_only_where_its_own_is_said_to_be_lost() {
    let database = TestDatabase::new().await;
    let setup = ProcessSetup::on(&database).serving(&["--another-key"]);
    let mut company = Company::found(setup).await;
    let server = &mut company.server;
    judge::settle(database.db()).await;
    server.stop().await;
    server.set(ROOT_KEY, &"42".repeat(32));
    let reset = ["user", "reset", "--email", "ann@example.com"];

    let refused = [server.fails(&["serve"]).await, server.fails(&reset).await];
    server.restart().await;
    let code = until("the other key to have signed", SIGNED_WITHIN, async || {
        let (status, code, _) = server.ran(&reset, "").await;
        status.success().then_some(code)
    })
    .await;
    let body = json!({ "code": code.trim(), "password": "another horse battery staple" });
    Client::anonymous(&server.url()).post("/api/auth/password/reset", body).await.expect(204);

    for said in refused {
        assert!(said.contains("another key has signed the newest entry of the audit"), "{said}");
    }
    Client::login(&server.url(), "ann@example.com", "another horse battery staple").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_on_over_a_change_of_the_root_key_and_its_access_token_does_not() {
    let database = TestDatabase::new().await;
    let mut company = Company::found(ProcessSetup::on(&database)).await;
    let program = program_of(&company.ann, &["read"]).await;
    company.server.stop().await;
    company.server.set(ROOT_KEY, &"08".repeat(32));
    company.server.set(PREVIOUS, &"07".repeat(32));
    company.server.restart().await;

    let refused = company.ann.get("/api/auth/me").await;
    let body = json!({ "refreshToken": company.ann.login["refreshToken"] });
    let mut ann = company.ann.clone();
    ann.login = company.ann.post("/api/auth/refresh", body).await.expect(200);

    assert_eq!((refused.status.as_u16(), refused.code()), (401, "auth.token_invalid"));
    ann.get("/api/auth/me").await.expect(200);
    program.get("/api/auth/me").await.expect(200);
}
