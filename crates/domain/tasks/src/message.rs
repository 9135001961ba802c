//! A task made from what somebody said.

use sayso_access::Ctx;
use sayso_db::Tx;
use sayso_kernel::Fault;
use sayso_messages::{MessageId, service as messages};

use crate::error::MESSAGE_HAS_TASK;
use crate::model::{Draft, Task, TaskId};
use crate::service;

/// Characters of a title at the most.
const TITLE_MAX: usize = 300;

/// Makes a task from a message, in the message's channel. The message names it
/// from the same commit on. Without a title it is the first line of the
/// message.
///
/// Events: `task.created`, and `message.edited` with `taskId` among the fields.
///
/// # Errors
/// 404 where the caller may not know of the message, 403
/// `channel.not_a_member`; 409 `message.has_task` with the task's id when one
/// was made from it before and is still there, `task.channel_archived`; 422 as
/// for any new task.
pub async fn create_in(
    tx: &mut Tx,
    ctx: &Ctx,
    id: MessageId,
    title: Option<&str>,
    draft: &Draft,
) -> Result<Task, Fault> {
    let message = messages::hold_in(tx, ctx, id).await?;
    if let Some(task) = message.task_id.map(TaskId)
        && service::exists(tx, task).await?
    {
        let current = serde_json::json!({ "taskId": task });
        return Err(Fault::new(&MESSAGE_HAS_TASK).current(current));
    }
    let title = title.map_or_else(|| first_line(&message.content), ToOwned::to_owned);
    let draft = Draft { title, channel_id: Some(message.channel_id), ..draft.clone() };
    let task = service::create_from_in(tx, ctx, &draft, Some(id.0)).await?;
    messages::link_task_in(tx, ctx, id, task.id.0).await?;
    Ok(task)
}

/// The first line that says something, cut to the length of a title.
fn first_line(content: &str) -> String {
    let line = content.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or(content);
    line.chars().take(TITLE_MAX).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_the_first_line_that_says_something_cut_to_size() {
        assert_eq!(first_line("  \n Order boards \nby Friday"), "Order boards");
        assert_eq!(first_line(&"ü".repeat(400)).chars().count(), TITLE_MAX);
    }
}
