//! What happens to messages, members and relations besides.

use sayso_access::{Actor, UserId};
use sayso_channels::ChannelId;
use sayso_channels::model::{NotificationLevel, Setting};
use sayso_kernel::Patch;
use sayso_messages::model::Edit;
use sayso_messages::{Message, edit};
use sayso_tasks::dependency::{self, DependencyChange, DependencyType};
use sayso_tasks::status::Status;
use sayso_tasks::{Task, TaskId};

use crate::company::Company;

/// Runs a service function in a transaction of its own.
macro_rules! write {
    ($company:expr, $by:expr, |$tx:ident, $ctx:ident| $work:expr) => {
        $company
            .database
            .db()
            .transaction(&$company.ctx($by), async move |$tx, $ctx| $work.await)
            .await
            .expect("it is done")
    };
}

impl Company {
    /// Puts a message into other words.
    pub async fn reword(&self, by: &Actor, message: &Message, content: &str) -> Message {
        let (id, version) = (message.id, message.version);
        let edit = Edit { content: Some(content.to_owned()), ..Edit::default() };
        write!(self, by, |tx, ctx| edit::update_in(tx, ctx, id, version, edit.clone()))
    }

    /// Has a message say again what it said in a version.
    pub async fn revert(&self, by: &Actor, message: &Message, to: i32) -> Message {
        let id = message.id;
        write!(self, by, |tx, ctx| edit::revert_in(tx, ctx, id, to, None))
    }

    /// Says what somebody wants to hear of a channel.
    pub async fn set(&self, by: &Actor, channel: ChannelId, setting: Setting) {
        write!(self, by, |tx, ctx| sayso_channels::reading::mute_in(
            tx,
            ctx,
            channel,
            setting.clone()
        ));
    }

    pub async fn leave(&self, by: &Actor, channel: ChannelId) {
        write!(self, by, |tx, ctx| sayso_channels::membership::leave_in(tx, ctx, channel));
    }

    /// Has a task wait for others, or no longer.
    pub async fn wait_for(&self, by: &Actor, id: TaskId, others: &[TaskId], waits: bool) -> Task {
        let change = if waits {
            let add = others.iter().map(|other| (*other, DependencyType::Blocks)).collect();
            DependencyChange { add, remove: Vec::new() }
        } else {
            let remove = others.iter().map(|other| (*other, None)).collect();
            DependencyChange { add: Vec::new(), remove }
        };
        write!(self, by, |tx, ctx| dependency::change_in(tx, ctx, id, &change))
    }

    pub async fn turn(&self, by: &Actor, id: TaskId, status: Status) -> Task {
        let edit = sayso_tasks::model::Edit { status: Some(status), ..Default::default() };
        let mut db = self.database.db().read();
        let now = sayso_tasks::service::get(&mut db, &self.ctx(by), id).await.expect("there");
        write!(self, by, |tx, ctx| sayso_tasks::service::update_in(
            tx,
            ctx,
            id,
            now.version,
            edit.clone()
        ))
    }

    /// Lets so many more people into a channel, past the services; their ids
    /// begin with `c0`.
    pub async fn crowd(&self, channel: ChannelId, count: i32) {
        let sql = format!(
            "WITH people AS (
                 INSERT INTO users (id, name, role, created_at, updated_at)
                 SELECT ('c0' || substr(md5(n::text), 3))::uuid, 'crowd ' || n, 'staff',
                        now(), now()
                 FROM generate_series(1, {count}) n RETURNING id)
             INSERT INTO channel_members (channel_id, user_id, role, joined_at)
             SELECT '{channel}', id, 'member', now() FROM people"
        );
        self.database.change(&sql).await;
    }
}

/// A level, and nothing else.
pub fn level(level: NotificationLevel) -> Setting {
    Setting { notification_level: Some(level), muted_until: Patch::Keep }
}

pub fn named(people: &[&Actor]) -> String {
    people.iter().map(|person| mention(person.user_id)).collect::<Vec<_>>().join(" ")
}

pub fn mention(user: UserId) -> String {
    format!("<@{user}>")
}
