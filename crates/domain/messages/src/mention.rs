//! Who a text calls: `<@id>` names a person, `@channel` everybody in the
//! channel.

use sayso_access::UserId;
use uuid::Uuid;

const OPENS: &str = "<@";
const CLOSES: char = '>';
const CHANNEL: &str = "@channel";
/// A UUID in its usual form.
const ID_LEN: usize = 36;

/// The people whom a text names as `<@id>`, each once, in their order.
#[must_use]
pub fn named(content: &str) -> Vec<UserId> {
    let mut once = Vec::new();
    for (at, _) in content.match_indices(OPENS) {
        let rest = &content[at + OPENS.len()..];
        let Some(id) = rest.get(..ID_LEN).filter(|_| rest[ID_LEN..].starts_with(CLOSES)) else {
            continue;
        };
        if let Ok(id) = Uuid::try_parse(id) {
            push(&mut once, UserId(id));
        }
    }
    once
}

/// Whether a text calls the whole channel: the word `@channel`, not a part of
/// an address or of a longer word.
#[must_use]
pub fn calls_channel(content: &str) -> bool {
    content.match_indices(CHANNEL).any(|(at, _)| {
        let before = content[..at].chars().next_back();
        let after = content[at + CHANNEL.len()..].chars().next();
        !before.is_some_and(is_of_a_word) && !after.is_some_and(is_of_a_word)
    })
}

fn is_of_a_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '@')
}

/// Both lists as one, each person once.
#[must_use]
pub fn union(first: &[UserId], second: &[UserId]) -> Vec<UserId> {
    let mut once = Vec::with_capacity(first.len() + second.len());
    for user in first.iter().chain(second) {
        push(&mut once, *user);
    }
    once
}

fn push(once: &mut Vec<UserId>, user: UserId) {
    if !once.contains(&user) {
        once.push(user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_named_by_id_and_once() {
        let id = |n: u128| UserId(Uuid::from_u128(n));
        let text =
            format!("<@{}> and <@{}>, <@{}> again; <@x>, <@{} >, <@", id(1), id(2), id(1), id(3));

        assert_eq!(named(&text), [id(1), id(2)]);
        assert_eq!(named("<@ünïcödé is longer than it seems, at its end>"), []);
    }

    #[test]
    fn the_channel_is_called_by_a_word_of_its_own() {
        for text in ["@channel", "hi @channel!", "(@channel)", "now,@channel: go"] {
            assert!(calls_channel(text), "{text}");
        }
        for text in ["", "channel", "me@channel.com", "@channels", "@channel_2", "@@channel"] {
            assert!(!calls_channel(text), "{text}");
        }
    }
}
