//! Letting the first person in.
//!
//! Whoever can read what the server prints at its first start holds the code,
//! and is the one to found the company. Once there is anybody, there is no
//! set-up any more: 404, whatever the code.

use std::time::Duration;

use sayso_access::{Ctx, Role};
use sayso_db::{Db, Tx};
use sayso_kernel::fault::NOT_FOUND;
use sayso_kernel::secret::{Secret, sha256};
use sayso_kernel::{Fault, hex};
use sayso_users::{Credential, Email, NewUser, service as users};

use crate::model::{Means, NewSession, Opened, Pair, after};
use crate::{AuthState, events, repo, service};

/// How long a code is good.
pub const CODE_LIFE: Duration = Duration::from_secs(3600);

/// The first person.
#[derive(Clone, Debug)]
pub struct SetUp {
    /// The code, as the server printed it.
    pub code: String,
    /// The address to log in with.
    pub email: Email,
    /// What the person is called.
    pub name: String,
    /// The password.
    pub password: Secret<String>,
}

/// Makes a code of 128 bits, good once and for an hour; `None` when there is
/// somebody already.
///
/// Audit: `auth.setup_code_created`.
pub async fn create_setup_code(db: &Db, ctx: &Ctx) -> Result<Option<String>, Fault> {
    let code = hex::encode(&ctx.random.bytes::<16>());
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        create_setup_code_in(tx, ctx, &code).await.map(|is_open| is_open.then(|| code.clone()))
    };
    db.transaction(ctx, work).await
}

async fn create_setup_code_in(tx: &mut Tx, ctx: &Ctx, code: &str) -> Result<bool, Fault> {
    if users::is_founded(tx).await? {
        return Ok(false);
    }
    let now = ctx.now();
    repo::insert_setup_code(tx, &hash(code), now, after(now, CODE_LIFE)).await?;
    tx.emit(events::setup_code_created());
    Ok(true)
}

/// Spends a code: the CEO exists and has a session. 404 when there is anybody
/// already, and for a code that is spent, too old or none.
///
/// Event and audit: `user.created`; audit: `auth.logged_in`.
pub async fn set_up(auth: &AuthState, ctx: &Ctx, input: SetUp) -> Result<Pair, Fault> {
    let mut db = auth.app.db.read();
    let is_open = repo::has_setup_code(&mut db, &hash(&input.code), ctx.now()).await?
        && !users::is_founded(&mut db).await?;
    if !is_open {
        return Err(Fault::new(&NOT_FOUND));
    }
    let password = auth.hasher.hash(input.password).await?;
    let credential = Credential::Chosen(password);
    let person = NewUser::new(ctx, input.email, input.name, Role::Ceo, credential);
    let session = NewSession::new(auth, ctx, Means::Setup, None);
    let code = input.code;
    let work = async move |tx: &mut Tx, ctx: &Ctx| {
        set_up_in(tx, ctx, (&code, person.clone(), session.clone())).await
    };
    auth.keys.issue(auth.app.db.transaction(ctx, work).await?, ctx.now())
}

async fn set_up_in(
    tx: &mut Tx,
    ctx: &Ctx,
    (code, person, session): (&str, NewUser, NewSession),
) -> Result<Opened, Fault> {
    if !repo::spend_setup_code(tx, &hash(code), ctx.now()).await? {
        return Err(Fault::new(&NOT_FOUND));
    }
    let user = users::found_in(tx, ctx, person).await?;
    service::open_in(tx, ctx, (user, session)).await
}

fn hash(code: &str) -> [u8; 32] {
    sha256(&[b"setup/v1", code.trim().as_bytes()])
}
