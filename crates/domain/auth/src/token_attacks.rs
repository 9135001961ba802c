//! Tokens that must not be believed, each one change away from one that is.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::Signer;
use sayso_kernel::Kind;
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_800_000_000;
const LIFETIMES: Lifetimes = Lifetimes {
    access: Duration::from_secs(900),
    idle: Duration::from_secs(7 * 86_400),
    absolute: Duration::from_secs(30 * 86_400),
};

fn root() -> RootKey {
    RootKey::new([7; 32])
}

fn keys() -> Keys {
    Keys::derive(&root(), &["k1".into(), "k0".into()], LIFETIMES).expect("there are names")
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).expect("it is a time")
}

fn header() -> Value {
    json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": "k1" })
}

fn claims() -> Value {
    let id = uuid::Uuid::nil();
    json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": id, "sid": id, "role": "staff", "kid": "k1",
            "gen": 1, "iat": NOW, "exp": NOW + 900, "nbf": NOW })
}

fn with(mut base: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => drop(base.as_object_mut().expect("it is an object").remove(name)),
        value => base[name] = value,
    }
    base
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Signs whatever it is given, with the key that is trusted.
fn signed(header: &str, claims: &str) -> String {
    let key = SigningKey::from_bytes(&root().derive("jwt/k1"));
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

fn refused(token: &str) -> &'static str {
    let fault = keys().verify(token, now()).expect_err(token);
    assert_eq!(fault.kind(), Kind::Unauthenticated);
    fault.code().name
}

fn assert_invalid(token: &str) {
    assert_eq!(refused(token), "auth.token_invalid", "{token}");
}

#[test]
fn the_token_from_which_the_others_differ_is_good() {
    let token = signed(&header().to_string(), &claims().to_string());

    let read = keys().verify(&token, now()).expect("it is good");

    assert_eq!((read.role, read.r#gen), (Role::Staff, 1));
}

#[test]
fn a_key_that_no_longer_signs_is_still_believed() {
    let old = Keys::derive(&root(), &["k0".into()], LIFETIMES).expect("there is a name");
    let read = keys().verify(&token_of(&old), now()).expect("it is good");
    assert_eq!(read.kid, "k0");

    let other = Keys::derive(&RootKey::new([8; 32]), &["k1".into()], LIFETIMES);
    assert_invalid(&token_of(&other.expect("there is a name")));
}

fn token_of(keys: &Keys) -> String {
    let claims = with(claims(), "kid", keys.published(now())[0].kid.clone().into());
    keys.sign(&serde_json::from_value(claims).expect("these are claims")).expect("it is signed")
}

#[test]
fn a_key_signs_from_its_time_on_and_is_believed_until_its_time() {
    let at = |seconds: i64| Timestamp::from_second(NOW + seconds).expect("it is a time");
    let name = |kid: &str, signs_from, verifies_until| NamedKey {
        kid: kid.into(),
        created_at: at(0),
        signs_from,
        verifies_until,
    };
    let names = vec![name("new", at(10), None), name("old", at(-99), Some(at(960)))];
    let keys = Keys::named(&root(), names, LIFETIMES).expect("there are names");
    let kids = |now| keys.published(now).into_iter().map(|key| key.kid).collect::<Vec<_>>();
    let issued = |now| keys.issue(opened(at(10_000)), now).expect("it is issued");

    let (before, after) = (issued(at(9)), issued(at(10)));

    let kid = |pair: &Pair, now| keys.verify(pair.access.expose(), now).map(|claims| claims.kid);
    assert_eq!(kid(&before, at(900)).expect("it is good"), "old");
    assert_eq!(kid(&after, at(900)).expect("it is good"), "new");
    assert_eq!(kids(at(959)), ["new", "old"]);
    assert_eq!(kids(at(960)), ["new"]);
    let claims = with(with(claims(), "kid", "old".into()), "exp", (NOW + 5_000).into());
    let token = keys.sign(&serde_json::from_value(claims).expect("claims")).expect("it is signed");
    assert!(keys.verify(&token, at(959)).is_ok());
    assert!(keys.verify(&token, at(960)).is_err(), "its key is no longer believed");
    assert!(keys.lacks_key_of(&token_of(&super::tests::keys())), "k1 is none of these");
}

#[test]
fn only_our_algorithm_kind_and_keys_are_taken() {
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("None")),
        ("alg", json!("HS256")),
        ("alg", json!("ES256")),
        ("alg", json!("RS256")),
        ("alg", json!("eddsa")),
        ("alg", Value::Null),
        ("alg", json!(["EdDSA"])),
        ("typ", json!("JWT")),
        ("typ", json!("refresh+jwt")),
        ("typ", Value::Null),
        ("kid", json!("k2")),
        ("kid", json!("../k1")),
        ("kid", json!("k1' OR 1=1")),
        ("kid", json!("")),
        ("kid", json!(1)),
        ("kid", Value::Null),
        ("crit", json!(["exp"])),
        ("crit", json!([])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("enc", json!("A128GCM")),
    ] {
        let header = with(header(), name, value);
        assert_invalid(&signed(&header.to_string(), &claims().to_string()));
    }
}

#[test]
fn a_public_key_used_as_a_shared_secret_opens_nothing() {
    let header = with(header(), "alg", "HS256".into()).to_string();
    let message = format!("{}.{}", encode(&header), encode(&claims().to_string()));
    for secret in [keys().published(now())[0].bytes.to_vec(), b"k1".to_vec(), Vec::new()] {
        let mac = sayso_kernel::secret::hmac_sha256(&secret, &[message.as_bytes()]);
        assert_invalid(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(mac)));
    }
}

#[test]
fn a_key_that_comes_with_the_token_is_never_used() {
    let mine = SigningKey::from_bytes(&[9; 32]);
    let x = URL_SAFE_NO_PAD.encode(mine.verifying_key().to_bytes());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k1", "alg": "EdDSA" });
    for (name, value) in [
        ("jwk", jwk),
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("x5c", json!([x])),
    ] {
        for kid in ["k1", "mine"] {
            let header = with(with(header(), name, value.clone()), "kid", kid.into()).to_string();
            let message = format!("{}.{}", encode(&header), encode(&claims().to_string()));
            let signature = URL_SAFE_NO_PAD.encode(mine.sign(message.as_bytes()).to_bytes());
            assert_invalid(&format!("{message}.{signature}"));
        }
    }
}

#[test]
fn every_claim_is_needed_in_its_own_type_and_for_us() {
    for name in ["kid", "iss", "aud", "sub", "sid", "role", "gen", "iat", "exp", "nbf"] {
        for value in [Value::Null, json!(true), json!({}), json!([]), json!("x"), json!(1.5)] {
            let claims = with(claims(), name, value);
            assert_invalid(&signed(&header().to_string(), &claims.to_string()));
        }
    }
    for (name, value) in [
        ("iss", json!("sayso ")),
        ("iss", json!(["sayso"])),
        ("aud", json!("sayso-web")),
        ("aud", json!(["sayso-api", "other"])),
        ("role", json!("CEO")),
        ("exp", json!((NOW + 900).to_string())),
        ("exp", json!(1e300)),
        ("exp", json!(u64::MAX)),
        ("gen", json!(i64::MAX)),
    ] {
        let claims = with(claims(), name, value);
        assert_invalid(&signed(&header().to_string(), &claims.to_string()));
    }
}

#[test]
fn a_claim_or_a_header_that_comes_twice_is_refused() {
    let twice = |object: Value, again: &str| {
        let text = object.to_string();
        format!("{},{again}}}", text.strip_suffix('}').expect("it is an object"))
    };
    let claims = claims();

    assert_invalid(&signed(&header().to_string(), &twice(claims.clone(), "\"exp\":9999999999")));
    assert_invalid(&signed(&twice(header(), "\"alg\":\"none\""), &claims.to_string()));
}

#[test]
fn times_are_held_to_the_second_and_clocks_may_differ_by_a_minute() {
    let at = |exp: i64, nbf: i64, iat: i64| {
        let claims = with(with(claims(), "exp", exp.into()), "nbf", nbf.into());
        signed(&header().to_string(), &with(claims, "iat", iat.into()).to_string())
    };

    assert!(keys().verify(&at(NOW + 1, NOW, NOW), now()).is_ok());
    assert_eq!(refused(&at(NOW, NOW - 900, NOW - 900)), "auth.token_expired");
    assert_eq!(refused(&at(0, 0, 0)), "auth.token_expired");
    assert_invalid(&at(-1, -1, -1));
    assert!(keys().verify(&at(NOW + 900, NOW + 60, NOW + 60), now()).is_ok());
    assert_invalid(&at(NOW + 900, NOW + 61, NOW));
    assert_invalid(&at(NOW + 900, NOW, NOW + 61));
}

#[test]
fn an_altered_token_is_refused_wherever_it_was_altered() {
    let token = signed(&header().to_string(), &claims().to_string());
    for at in 0..token.len() {
        let mut altered = token.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("ASCII stays ASCII");
        assert_invalid(&altered);
    }
}

#[test]
fn what_has_not_three_parts_is_no_token() {
    let token = signed(&header().to_string(), &claims().to_string());
    let (message, signature) = token.rsplit_once('.').expect("it has parts");
    for text in [
        String::new(),
        "..".into(),
        "a.b.c".into(),
        message.to_owned(),
        format!("{message}."),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        "a".repeat(LEN_MAX + 1),
        format!("{message}.{}", "A".repeat(86)),
        format!("{message}.{}", "A".repeat(LEN_MAX)),
    ] {
        assert_invalid(&text);
    }
}

#[test]
fn a_signature_has_one_form() {
    let token = signed(&header().to_string(), &claims().to_string());
    let (message, signature) = token.rsplit_once('.').expect("it has parts");
    let mut bytes = URL_SAFE_NO_PAD.decode(signature).expect("it is base64");
    // S + L verifies wherever S is not held below L, the order of the group.
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0_u16;
    for (byte, add) in bytes[32..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }

    assert_invalid(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(bytes)));
}

#[test]
fn an_access_token_does_not_outlive_its_session() {
    let session_expires_at = Timestamp::from_second(NOW + 100).expect("it is a time");
    let opened = opened(session_expires_at);

    let pair = keys().issue(opened, now()).expect("it is issued");

    assert_eq!(pair.expires_in, Duration::from_secs(100));
    let read = keys().verify(pair.access.expose(), now()).expect("it is good");
    assert_eq!(read.exp, NOW + 100);
}

fn opened(session_expires_at: Timestamp) -> Opened {
    let user = sayso_users::User {
        id: UserId(uuid::Uuid::nil()),
        email: None,
        name: "Ann".into(),
        role: Role::Ceo,
        manager_id: None,
        active: true,
        status_text: None,
        time_zone: "UTC".into(),
        last_active_at: None,
        metadata: sayso_users::Metadata::default(),
        password_change_due: false,
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
        version: 1,
        revision: 1,
    };
    Opened {
        session_id: SessionId(uuid::Uuid::nil()),
        session_expires_at,
        user,
        refresh: crate::refresh::RefreshToken::new(&sayso_kernel::Random::seeded(1)),
        generation: 1,
    }
}
