//! Which event carries what.

use sayso_channels::events as channels;
use sayso_channels::view::{CategoryView, ChannelView, DeletedCategory, SharedChannel, SocketRead};
use sayso_db::FactKind;
use sayso_messages::events as messages;
use sayso_messages::view::{MessageView, SocketEdit, SocketSend, ThreadReadingView};
use sayso_notifications::events as notifications;
use sayso_notifications::view::NotificationView;
use sayso_tasks::events as tasks;
use sayso_tasks::view::{CommentView, SocketCreateTask, SocketUpdateTask, TaskView};
use sayso_users::events as users;
use sayso_web::told::{Fields, Gone, Shown, Told};
use utoipa::ToSchema;

/// An event of the log: what its `data` is, and its `change` if it has one.
pub(super) struct EventShown {
    pub(super) kind: &'static FactKind,
    pub(super) data: Shown,
    pub(super) change: Option<Shown>,
}

fn with<D: ToSchema>(kind: &'static FactKind) -> EventShown {
    EventShown { kind, data: Shown::of::<D>(), change: None }
}

impl EventShown {
    fn changing<C: ToSchema>(self) -> Self {
        Self { change: Some(Shown::of::<C>()), ..self }
    }
}

/// Every event of the log.
pub(super) fn all() -> Vec<EventShown> {
    [of_people(), of_channels(), of_messages(), of_tasks()].into_iter().flatten().collect()
}

fn of_people() -> Vec<EventShown> {
    type Data = users::UserData<'static>;
    vec![
        with::<Data>(&users::CREATED),
        with::<Data>(&users::UPDATED).changing::<Fields<'_>>(),
        with::<Data>(&users::DEACTIVATED).changing::<Fields<'_>>(),
        with::<Data>(&users::EMAIL_CHANGED).changing::<Fields<'_>>(),
        with::<Gone>(&users::DELETED),
        with::<Data>(&users::RESTORED),
        with::<Gone>(&users::ERASED),
        with::<NotificationView>(&notifications::CREATED),
        with::<notifications::Read<'_>>(&notifications::READ),
    ]
}

fn of_channels() -> Vec<EventShown> {
    vec![
        with::<SharedChannel>(&channels::CREATED),
        with::<SharedChannel>(&channels::UPDATED).changing::<Fields<'_>>(),
        with::<SharedChannel>(&channels::ARCHIVED).changing::<Fields<'_>>(),
        with::<SharedChannel>(&channels::DELETED),
        with::<SharedChannel>(&channels::RESTORED),
        with::<Gone>(&channels::GONE),
        with::<channels::ReadEvent>(&channels::READ),
        with::<channels::MuteEvent>(&channels::MUTED),
        with::<channels::MemberEvent>(&channels::MEMBER_ADDED),
        with::<channels::MemberEvent>(&channels::MEMBER_REMOVED),
        with::<channels::MemberEvent>(&channels::JOINED),
        with::<channels::MemberEvent>(&channels::LEFT),
        with::<CategoryView>(&channels::CATEGORY_CREATED),
        with::<CategoryView>(&channels::CATEGORY_UPDATED).changing::<Fields<'_>>(),
        with::<DeletedCategory>(&channels::CATEGORY_DELETED),
    ]
}

fn of_messages() -> Vec<EventShown> {
    vec![
        with::<MessageView>(&messages::SENT),
        with::<MessageView>(&messages::EDITED).changing::<messages::Edited<'_>>(),
        with::<MessageView>(&messages::REACTED).changing::<messages::Reacted<'_>>(),
        with::<messages::DeletedMessage>(&messages::DELETED),
        with::<MessageView>(&messages::RESTORED),
        with::<MessageView>(&messages::THREAD_CHANGED).changing::<Fields<'_>>(),
        with::<ThreadReadingView>(&messages::THREAD_READ),
    ]
}

fn of_tasks() -> Vec<EventShown> {
    vec![
        with::<TaskView>(&tasks::CREATED),
        with::<TaskView>(&tasks::UPDATED).changing::<Fields<'_>>(),
        with::<TaskView>(&tasks::ASSIGNED).changing::<tasks::Assigned<'_>>(),
        with::<Gone>(&tasks::GONE),
        with::<tasks::DeletedTask>(&tasks::DELETED),
        with::<TaskView>(&tasks::RESTORED),
        with::<CommentView>(&tasks::COMMENTED),
        with::<CommentView>(&tasks::COMMENT_EDITED),
        with::<tasks::DeletedComment>(&tasks::COMMENT_DELETED),
        with::<CommentView>(&tasks::COMMENT_RESTORED),
    ]
}

/// Everything that a client may send: the work, and what concerns the
/// connection itself.
pub(super) fn sent() -> Vec<Told> {
    let mut work = vec![
        Told::of::<SocketSend>("message.send", "As `POST /api/channels/{id}/messages`.")
            .answered::<MessageView>(),
        Told::of::<SocketEdit>("message.edit", "As `PATCH /api/messages/{id}`.")
            .answered::<MessageView>(),
        Told::of::<SocketCreateTask>("task.create", "As `POST /api/tasks`.").answered::<TaskView>(),
        Told::of::<SocketUpdateTask>("task.update", "As `PATCH /api/tasks/{id}`.")
            .answered::<TaskView>(),
        Told::of::<SocketRead>("channel.read", "As `POST /api/channels/{id}/read`.")
            .answered::<ChannelView>(),
    ];
    work.extend(sayso_realtime::said());
    work
}
