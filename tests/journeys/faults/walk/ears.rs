//! Who listens on a walk.

use std::time::Duration;

use sayso_testkit::{Client, Connect, Sockets, until};

use crate::truth::{Logged, Truth};

/// How long everybody may need to be at rest.
const AT_REST_WITHIN: Duration = Duration::from_secs(30);

/// The clients of one library, and whose each is.
pub struct Ears {
    pub sockets: Sockets,
    pub clients: Vec<(String, Client)>,
}

impl Ears {
    /// Connects them by these transports in turn.
    pub async fn open(sockets: Sockets, clients: Vec<(String, Client)>, kinds: &[&[&str]]) -> Self {
        for (turn, (id, person)) in clients.iter().enumerate() {
            let connect =
                Connect { id, person, transports: kinds[turn % kinds.len()], resume: None };
            sockets.connect_and_wait(&connect).await;
        }
        Self { sockets, clients }
    }

    pub fn names(&self) -> Vec<String> {
        self.clients.iter().map(|(id, _)| id.clone()).collect()
    }

    /// Waits until each is connected, as far as it has said.
    pub async fn until_here(&self) {
        for (id, _) in &self.clients {
            until(&format!("{id} to be here"), AT_REST_WITHIN, async || {
                let heard = self.sockets.heard(id);
                let mut last = heard.iter().rev().map(|heard| heard.event.as_str());
                let last = last.find(|event| ["ready", "disconnect"].contains(event));
                (last == Some("ready")).then_some(())
            })
            .await;
        }
    }

    /// Waits until each has heard the last that is due to it.
    pub async fn until_heard(&self, truth: &Truth) {
        let log = truth.log().await;
        for (id, person) in &self.clients {
            let follows = truth.follows(person.user_id()).await;
            let is_due = |event: &&Logged| {
                follows.get(&event.stream).is_some_and(|since| event.position > *since)
            };
            let last = log.iter().rev().find(is_due).map_or(0, |event| event.position);
            until(&format!("{id} to hear the end"), AT_REST_WITHIN, async || {
                (self.sockets.last_position(id) >= last).then_some(())
            })
            .await;
        }
    }
}
