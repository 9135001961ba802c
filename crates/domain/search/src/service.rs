//! What one can do with search. Every door calls this function.

use std::collections::HashMap;

use futures_util::future::try_join_all;
use futures_util::try_join;
use sayso_access::{Ctx, UserId};
use sayso_cache::{Cache, Entity, Key, Loaded, Watch, required};
use sayso_channels::ChannelId;
use sayso_db::Db;
use sayso_kernel::Fault;
use sayso_kernel::matcher::Matcher;
use sayso_kernel::page::{self, Page};
use sayso_kernel::secret::sha256;
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
    let load = async || {
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
    let find = |kind| repo::find(db.read(), kind, asked, &newest);
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
    let mut resources = resources(db, ctx, &page.items).await?;
    let hit = |found: Found| {
        let resource = resources.remove(&found.id)?;
        Some(Hit { found, resource })
    };
    let items = page.items.into_iter().filter_map(hit).collect();
    Ok(Page { items, next_cursor: page.next_cursor })
}

/// What the hits are, all of a kind at once, through the door of that kind: so
/// they are shown by the rules that hold there.
async fn resources(db: &Db, ctx: &Ctx, found: &[Found]) -> Result<HashMap<Uuid, Resource>, Fault> {
    let of = |kind| found.iter().filter(move |one| one.kind == kind).map(|one| one.id);
    let tasks: Vec<_> = of(Kind::Task).map(TaskId).collect();
    let messages: Vec<_> = of(Kind::Message).map(MessageId).collect();
    let channels: Vec<_> = of(Kind::Channel).map(ChannelId).collect();
    let people: Vec<_> = of(Kind::User).map(UserId).collect();
    let (mut first, mut second, mut third, mut fourth) =
        (db.read(), db.read(), db.read(), db.read());
    let (tasks, messages, channels, people) = try_join!(
        unless_none(&tasks, sayso_tasks::service::seen(&mut first, ctx, &tasks)),
        unless_none(&messages, sayso_messages::service::readable(&mut second, ctx, &messages)),
        unless_none(&channels, sayso_channels::service::seen(&mut third, ctx, &channels)),
        unless_none(&people, sayso_users::service::seen(&mut fourth, ctx, &people)),
    )?;
    let tasks = tasks.into_iter().map(|it| (it.id.0, Resource::Task(Box::new(it))));
    let messages = messages.into_iter().map(|it| (it.id.0, Resource::Message(Box::new(it))));
    let channels = channels.into_iter().map(|it| (it.0.id.0, Resource::Channel(Box::new(it))));
    let people = people.into_iter().map(|it| (it.id.0, Resource::User(Box::new(it))));
    Ok(tasks.chain(messages).chain(channels).chain(people).collect())
}

/// Nothing is asked about nothing.
async fn unless_none<I, T>(
    ids: &[I],
    asked: impl Future<Output = Result<Vec<T>, Fault>>,
) -> Result<Vec<T>, Fault> {
    if ids.is_empty() { Ok(Vec::new()) } else { asked.await }
}
