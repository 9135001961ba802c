//! `docs/api.md` as whoever pastes it: every command of it is run, in one
//! shell and in its order, and answers what the page says. So is its program,
//! against types that are made from the document of the running server.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use sayso_testkit::{ProcessSetup, TestDatabase, TestFolder};

use crate::company::{Company, PASSWORD};
use crate::golden::root;

/// A piece of the page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) text: String,
}

/// The pieces between fences.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut all: Vec<Block> = Vec::new();
    let mut is_open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(language) if !is_open => {
                all.push(Block { language: language.to_owned(), text: String::new() });
                is_open = true;
            }
            Some(_) => is_open = false,
            None if is_open => {
                if let Some(block) = all.last_mut() {
                    block.text += line;
                    block.text.push('\n');
                }
            }
            None => {}
        }
    }
    all
}

/// One script of all commands, which says after each piece that it has ended,
/// and what each is to answer.
pub(crate) fn script(blocks: &[Block]) -> (String, Vec<Option<String>>) {
    let mut script = String::from("set -euo pipefail\n");
    let mut due = Vec::new();
    for (place, block) in blocks.iter().enumerate().filter(|(_, block)| block.language == "sh") {
        script += &block.text;
        script += "echo '--- end'\n";
        let next = blocks.get(place + 1).filter(|next| next.language == "text");
        due.push(next.map(|next| next.text.clone()));
    }
    (script, due)
}

fn run(program: &str, args: &[&str], folder: &Path, env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program);
    command.args(args).current_dir(folder).stdin(Stdio::null());
    command.envs(env.iter().copied()).output().unwrap_or_else(|error| panic!("{program}: {error}"))
}

#[track_caller]
fn said(output: &Output) -> String {
    let (out, err) = (&output.stdout, &output.stderr);
    let (out, err) = (String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out.into_owned()
}

fn page() -> Vec<Block> {
    blocks(&std::fs::read_to_string(root().join("docs/api.md")).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_tutorial_works_and_answers_what_it_says() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let url = company.server.url();
    let env = [("SAYSO", &*url), ("EMAIL", "ceo@example.com"), ("PASSWORD", PASSWORD)];
    let (script, due) = script(&page());
    assert!(due.len() > 10, "the page has {} pieces", due.len());

    let output = run("bash", &["-c", &script], &root(), &env);

    let said = said(&output);
    let answers: Vec<&str> = said.split("--- end\n").collect();
    for (answer, due) in answers.iter().zip(&due) {
        if let Some(due) = due {
            assert_eq!(answer, due);
        }
    }
    assert_eq!(answers.len(), due.len() + 1, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn types_made_from_the_document_compile_and_a_program_on_them_works() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let url = company.server.url();
    let clients = root().join("tests/clients/js");
    let bin = |name: &str| clients.join("node_modules/.bin").join(name).display().to_string();
    let page = page();
    let place = page.iter().position(|block| block.language == "ts").unwrap();
    let folder = TestFolder::new();
    let here = folder.path();
    std::os::unix::fs::symlink(clients.join("node_modules"), here.join("node_modules")).unwrap();
    std::fs::write(here.join("package.json"), r#"{ "type": "module" }"#).unwrap();
    std::fs::write(here.join("program.ts"), &page[place].text).unwrap();

    let document = format!("{url}/openapi.json");
    let made = run(&bin("openapi-typescript"), &[&document, "--output", "sayso.d.ts"], here, &[]);
    said(&made);
    // Types that do not fit are refused: the program proves something. Both are
    // compiled at once, for that takes seconds; so does checking the compiler's own
    // library, which is left out.
    let wrong = page[place].text.replace("priority: \"low\"", "priority: \"huge\"");
    std::fs::write(here.join("wrong.ts"), wrong).unwrap();
    let strict = "--strict --skipDefaultLibCheck --target es2022 --module nodenext --types node";
    let both = ["--pretty", "false", "program.ts", "wrong.ts"];
    let both: Vec<&str> = strict.split(' ').chain(both).collect();
    let compiled = run(&bin("tsc"), &both, here, &[]);
    let faults = String::from_utf8(compiled.stdout).unwrap();
    let faulty: Vec<_> = faults.lines().filter(|line| line.contains("error TS")).collect();
    assert!(!faulty.is_empty(), "a priority that there is not compiles");
    assert!(faulty.iter().all(|line| line.starts_with("wrong.ts")), "{faults}");

    let env = [("SAYSO", &*url), ("EMAIL", "ceo@example.com"), ("PASSWORD", PASSWORD)];
    let output = run("node", &["program.js"], here, &env);

    assert_eq!(said(&output), page[place + 1].text);
}

#[test]
fn a_piece_without_an_answer_is_run_and_its_answer_is_not_held_against_anything() {
    let page = "a\n```sh\none\n```\n```text\n1\n```\n```sh\ntwo\n```\n";
    let (script, due) = script(&blocks(page));

    assert_eq!(due, [Some("1\n".to_owned()), None]);
    assert!(script.contains("one\necho '--- end'\ntwo\n"), "{script}");
}
