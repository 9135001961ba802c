//! A company in a database of its own.

use sayso_access::{Actor, Ctx, Role, UserId};
use sayso_channels::model::{ChannelKind, Draft as ChannelDraft, MemberChange};
use sayso_channels::{ChannelId, MemberRole};
use sayso_db::Db;
use sayso_kernel::Fault;
use sayso_messages::model::{Draft, Edit, ReactionChange, ThreadReading};
use sayso_messages::service::Asked;
use sayso_messages::window::Order;
use sayso_messages::{Message, MessageId, edit, reaction, service, thread, trash};
use sayso_testkit::{Node, TestCtx, TestDatabase, judge};
use sayso_users::{Credential, Email, Invitation, NewUser};
use serde_json::{Value, json};

/// A company in a database of its own.
pub struct Company {
    pub database: TestDatabase,
    pub stage: TestCtx,
    node: Node,
}

/// Runs a service function in a transaction of its own.
macro_rules! write {
    ($db:expr, $ctx:expr, |$tx:ident, $with:ident| $work:expr) => {
        $db.transaction(&$ctx, async move |$tx, $with| $work.await).await
    };
}

impl Company {
    pub async fn new() -> Self {
        let database = TestDatabase::new().await;
        let node = Node::start(database.db());
        Self { database, stage: TestCtx::new(), node }
    }

    pub fn db(&self) -> Db {
        self.database.db().clone()
    }

    pub fn ctx(&self, actor: &Actor) -> Ctx {
        self.stage.as_actor(actor)
    }

    pub async fn person(&self, name: &str, role: Role) -> Actor {
        let ctx = self.stage.system();
        let email = Email::parse(&format!("{name}@example.com")).expect("an address");
        let invited = Credential::Invited(Invitation::new(&ctx));
        let new = NewUser::new(&ctx, email, name.to_owned(), role, invited);
        let user_id = new.id;
        let made =
            write!(self.db(), ctx, |tx, ctx| sayso_users::service::create_in(tx, ctx, new.clone()));
        made.expect("a person is made");
        Actor { user_id, ..self.stage.actor(role) }
    }

    /// A channel whose owner need not be somebody who may make one.
    pub async fn channel(&self, owner: &Actor, kind: ChannelKind, members: &[&Actor]) -> ChannelId {
        let ctx = self.ctx(&Actor { role: Role::Manager, ..owner.clone() });
        let draft = ChannelDraft {
            name: Some(ctx.new_id().to_string()),
            description: String::new(),
            kind,
            category_id: None,
            members: members.iter().map(|m| (m.user_id, MemberRole::Member)).collect(),
            metadata: json!({}),
        };
        let made =
            write!(self.db(), ctx, |tx, ctx| sayso_channels::service::create_in(tx, ctx, &draft));
        made.expect("a channel is made").channel.id
    }

    /// Puts a channel away, past its service.
    pub async fn archive(&self, channel: ChannelId) {
        let owner = self.database.owner().await;
        let sql = "UPDATE channels SET archived = true WHERE id = $1";
        owner.execute(sql, &[&channel]).await.expect("it is put away");
    }

    pub async fn remove(&self, owner: &Actor, channel: ChannelId, user: &Actor) {
        let (ctx, change) =
            (self.ctx(owner), MemberChange { add: Vec::new(), remove: vec![user.user_id] });
        let gone = write!(self.db(), ctx, |tx, ctx| sayso_channels::service::change_members_in(
            tx, ctx, channel, &change
        ));
        gone.expect("somebody goes");
    }

    pub async fn send(
        &self,
        actor: &Actor,
        channel: ChannelId,
        draft: Draft,
    ) -> Result<Message, Fault> {
        service::send(self.database.db(), &self.ctx(actor), channel, &draft).await
    }

    /// Says something, a moment after whatever was said before.
    pub async fn say(&self, actor: &Actor, channel: ChannelId, content: &str) -> Message {
        self.stage.advance(std::time::Duration::from_secs(1));
        self.send(actor, channel, saying(content)).await.expect("it is sent")
    }

    pub async fn answer(&self, actor: &Actor, head: &Message, content: &str) -> Message {
        self.stage.advance(std::time::Duration::from_secs(1));
        let draft = Draft { thread_id: Some(head.id), ..saying(content) };
        self.send(actor, head.channel_id, draft).await.expect("it is sent")
    }

    pub async fn get(&self, actor: &Actor, id: MessageId) -> Result<Message, Fault> {
        service::get(&mut self.database.db().read(), &self.ctx(actor), id).await
    }

    pub async fn update(
        &self,
        actor: &Actor,
        id: MessageId,
        version: i32,
        edit: Edit,
    ) -> Result<Message, Fault> {
        update(&self.db(), &self.ctx(actor), id, version, edit).await
    }

    pub async fn revert(&self, actor: &Actor, id: MessageId, to: i32) -> Result<Message, Fault> {
        write!(self.db(), self.ctx(actor), |tx, ctx| edit::revert_in(tx, ctx, id, to, None))
    }

    pub async fn delete(&self, actor: &Actor, id: MessageId) -> Result<(), Fault> {
        delete(&self.db(), &self.ctx(actor), id).await
    }

    pub async fn restore(&self, actor: &Actor, id: MessageId) -> Result<Message, Fault> {
        write!(self.db(), self.ctx(actor), |tx, ctx| trash::restore_in(tx, ctx, id))
    }

    pub async fn react(
        &self,
        actor: &Actor,
        id: MessageId,
        add: &[&str],
        remove: &[&str],
    ) -> Result<Message, Fault> {
        react(&self.db(), &self.ctx(actor), id, add, remove).await
    }

    pub async fn read_thread(
        &self,
        actor: &Actor,
        id: MessageId,
        upto: MessageId,
    ) -> Result<ThreadReading, Fault> {
        write!(self.db(), self.ctx(actor), |tx, ctx| thread::mark_read_in(tx, ctx, id, upto))
    }

    /// The facts about messages in the log, in order: type, streams, data and
    /// change.
    pub async fn heard(&self) -> Vec<Heard> {
        judge::assert_settled(self.database.db()).await;
        let sql = "SELECT type, streams, data::text, change::text FROM event_log
                   WHERE type ~ '^(message|thread)' ORDER BY position";
        let rows = self.database.app().await.query(sql, &[]).await.expect("the log can be read");
        let parsed =
            |text: Option<&str>| serde_json::from_str(text.unwrap_or("null")).expect("JSON");
        rows.iter()
            .map(|row| Heard {
                kind: row.get(0),
                streams: row.get(1),
                data: parsed(row.get(2)),
                change: parsed(row.get(3)),
            })
            .collect()
    }

    /// The types of all facts about messages in the log, in order.
    pub async fn kinds(&self) -> Vec<String> {
        self.heard().await.into_iter().map(|heard| heard.kind).collect()
    }

    /// The audit as one text.
    pub async fn audit(&self) -> String {
        judge::assert_settled(self.database.db()).await;
        let sql = "SELECT coalesce(string_agg(a::text, '\n' ORDER BY seq), '') FROM audit_log a";
        let row = self.database.app().await.query_one(sql, &[]).await.expect("readable");
        row.get(0)
    }

    /// Messages whose derived fields are not what they are derived from, in
    /// words.
    pub async fn wrong(&self) -> Vec<String> {
        let rows = self.database.app().await.query(WRONG, &[]).await.expect("readable");
        rows.iter().map(|row| row.get(0)).collect()
    }

    pub async fn end(self) {
        judge::assert_settled(self.database.db()).await;
        assert_eq!(self.wrong().await, Vec::<String>::new());
        self.node.stop().await;
    }
}

/// What was told.
#[derive(Debug)]
pub struct Heard {
    pub kind: String,
    pub streams: Vec<String>,
    pub data: Value,
    pub change: Value,
}

pub async fn update(
    db: &Db,
    ctx: &Ctx,
    id: MessageId,
    version: i32,
    edit: Edit,
) -> Result<Message, Fault> {
    write!(db, ctx, |tx, ctx| edit::update_in(tx, ctx, id, version, edit.clone()))
}

pub async fn delete(db: &Db, ctx: &Ctx, id: MessageId) -> Result<(), Fault> {
    write!(db, ctx, |tx, ctx| trash::delete_in(tx, ctx, id, None))
}

pub async fn react(
    db: &Db,
    ctx: &Ctx,
    id: MessageId,
    add: &[&str],
    remove: &[&str],
) -> Result<Message, Fault> {
    let all = |emojis: &[&str]| emojis.iter().map(|emoji| (*emoji).to_owned()).collect();
    let change = ReactionChange { add: all(add), remove: all(remove) };
    write!(db, ctx, |tx, ctx| reaction::react_in(tx, ctx, id, &change))
}

pub fn saying(content: &str) -> Draft {
    Draft {
        content: content.to_owned(),
        thread_id: None,
        client_id: None,
        mentions: Vec::new(),
        metadata: json!({}),
    }
}

pub fn text(content: &str) -> Edit {
    Edit { content: Some(content.to_owned()), ..Edit::default() }
}

pub fn asked(order: Order, cursor: Option<&str>, limit: u32) -> Asked<'_> {
    Asked { order, threads: true, cursor, limit }
}

pub fn ids(people: &[&Actor]) -> Vec<UserId> {
    people.iter().map(|person| person.user_id).collect()
}

/// A head counts its answers, a message shows its reactions, and the log tells
/// the present state of each.
const WRONG: &str = "
    SELECT format('%s counts %s answers and has %s', m.id, m.reply_count, a.count)
    FROM messages m CROSS JOIN LATERAL (
        SELECT count(*) AS count, max(created_at) AS last FROM messages
        WHERE thread_id = m.id AND deleted_at IS NULL) a
    WHERE m.reply_count <> a.count OR m.last_reply_at IS DISTINCT FROM a.last
    UNION ALL
    SELECT format('%s shows %s reactions with %s and has %s', m.id, s.emoji, s.count, r.count)
    FROM messages m CROSS JOIN LATERAL (
        SELECT x->>'emoji' AS emoji, (x->>'count')::bigint AS count
        FROM jsonb_array_elements(m.reactions) x) s
    FULL JOIN (SELECT message_id, emoji, count(*) AS count FROM message_reactions GROUP BY 1, 2) r
        ON r.message_id = m.id AND r.emoji = s.emoji
    WHERE s.count IS DISTINCT FROM r.count
    UNION ALL
    SELECT format('%s has revision %s, the log says %s', m.id, m.revision, e.revision)
    FROM messages m JOIN LATERAL (
        SELECT (e.data->>'revision')::int AS revision, e.type FROM event_log e
        WHERE e.data->>'id' = m.id::text AND e.type ~ '^message' ORDER BY e.position DESC LIMIT 1
    ) e ON true
    WHERE e.type <> 'message.deleted' AND e.revision <> m.revision
    UNION ALL
    SELECT format('%s: revision %s after %s', id, revision, before) FROM (
        SELECT data->>'id' AS id, (data->>'revision')::int AS revision,
               lag((data->>'revision')::int) OVER (PARTITION BY data->>'id' ORDER BY position)
                   AS before
        FROM event_log WHERE type ~ '^message' AND type <> 'message.deleted') s
    WHERE revision <= before";
