//! What a refused login costs, in rounds of bcrypt: a time that one could
//! measure from outside would tell who is there.

use sayso_access::Role;
use sayso_kernel::secret::RootKey;
use sayso_testkit::root_key;
use sayso_users::password::HashLimits;
use sayso_users::{Credential, Email, Hasher, NewUser};

use crate::stage::{LIMITS, PASSWORD, Stage, altered, code, secret};

const WRONG: &str = "wrong horse battery";
/// Dearer than the hashes of before.
const DEAR: HashLimits = HashLimits { cost: 6, ..LIMITS };

/// What befell a person after their password was hashed, and what is tried.
const FATES: [(&str, &str, &str); 5] = [
    ("disabled", "UPDATE users SET active = false WHERE email = $1", PASSWORD),
    ("deleted", "UPDATE users SET deleted_at = now() WHERE email = $1", PASSWORD),
    ("invited", "UPDATE users SET password_hash = NULL WHERE email = $1", PASSWORD),
    (
        "program",
        "INSERT INTO service_accounts (user_id, created_at)
         SELECT id, now() FROM users WHERE email = $1",
        WRONG,
    ),
    ("present", "UPDATE users SET name = 'Ann' WHERE email = $1", WRONG),
];

#[tokio::test]
async fn whoever_may_not_come_in_costs_the_same_however_old_their_hash_is() {
    let mut stage = Stage::new().await;
    let (random, earlier) = (stage.ctx.random.clone(), RootKey::new([9; 32]));
    let dear = Hasher::new(&root_key(), DEAR, random.clone());
    let dear = dear.with_previous(&[RootKey::new([9; 32])]);
    stage.auth = altered(&stage.auth, |auth, _| auth.hasher = dear.clone());
    let hashers = [
        ("new", dear.clone()),
        ("cheap", Hasher::new(&root_key(), LIMITS, random.clone())),
        ("previous", Hasher::new(&earlier, DEAR, random)),
    ];
    let owner = stage.database.owner().await;

    let mut spent = Vec::new();
    let mut attempt = async |name: String, email: String, password: &str| {
        let before = dear.rounds();
        let refused = stage.log_in(&email, password).await;
        assert_eq!(code(&refused), "auth.invalid_credentials", "{name}");
        spent.push((name, dear.rounds() - before));
    };
    attempt("unknown".into(), "nobody@example.com".into(), PASSWORD).await;
    for (age, hasher) in &hashers {
        for (fate, sql, password) in FATES {
            let name = format!("{fate}.{age}");
            let email = format!("{name}@example.com");
            let hash = hasher.hash(secret(PASSWORD)).await.expect("it is hashed");
            let address = Email::parse(&email).expect("it is an address");
            let credential = Credential::Chosen(hash);
            let ctx = stage.ctx.system();
            let new = NewUser::new(&ctx, address, "Ann".into(), Role::Staff, credential);
            stage.create(new).await.expect("the person is created");
            owner.execute(sql, &[&email]).await.expect("it befalls them");
            attempt(name, email, password).await;
        }
    }

    let same = 2_u64 << DEAR.cost;
    let others: Vec<_> = spent.iter().filter(|(_, rounds)| *rounds != same).collect();
    assert!(others.is_empty(), "not {same} rounds: {others:?}");
    assert_eq!(spent.len(), 1 + 3 * FATES.len());
}
