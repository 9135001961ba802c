//! What one can do with search. Every door calls this function.

use futures_util::future::{join_all, try_join_all};
use sayso_access::{Ctx, UserId};
use sayso_cache::{Cache, Entity, Key, Loaded, Watch, required};
use sayso_channels::ChannelId;
use sayso_db::Db;
use sayso_kernel::matcher::Matcher;
use sayso_kernel::page::{self, Page};
use sayso_kernel::secret::sha256;
use sayso_kernel::{Fault, Kind as FaultKind};
use sayso_messages::MessageId;
use sayso_tasks::TaskId;
use uuid::Uuid;

use crate::model::{Bounds, Found, FoundPage, Hit, Kind, Resource};
use crate::query::{self, Query};
use crate::repo::Asked;
use crate::view::KEPT_PAGE;
use crate::{policy, repo};

/// What something found takes in memory, about, beside its snippet.
const FOUND_BYTES: usize = 96;

/// A page of hits and how far was looked for it.
#[derive(Debug)]
pub struct Answer {
    /// The best first, the newest first among equals.
    pub page: Page<Hit>,
    /// Matches that were ranked.
    pub considered: i64,
    /// Whether there may be older matches that were not.
    pub capped: bool,
}

/// What the caller sees and the question fits, of the kinds asked for.
///
/// What was found is kept, as long as nothing changes that it was found among;
/// what it is, is read each time, by the rights of the moment.
///
/// # Errors
/// 422 for a question that cannot be read, and a foreign cursor.
pub async fn search(
    (cache, db): (&Cache, &Db),
    ctx: &Ctx,
    (text, kinds): (&str, &[Kind]),
    cursor: Option<&str>,
    limit: u32,
) -> Result<Answer, Fault> {
    let actor = ctx.require_actor()?;
    let asked_for = format!("search {kinds:?} {text}");
    let after = cursor.map(|cursor| page::decode::<(i32, Uuid)>(&asked_for, cursor)).transpose()?;
    let query = query::parse(text, &actor.time_zone)?;
    let kinds: Vec<Kind> =
        kinds.iter().copied().filter(|kind| policy::fits(*kind, &query)).collect();
    if query.is_empty() {
        let page = Page { items: Vec::new(), next_cursor: None };
        return Ok(Answer { page, considered: 0, capped: false });
    }
    let limit = limit.min(page::LIMIT_MAX);
    let question = format!("{asked_for} {cursor:?} {limit} {}", actor.time_zone);
    let key = Key::of(Entity::Search, print(&question)).read_by(actor.user_id.0);
    let watched = watched(&kinds, &query);
    let place = Place { asked_for: &asked_for, after, limit };
    let load = async {
        let page = find(db, actor.user_id, &kinds, query, place).await?;
        let bytes = page.found.iter().map(|one| FOUND_BYTES + one.snippet.len()).sum();
        Ok(Loaded::of(page, bytes))
    };
    let found = cache.get_or_load_shared(key, (&KEPT_PAGE, &watched), load).await;
    let FoundPage { found, next_cursor, considered, capped } = FoundPage::clone(&*required(found)?);
    let page = shown(db, ctx, Page { items: found, next_cursor }).await?;
    Ok(Answer { page, considered, capped })
}

/// A name for a question.
fn print(question: &str) -> Uuid {
    let sum = sha256(&[question.as_bytes()]);
    let mut half = [0; 16];
    half.copy_from_slice(&sum[..16]);
    Uuid::from_bytes(half)
}

/// What an answer was found among: a change of any of these may change it.
fn watched(kinds: &[Kind], query: &Query) -> Vec<Watch> {
    let among = kinds.iter().map(|kind| match kind {
        Kind::Task => Entity::Task,
        Kind::Message => Entity::Message,
        Kind::Channel => Entity::Channel,
        Kind::User => Entity::User,
    });
    // Names in the question are looked up, and a guest sees some people only.
    let named = query.from.is_some().then_some(Entity::User);
    let within = query.within.is_some().then_some(Entity::Channel);
    let guests = kinds.contains(&Kind::User).then_some(Entity::Guest);
    among.chain(named).chain(within).chain(guests).map(Watch::Any).collect()
}

/// Where a page is.
struct Place<'a> {
    asked_for: &'a str,
    after: Option<(i32, Uuid)>,
    limit: u32,
}

/// Looks for it, of each kind.
async fn find(
    db: &Db,
    reader: UserId,
    kinds: &[Kind],
    query: Query,
    place: Place<'_>,
) -> Result<FoundPage, Fault> {
    let query = folded(db, query).await?;
    let bounds = bounds(db, &query, reader).await?;
    let (matcher, newest) = (
        Matcher::of(&query.groups, &query.none),
        Matcher::among_newest(&query.groups, &query.none),
    );
    let asked = Asked {
        reader,
        matcher: &matcher,
        bounds: &bounds,
        after: place.after,
        limit: i64::from(place.limit) + 1,
    };
    let find = async |kind| {
        let is_common = repo::is_common(db.read(), kind, &matcher).await?;
        let matcher = if is_common { &newest } else { &matcher };
        repo::find(db.read(), kind, Asked { matcher, ..asked }).await
    };
    let all = try_join_all(kinds.iter().copied().map(find)).await?;
    let (considered, capped) =
        (all.iter().map(|one| one.considered).sum(), all.iter().any(|one| one.capped));
    let mut found: Vec<Found> = all.into_iter().flat_map(|one| one.found).collect();
    found.sort_by_key(|one| std::cmp::Reverse((one.score, one.id)));
    let page = Page::of(found, place.limit, place.asked_for, |one| (one.score, one.id));
    Ok(FoundPage { found: page.items, next_cursor: page.next_cursor, considered, capped })
}

/// The question with its terms as texts are indexed.
async fn folded(db: &Db, mut query: Query) -> Result<Query, Fault> {
    let terms: Vec<String> = query.groups.iter().flatten().chain(&query.none).cloned().collect();
    let folded = if terms.iter().all(|term| term.is_ascii()) {
        terms.iter().map(|term| term.to_ascii_lowercase()).collect()
    } else {
        repo::fold(&mut db.read(), &terms).await?
    };
    let places = query.groups.iter_mut().flatten().chain(&mut query.none);
    for (place, term) in places.zip(folded) {
        *place = term.trim().to_owned();
    }
    // A term that folds to nothing (a lone accent) asks for nothing.
    query.groups.retain_mut(|group| {
        group.retain(|term| !term.is_empty());
        !group.is_empty()
    });
    query.none.retain(|term| !term.is_empty());
    Ok(query)
}

/// The bounds of the question, names looked up.
async fn bounds(db: &Db, query: &Query, reader: UserId) -> Result<Bounds, Fault> {
    let people = match query.from.as_deref() {
        None => None,
        Some(name) if name.eq_ignore_ascii_case("me") => Some(vec![reader.0]),
        Some(name) => match Uuid::parse_str(name) {
            Ok(id) => Some(vec![id]),
            Err(_) => Some(repo::people_named(&mut db.read(), name).await?),
        },
    };
    let channels = match query.within.as_deref() {
        None => None,
        Some(name) => match Uuid::parse_str(name) {
            Ok(id) => Some(vec![id]),
            Err(_) => Some(repo::channels_named(&mut db.read(), name, reader).await?),
        },
    };
    let status = query.status.as_ref().map(|all| all.iter().map(|one| one.as_str()).collect());
    Ok(Bounds { people, channels, after: query.after, before: query.before, status })
}

/// The page with what its hits are. One that was hidden or deleted since it
/// was found is left out.
async fn shown(db: &Db, ctx: &Ctx, page: Page<Found>) -> Result<Page<Hit>, Fault> {
    let Page { items, next_cursor } = page;
    let resources = join_all(items.iter().map(|one| resource(db, ctx, one))).await;
    let mut hits = Vec::with_capacity(items.len());
    for (found, resource) in items.into_iter().zip(resources) {
        match resource {
            Ok(resource) => hits.push(Hit { found, resource }),
            // It was found a moment ago, and may be out of sight by now.
            Err(fault) if matches!(fault.kind(), FaultKind::NotFound | FaultKind::Forbidden) => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(Page { items: hits, next_cursor })
}

/// What a hit is, through the door of its own kind: so it is shown by the
/// rules that hold there.
async fn resource(db: &Db, ctx: &Ctx, found: &Found) -> Result<Resource, Fault> {
    let (mut db, id) = (db.read(), found.id);
    Ok(match found.kind {
        Kind::Task => {
            Resource::Task(Box::new(sayso_tasks::service::get(&mut db, ctx, TaskId(id)).await?))
        }
        Kind::Message => {
            let message = sayso_messages::service::get(&mut db, ctx, MessageId(id)).await?;
            Resource::Message(Box::new(message))
        }
        Kind::Channel => {
            let channel = sayso_channels::service::visible(&mut db, ctx, ChannelId(id)).await?;
            Resource::Channel(Box::new(channel))
        }
        Kind::User => {
            Resource::User(Box::new(sayso_users::service::get(&mut db, ctx, UserId(id)).await?))
        }
    })
}
