//! Passwords that everybody tries first, refused without asking anybody.
//!
//! `weak_passwords.txt` holds the 10,000 most common passwords, and of the
//! next 20,000 those that are long enough to be chosen here: the list that the
//! crate `zxcvbn` 3.1.1 ships (MIT licence, copyright 2016 Joshua Holmer, after
//! Dropbox's zxcvbn, copyright 2012-2016 Dropbox, Inc.), folded and sorted.
//!
//! What that is worth: a password has 12 characters here, so most of the list
//! is refused by its length already, and 229 of its entries are what it adds as
//! they stand. The rest matter where one of them is typed twice to get to the
//! length. It is no measure of strength: a password that is common in the
//! company, or was stolen elsewhere, is not known here.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Characters of a unit that is too short, however often it is repeated.
const UNIT_MIN: usize = 5;

static LIST: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("weak_passwords.txt").lines().collect());

/// Whether a password is one of those that are tried first: on the list, made
/// by repeating one that is (or a few characters), or a run like `1234567890`.
/// Case does not matter.
#[must_use]
pub fn is_weak(password: &str) -> bool {
    let folded = password.to_lowercase();
    let chars: Vec<char> = folded.chars().collect();
    let unit: String = chars[..period(&chars)].iter().collect();
    let repeats = unit.len() < folded.len();
    LIST.contains(folded.as_str())
        || (repeats && (period(&chars) < UNIT_MIN || LIST.contains(unit.as_str())))
        || is_run(&chars)
}

/// The shortest beginning that, repeated, gives the whole; its last repetition
/// may be cut. (The failure function of Knuth, Morris and Pratt.)
fn period(chars: &[char]) -> usize {
    let mut borders = vec![0; chars.len()];
    for at in 1..chars.len() {
        let mut border: usize = borders[at - 1];
        while border > 0 && chars[at] != chars[border] {
            border = borders[border - 1];
        }
        borders[at] = border + usize::from(chars[at] == chars[border]);
    }
    chars.len() - borders.last().copied().unwrap_or(0)
}

/// Each character follows the one before it, or each precedes it; after 9
/// comes 0.
fn is_run(chars: &[char]) -> bool {
    let follows = |one: char, next: char| {
        u32::from(one) + 1 == u32::from(next) || (one == '9' && next == '0')
    };
    let mut pairs = chars.windows(2);
    chars.len() > 1
        && (pairs.clone().all(|pair| follows(pair[0], pair[1]))
            || pairs.all(|pair| follows(pair[1], pair[0])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_refused_in_whatever_case() {
        for weak in [
            "1qaz2wsx3edc",
            "LeaveMeAlone",
            "needforspeed",
            "passwordpassword",
            "PasswordPasswordPass",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "12341234123412",
            "123456789012",
            "987654321098",
            "abcdefghijklm",
            "dragondragon",
        ] {
            assert!(is_weak(weak), "{weak}");
        }
    }

    #[test]
    fn what_only_looks_simple_is_left_to_its_person() {
        for good in [
            "correct horse battery",
            "correct horse battery staple",
            "aber hallo, wer da?",
            "password for the boat",
            "zwölf boxkämpfer",
            "\u{1f40e}\u{1f50b}\u{1f4ce}\u{1f642} vier bilder",
            "hunter2hunter3hunter4",
        ] {
            assert!(!is_weak(good), "{good}");
        }
    }

    #[test]
    fn the_list_is_as_long_as_it_says() {
        assert_eq!(LIST.len(), 10173);
        assert!(LIST.iter().all(|entry| entry.to_lowercase() == *entry));
        assert!(LIST.iter().all(|entry| is_weak(entry) && is_weak(&entry.to_uppercase())));
        let long = LIST.iter().filter(|entry| entry.chars().count() >= 12);
        assert_eq!(long.count(), 229);
    }
}
