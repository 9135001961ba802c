//! `sayso`: one binary, many commands.

use std::process::ExitCode;

use clap::Parser;
use sayso::commands::Cli;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sayso::commands::run(Cli::parse())
}
