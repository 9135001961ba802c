//! What is hashed, what is compared, and what either costs.

use super::*;

const LIMITS: HashLimits = HashLimits { cost: 4, threads_max: 1, queue_max: 0 };

fn hasher(limits: HashLimits) -> Hasher {
    Hasher::new(&RootKey::new([7; 32]), limits, Random::seeded(1))
}

fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

#[tokio::test]
async fn the_seventy_third_byte_and_what_follows_a_nul_count() {
    let hasher = hasher(LIMITS);
    let long = "p".repeat(72);
    for (one, other) in
        [(format!("{long}a"), format!("{long}b")), ("before\0after".into(), "before\0other".into())]
    {
        let hash = hasher.hash(secret(&one)).await.expect("it is hashed");

        let same = hasher.check(secret(&one), Some(hash.clone())).await.expect("checked");
        assert_eq!(same, Checked::Right);
        let wrong = hasher.check(secret(&other), Some(hash)).await.expect("checked");
        assert_eq!(wrong, Checked::Wrong);
    }
}

#[tokio::test]
async fn one_password_has_two_hashes_and_another_root_fits_neither() {
    let hasher = hasher(LIMITS);
    let one = hasher.hash(secret("correct horse")).await.expect("it is hashed");
    let two = hasher.hash(secret("correct horse")).await.expect("it is hashed");
    assert_ne!(one, two);

    let other = Hasher::new(&RootKey::new([8; 32]), LIMITS, Random::seeded(2));
    let checked = other.check(secret("correct horse"), Some(one)).await.expect("checked");
    assert_eq!(checked, Checked::Wrong);
}

#[tokio::test]
async fn a_cheap_hash_is_replaced_when_its_password_comes() {
    let cheap = hasher(LIMITS);
    let dear = hasher(HashLimits { cost: 5, ..LIMITS });
    let old = cheap.hash(secret("correct horse")).await.expect("it is hashed");

    let wrong = dear.check(secret("wrong horse"), Some(old.clone())).await.expect("checked");
    let right = dear.check_and_renew(secret("correct horse"), Some(old)).await.expect("checked");

    assert_eq!(wrong, Checked::Wrong);
    let Checked::RightButCheap(new) = right else { panic!("{right:?}") };
    assert!(new.0.starts_with("$2b$05$"));
    let again = dear.check(secret("correct horse"), Some(new)).await.expect("checked");
    assert_eq!(again, Checked::Right);
}

#[tokio::test]
async fn nobody_has_no_password() {
    let checked = hasher(LIMITS).check(secret("anything"), None).await.expect("checked");

    assert_eq!(checked, Checked::Wrong);
}

#[tokio::test]
async fn more_than_may_wait_are_refused_at_once() {
    let hasher = hasher(HashLimits { queue_max: 1, ..LIMITS });
    let seat = hasher.seats.clone().acquire_owned().await.expect("it is never closed");
    let place = hasher.places.clone().try_acquire_owned().expect("it is free");
    let waiting = tokio::spawn({
        let hasher = hasher.clone();
        async move { hasher.hash(secret("waits")).await }
    });
    while hasher.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }

    let refused = hasher.hash(secret("comes too late")).await.expect_err("it is full");

    assert_eq!(refused.kind().status(), 503);
    assert!(refused.retry_after_hint().is_some());
    drop((seat, place));
    assert!(waiting.await.expect("it does not panic").is_ok());
}

#[tokio::test]
async fn whoever_it_is_the_same_work_is_done() {
    let cheap = hasher(LIMITS).hash(secret("correct horse")).await.expect("it is hashed");
    let dear = hasher(HashLimits { cost: 6, ..LIMITS }).with_previous(&[RootKey::new([8; 32])]);
    let own = dear.hash(secret("correct horse")).await.expect("it is hashed");

    let mut spent = Vec::new();
    for stored in [None, Some(own.clone()), Some(cheap.clone())] {
        let before = dear.rounds();
        dear.check_and_renew(secret("wrong horse"), stored).await.expect("checked");
        spent.push(dear.rounds() - before);
    }
    for stored in [own, cheap] {
        let before = dear.rounds();
        let right = dear.check(secret("correct horse"), Some(stored)).await;
        assert_eq!(right.expect("checked"), Checked::Right);
        spent.push(dear.rounds() - before);
    }

    assert_eq!(spent, [2 << 6; 5]);
}

#[tokio::test]
async fn a_password_outlives_the_root_it_was_hashed_under() {
    let (old, new) = (RootKey::new([7; 32]), RootKey::new([8; 32]));
    let stored = hasher(LIMITS).hash(secret("correct horse")).await.expect("it is hashed");
    let moved = Hasher::new(&new, LIMITS, Random::seeded(2)).with_previous(&[old]);

    let wrong = moved.check(secret("wrong horse"), Some(stored.clone())).await;
    let right =
        moved.check_and_renew(secret("correct horse"), Some(stored)).await.expect("checked");

    assert_eq!(wrong.expect("checked"), Checked::Wrong);
    let Checked::RightButCheap(again) = right else { panic!("{right:?}") };
    let checked = Hasher::new(&new, LIMITS, Random::seeded(3))
        .check(secret("correct horse"), Some(again))
        .await;
    assert_eq!(checked.expect("checked"), Checked::Right);
}

#[tokio::test]
async fn what_everybody_tries_first_is_not_hashed() {
    let refused = hasher(LIMITS).hash(secret("passwordpassword")).await.expect_err("it is weak");

    assert_eq!(refused.kind().status(), 422);
    assert_eq!(refused.errors()[0].code, crate::error::PASSWORD_WEAK);
}

#[test]
fn a_hash_is_never_printed() {
    assert_eq!(format!("{:?}", PasswordHash("$2b$".into())), "[password hash]");
}
