//! What becomes of the audit, and of whoever is in, when the root key is
//! changed.

use sayso_testkit::{Client, ProcessSetup, TestDatabase, judge};
use serde_json::json;

use crate::company::{Company, PASSWORD, program_of};

const ROOT_KEY: &str = "SAYSO_SECRETS__ROOT_KEY";
const PREVIOUS: &str = "SAYSO_SECRETS__PREVIOUS_ROOT_KEYS";
const VERIFY: [&str; 2] = ["audit", "verify"];

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
