//! A company to look at: a CEO, four managers, 25 people, 12 channels, five
//! months of talk and 400 tasks, some of them overdue.
//!
//! It is the same every time but for its passwords, and its times count back
//! from the present. Rows are laid in whole, with the dates of their story, in
//! one transaction; so the past has no events, and neither log nor audit
//! pretends otherwise: they get one fact, `company.seeded`, which says what came
//! in, and when it really did. The members' following of their channels is
//! carried by that fact, so the sequencer begins it in log order, as always.

mod depend;
mod people;
mod story;
mod talk;
#[cfg(test)]
pub(crate) mod tests;
mod work;

use anyhow::Result;
use sayso_access::{Ctx, UserId, Via};
use sayso_auth::AuthState;
use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Random, hex};
use sayso_users::PasswordHash;

use crate::repo::company;
use people::LOGINS;
use story::Story;

/// Any other number makes another company.
const SEED: u64 = 20_260_105;

/// Somebody of the demo company, with the password that is shown once.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: String,
    pub(crate) password: String,
}

/// Makes the company, unless somebody is here already (`None`).
pub(crate) async fn make(auth: &AuthState) -> Result<Option<Vec<Login>>> {
    if sayso_users::service::is_founded(&mut auth.app.db.read()).await? {
        return Ok(None);
    }
    let random = Random::seeded(SEED);
    let story = Story::tell(auth.app.clock.now(), &random);
    let ctx = Ctx::anonymous(Via::System, auth.app.clock.clone(), random);
    let (logins, keys) = logins(auth, &story).await?;
    let made = auth.app.db.transaction(&ctx, async move |tx, ctx| {
        sayso_users::repo::lock_founding(tx).await?;
        if sayso_users::service::is_founded(tx).await? {
            return Ok(false);
        }
        company::insert(tx, &story.rows).await?;
        for (id, hash) in &keys {
            let set = sayso_users::service::set_password_in(tx, ctx, (*id, hash, None)).await?;
            set.ok_or_else(|| Fault::internal("a person of the demo company is missing"))?;
        }
        let details = serde_json::json!({
            "people": story.rows.people.len(), "channels": story.rows.channels.len(),
            "messages": story.rows.messages.len(), "tasks": story.rows.tasks.len(),
        });
        tx.emit(sayso_users::events::seeded(details, story.follows()));
        Ok(true)
    });
    Ok(made.await?.then_some(logins))
}

/// The people who can come in, and the hashes of their passwords. The others
/// have none: nobody comes in as them.
async fn logins(
    auth: &AuthState,
    story: &Story,
) -> Result<(Vec<Login>, Vec<(UserId, PasswordHash)>)> {
    let (mut logins, mut hashing) = (Vec::new(), Vec::new());
    for index in LOGINS {
        let person = &story.rows.people[*index];
        // Secret, so not of the seed.
        let password = hex::encode(&auth.app.random.bytes::<8>());
        let (hasher, id, secret) = (auth.hasher.clone(), person.id, Secret::new(password.clone()));
        hashing.push(tokio::spawn(async move { (id, hasher.hash(secret).await) }));
        let (name, role) = (person.name.to_owned(), person.role.to_owned());
        logins.push(Login { name, email: person.email.clone(), role, password });
    }
    let mut keys = Vec::new();
    for hash in hashing {
        let (id, hash) = hash.await?;
        keys.push((id, hash?));
    }
    Ok((logins, keys))
}
