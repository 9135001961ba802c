//! What PostgreSQL does for each statement: its plan and the pages it touches,
//! held against `golden/plans`, and how long it takes in a large company.
//!
//! `params.txt` says with what each statement is asked. A statement that is not
//! in it, a plan that changed, and one that reads a large table from end to end
//! fail here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod company;
mod draw;
mod explain;
mod golden;
mod measure;
mod params;
mod past;

use sayso_config::process_environment;

use crate::company::Company;
use crate::draw::Pools;
use crate::params::Params;

/// Rows at which plans are no longer those of small tables.
const IN_CI: &str = "tasks=50000,messages=50000,people=2000,channels=400";
/// How many of a hundred messages are told in the log: enough for it, and the
/// audit, to be large tables.
const TOLD: i64 = 4;
const TOLD_IN_CI: i64 = 15;

#[test]
fn every_statement_has_parameters_to_be_asked_with() {
    let params = Params::read();

    let missing = params.missing(&sayso_api::catalog::statements());

    assert!(
        missing.is_empty(),
        "crates/edge/cli/tests/plans/params.txt does not say with what these are asked: add a line \
         for each, one word a parameter\n{}",
        missing.join("\n")
    );
}

#[tokio::test]
async fn plans_and_pages_are_those_of_golden_plans() {
    let fresh = golden_of_today().await;

    let drifts = golden::drifts(&golden::committed(), &fresh);

    assert!(
        drifts.is_empty(),
        "golden/plans has drifted: run `make golden`, read the difference, commit it\n{}",
        drifts.join("\n")
    );
}

#[tokio::test]
#[ignore = "writes golden/plans; `make golden` runs it"]
async fn plans_and_pages_are_written_anew() {
    golden::write(&golden_of_today().await);
}

#[tokio::test]
#[ignore = "takes half an hour; `make plans` runs it"]
async fn every_statement_is_quick_in_a_large_company() {
    let given = |name: &str| process_environment().find(|(key, _)| key == name).map(|it| it.1);
    let scale = given("SAYSO_PLANS_SCALE").unwrap_or_else(|| "full".to_owned());
    let company = match given("SAYSO_PLANS_DATABASE_URL") {
        Some(url) => Company::at(&url).await,
        None => Company::seeded(&scale, TOLD).await,
    };

    let report = measure::all(&company, given("SAYSO_PLANS_ONLY").as_deref()).await;

    let wrong = report.wrong();
    if given("SAYSO_PLANS_ONLY").is_none() {
        std::fs::write(measure::path(), report.text(&company.size().await)).unwrap();
    } else {
        println!("{}", report.text(&company.size().await));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The plans and pages of all statements in a company as CI makes it.
async fn golden_of_today() -> golden::Files {
    let company = Company::seeded(IN_CI, TOLD_IN_CI).await;
    company.know_everything().await;
    let (params, client) = (Params::read(), company.client().await);
    let pools = Pools::of(&params, &client).await;
    let large = explain::large_tables(&client).await;
    let mut files = golden::Files::default();
    let mut scans = Vec::new();
    for sql in sayso_api::catalog::statements() {
        let plan = explain::generic_plan(&client, sql).await;
        scans.extend(explain::scan_of_a_large_table(sql, &plan, &large));
        let pages = explain::pages(&client, sql, &params, &pools).await;
        files.add(sql.name, plan, pages);
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
    files
}
