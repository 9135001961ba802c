//! Tasks made from messages.

use sayso_access::Role;
use sayso_channels::ChannelId;
use sayso_channels::model::ChannelKind;
use sayso_kernel::Fault;
use sayso_kernel::fault::NOT_FOUND;
use sayso_messages::{MessageId, model as said};
use sayso_tasks::error::MESSAGE_HAS_TASK;
use sayso_tasks::model::{Draft, Edit};
use sayso_tasks::status::Status;
use sayso_tasks::{Task, message};
use serde_json::json;

use crate::company::{Company, titled};

async fn say(company: &Company, actor: &sayso_access::Actor, to: ChannelId) -> MessageId {
    let draft = said::Draft {
        content: "\nOrder the boards.\nBy Friday, please.".to_owned(),
        thread_id: None,
        client_id: None,
        mentions: Vec::new(),
        metadata: json!({}),
    };
    let ctx = company.stage.as_actor(actor);
    let sent = sayso_messages::service::send(company.database.db(), &ctx, to, &draft).await;
    sent.expect("a message is sent").id
}

async fn make(
    company: &Company,
    actor: &sayso_access::Actor,
    id: MessageId,
    title: Option<&'static str>,
    draft: Draft,
) -> Result<Task, Fault> {
    let ctx = company.stage.as_actor(actor);
    let work = company.database.db().transaction(&ctx, async move |tx, ctx| {
        message::create_in(tx, ctx, id, title, &draft).await
    });
    work.await
}

#[tokio::test]
async fn a_task_made_from_a_message_is_named_by_it_from_the_same_commit_on() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let bob = company.person("bob", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[&bob]).await;
    let id = say(&company, &ann, channel).await;

    let task = make(&company, &bob, id, None, titled("")).await.expect("made");

    assert_eq!((&*task.title, task.channel_id), ("Order the boards.", Some(channel)));
    assert_eq!(task.message_id, Some(id.0));
    let (ctx, mut db) = (company.stage.as_actor(&ann), company.database.db().read());
    let message = sayso_messages::service::get(&mut db, &ctx, id).await.expect("there");
    assert_eq!((message.task_id, message.version, message.revision), (Some(task.id.0), 1, 2));
    let edit = Edit { status: Some(Status::InProgress), ..Edit::default() };
    company.update(&ann, task.id, 1, edit).await.expect("begun");
    let state = |message: said::Message| message.task.map(|task| (task.status, task.title));
    let live = sayso_messages::service::get(&mut db, &ctx, id).await.expect("there");
    assert_eq!(state(live), Some(("in_progress".into(), "Order the boards.".into())));
    company.delete(&ann, task.id).await.expect("deleted");
    let alone = sayso_messages::service::get(&mut db, &ctx, id).await.expect("there");
    assert_eq!((alone.task_id, state(alone)), (Some(task.id.0), None));
    let events = company.events().await;
    let [.., created, edited, _, _] = &events[..] else { panic!("four events") };
    assert_eq!((&*created.kind, &created.data["messageId"]), ("task.created", &json!(id)));
    assert_eq!((&*edited.kind, &edited.data["taskId"]), ("message.edited", &json!(task.id)));
    assert_eq!(created.streams, edited.streams);
    company.end().await;
}

#[tokio::test]
async fn a_message_has_one_task_at_a_time_and_hidden_ones_have_none() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let eve = company.person("eve", Role::Staff, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let open = company.channel(&ann, ChannelKind::Public, &[]).await;
    let (id, public) = (say(&company, &ann, channel).await, say(&company, &ann, open).await);

    let hidden = make(&company, &eve, id, None, titled("")).await.expect_err("hidden");
    let outside = make(&company, &eve, public, None, titled("")).await.expect_err("not joined");
    let stranger = Draft { assigned_to: vec![eve.user_id], ..titled("") };
    let invalid = make(&company, &ann, id, None, stranger).await.expect_err("not in the channel");
    let task = make(&company, &ann, id, Some("boards"), titled("")).await.expect("made");
    let again = make(&company, &ann, id, None, titled("")).await.expect_err("made before");
    company.delete(&ann, task.id).await.expect("deleted");
    let anew = make(&company, &ann, id, None, titled("")).await.expect("the first is gone");

    assert!(hidden.is(&NOT_FOUND));
    assert_eq!(outside.code().name, "channel.not_a_member");
    assert_eq!(invalid.errors()[0].code, "user.unknown");
    assert_eq!(task.title, "boards");
    assert!(again.is(&MESSAGE_HAS_TASK));
    assert_eq!(again.current_value(), Some(&json!({ "taskId": task.id })));
    assert_ne!(anew.id, task.id);
    company.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_make_a_task_from_one_message_one_does() {
    let company = Company::new().await;
    let ann = company.person("ann", Role::Manager, None).await;
    let channel = company.channel(&ann, ChannelKind::Private, &[]).await;
    let id = say(&company, &ann, channel).await;
    let mut work = Vec::new();
    for _ in 0..8 {
        let (db, ctx) = (company.database.db().clone(), company.stage.as_actor(&ann));
        work.push(tokio::spawn(async move {
            let made = db.transaction(&ctx, async move |tx, ctx| {
                message::create_in(tx, ctx, id, None, &titled("")).await
            });
            made.await
        }));
    }

    let mut made = 0;
    for one in work {
        match one.await.expect("no panic") {
            Ok(_) => made += 1,
            Err(fault) => assert!(fault.is(&MESSAGE_HAS_TASK), "{fault}"),
        }
    }

    assert_eq!(made, 1);
    company.end().await;
}
