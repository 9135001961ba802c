//! How cost grows with the company: the same readings among few and many tasks.

use anyhow::Result;

use crate::args::Args;
use crate::load::{self, Window};
use crate::rounds::{Compared, Pair, tell};
use crate::server::Stock;
use crate::work::Work;

/// Fewer than otherwise: it is CPU that is compared.
const CLIENTS: usize = 16;
/// What is read.
const READS: [Work; 4] = [Work::Get, Work::List, Work::Filtered, Work::Search];

/// Readings in a company of a size.
#[derive(Clone, Debug)]
pub struct Growth {
    /// Its tasks.
    pub tasks: u64,
    /// The readings.
    pub compared: Vec<Compared>,
}

/// Makes such a company and measures.
pub async fn measure(args: &Args, tasks: u64) -> Result<Growth> {
    let stock = Stock::make(args, tasks).await?;
    let sayso = stock.sayso(&[]).await?;
    let peer = stock.peer().await?;
    let window = Window { warm_up: args.plan.warm_up, measured: args.plan.window };
    let mut compared = Vec::new();
    for work in READS {
        let ours = load::closed(&sayso.aim, work, CLIENTS, window).await?;
        let theirs = load::closed(&peer.aim, work, CLIENTS, window).await?;
        tell(work, &ours, &theirs);
        compared.push(Compared { work, at: Pair { sayso: ours, peer: theirs }, uncached: None });
    }
    sayso.stop().await?;
    peer.stop().await?;
    Ok(Growth { tasks, compared })
}
