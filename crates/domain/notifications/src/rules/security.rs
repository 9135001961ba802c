//! What people should know about their own account.

use sayso_access::UserId;
use sayso_db::Effect;
use sayso_events::Event;
use serde::Deserialize;

use super::{Audience, Occasion, change, read};
use crate::model::{Resource, Topic};

#[derive(Deserialize)]
struct PersonData {
    id: UserId,
}

/// What a person should know about their own account, whoever did it.
pub(super) fn occasion(event: &Event) -> Option<Occasion> {
    let title = match event.kind.as_str() {
        "auth.refresh_reuse" => "A session of yours was ended: its token was used twice",
        "auth.password_changed" => "Your password was changed",
        "auth.password_reset" => "Your password was reset",
        "auth.recovery_code_used" => "A recovery code of yours was used",
        "second_factor.enabled" => "A second factor was set up for your account",
        "second_factor.disabled" => "The second factor of your account was removed",
        "auth.token_created" => "An API token was made in your name",
        "user.email_changed" => "Your e-mail address was changed",
        "user.updated" if is_of_another_email(event) => "Your e-mail address was changed",
        _ => return None,
    };
    let session = event.effects.iter().find_map(|effect| match effect {
        Effect::EndSession { session, .. } => Some(session.0),
        _ => None,
    });
    let to = match (whom(event), session) {
        (Some(user), _) => Audience::People(vec![user]),
        (None, Some(session)) => Audience::OwnerOfSession(session),
        (None, None) => return None,
    };
    Some(Occasion {
        fact_id: event.id,
        // They are told of what they did themselves: perhaps it was not they.
        actor: None,
        topic: Topic::Security,
        to,
        title,
        body: "If this was not you, change your password and end your sessions.".to_owned(),
        resource: session.map(|id| Resource { kind: "session".to_owned(), id }),
    })
}

/// Somebody else gave a person another address to log in with.
fn is_of_another_email(event: &Event) -> bool {
    change(event).has("email")
}

/// Whose account it is: whoever is named by what was done, else whoever did it.
fn whom(event: &Event) -> Option<UserId> {
    let named = event.effects.iter().find_map(|effect| match effect {
        Effect::Reconnect { user, .. } => Some(*user),
        _ => None,
    });
    let shown = || read::<PersonData>(event).map(|person| person.id);
    named.or_else(shown).or(event.actor_id)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::tests::{event, user};
    use super::*;

    #[test]
    fn of_their_account_people_are_told_also_when_they_did_it() {
        let changed = occasion(&event("auth.password_changed", Value::Null, None));

        let changed = changed.expect("an occasion");
        assert_eq!((changed.actor, changed.topic), (None, Topic::Security));
        assert_eq!(changed.to, Audience::People(vec![user(1)]));
        assert_eq!(occasion(&event("auth.logged_in", Value::Null, None)), None);
    }

    #[test]
    fn whose_account_was_touched_is_told_and_not_who_touched_it() {
        let code = "access.changed".to_owned();
        let mut removed = event("second_factor.disabled", Value::Null, None);
        removed.effects = vec![Effect::Reconnect { user: user(5), code }];
        let fields = |fields: &[&str]| {
            let change = Some(json!({ "fields": fields }));
            event("user.updated", json!({ "id": user(5), "name": "Ann" }), change)
        };

        for it in [removed, fields(&["email", "name"])] {
            let told = occasion(&it).expect("an occasion");
            assert_eq!(told.to, Audience::People(vec![user(5)]), "{}", it.kind);
            assert_eq!(told.topic, Topic::Security);
        }
        assert_eq!(occasion(&fields(&["name"])), None);
    }
}
