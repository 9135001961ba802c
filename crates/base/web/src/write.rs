//! A write that came over HTTP: one transaction, and under an
//! `Idempotency-Key` one answer for ever after.

use http::header::{HeaderName, HeaderValue};
use sayso_access::Ctx;
use sayso_db::{StoredReply, Tx};
use sayso_kernel::Fault;

use crate::key::Key;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::AppState;

/// Says that an answer was given before and is given again.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Runs `work` in one transaction and answers what it answers. With a key the
/// answer is kept by the same commit; a repeat gets it again, byte for byte,
/// and `work` does not run.
///
/// `work` owns what it uses (`async move`) and is handed `ctx` back, as
/// [`sayso_db::Db::transaction`] explains. It may run more than once (a
/// serialisation failure is tried again): it must change nothing but the
/// database.
///
/// # Errors
/// What `work` refuses; 409 while the first of two twins is under way; 422
/// when the key was used with another request.
pub async fn write<F>(app: &AppState, ctx: &Ctx, key: Key, mut work: F) -> Result<Reply, Problem>
where
    F: AsyncFnMut(&mut Tx, &Ctx) -> Result<Reply, Fault>,
{
    let key = key.scoped(ctx);
    let work = async move |tx: &mut Tx, ctx: &Ctx| work(tx, ctx).await.map(StoredReply::from);
    let written = app.db.write_once(ctx, key.as_ref(), work).await?;
    let reply = Reply::from(written.reply);
    let again = HeaderValue::from_static("true");
    Ok(if written.replayed { reply.with_header(REPLAYED, again) } else { reply })
}
