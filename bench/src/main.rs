//! Measures Sayso beside the stack of the original plan: same machine, same run,
//! same PostgreSQL and Redis, same rows, in turn. `scripts/bench` starts what it
//! needs and calls it; bench/README.md says what is measured and how.

mod args;
mod client;
mod company;
mod floor;
mod growth;
mod live;
mod load;
mod machine;
mod overload;
mod plot;
mod presence;
mod report;
mod rounds;
mod server;
mod socket;
mod soon;
mod statements;
mod storm;
mod usage;
mod work;

use std::process::ExitCode;

use anyhow::Result;

use args::Args;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run()),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sayso-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut words = std::env::args().skip(1).peekable();
    if words.peek().is_some_and(|word| word == "floor") {
        return floor::serve().await;
    }
    let args = Args::read(words)?;
    let results = rounds::all(&args).await?;
    report::write(&args, &results)
}
