//! Tokens that must not be believed, sent to the real server as requests and as
//! sockets; and the same list shown to a verifier that makes the old mistakes,
//! so that it is known to be a list of attacks and not of noise.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use reqwest::Method;
use sayso_kernel::secret::hmac_sha256;
use sayso_testkit::{Client, ProcessSetup, TestDatabase, read, root_key};
use serde_json::{Map, Value, json};

use crate::company::Company;

/// What whoever attacks has: a good token of their own, the public key, and
/// (for the forgeries that only a careless issuer could sign) the key itself.
struct Attacker {
    token: String,
    header: Value,
    claims: Value,
    signature: String,
    key: SigningKey,
    own: SigningKey,
}

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn signed(key: &SigningKey, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

fn with(base: &Value, name: &str, value: Value) -> Value {
    let mut changed = base.clone();
    match value {
        Value::Null => drop(changed.as_object_mut().expect("an object").remove(name)),
        value => changed[name] = value,
    }
    changed
}

impl Attacker {
    fn new(token: &str) -> Self {
        let parts: Vec<&str> = token.split('.').collect();
        let (header, claims) = (decode(parts[0]).expect("JSON"), decode(parts[1]).expect("JSON"));
        let kid = header["kid"].as_str().expect("a name").to_owned();
        let key = SigningKey::from_bytes(&root_key().derive(&format!("jwt/{kid}")));
        let own = SigningKey::from_bytes(&[9; 32]);
        let signature = parts[2].to_owned();
        Self { token: token.to_owned(), header, claims, signature, key, own }
    }

    fn of_header(&self, name: &str, value: Value) -> String {
        signed(&self.key, &with(&self.header, name, value).to_string(), &self.claims.to_string())
    }

    fn of_claim(&self, name: &str, value: Value) -> String {
        signed(&self.key, &self.header.to_string(), &with(&self.claims, name, value).to_string())
    }

    /// No key is needed for these.
    fn forged(&self) -> Vec<(&'static str, String)> {
        let claims = with(&self.claims, "role", json!("ceo")).to_string();
        let mut all = Vec::new();
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let header = with(&self.header, "alg", json!(alg)).to_string();
            all.push(("none", format!("{}.{}.", encode(&header), encode(&claims))));
            all.push((
                "none",
                format!("{}.{}.{}", encode(&header), encode(&claims), self.signature),
            ));
        }
        let public = self.key.verifying_key().to_bytes();
        for secret in [&public[..], STANDARD.encode(public).as_bytes(), b"", b"secret"] {
            let header = with(&self.header, "alg", json!("HS256")).to_string();
            let message = format!("{}.{}", encode(&header), encode(&claims));
            let mac = URL_SAFE_NO_PAD.encode(hmac_sha256(secret, &[message.as_bytes()]));
            all.push(("confused", format!("{message}.{mac}")));
        }
        let x = URL_SAFE_NO_PAD.encode(self.own.verifying_key().to_bytes());
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        for (name, value) in [
            ("jwk", jwk.clone()),
            ("jku", json!("https://evil.example/jwks.json")),
            ("x5u", json!("https://evil.example/cert.pem")),
            ("x5c", json!([x])),
        ] {
            for kid in [self.header["kid"].clone(), json!("mine")] {
                let header = with(&with(&self.header, name, value.clone()), "kid", kid);
                all.push(("own key", signed(&self.own, &header.to_string(), &claims)));
            }
        }
        for kid in ["../../../dev/null", "' OR 1=1 --", "", "k\u{0}", "/dev/null", "http://evil/"] {
            let header = with(&self.header, "kid", json!(kid)).to_string();
            all.push(("own kid", signed(&self.own, &header, &claims)));
            all.push(("kid", signed(&self.key, &header, &claims)));
        }
        all.push(("altered", {
            let message = format!("{}.{}", encode(&self.header.to_string()), encode(&claims));
            format!("{message}.{}", self.signature)
        }));
        all
    }

    /// Signed by the right key, and not for this.
    fn misused(&self) -> Vec<(&'static str, String)> {
        let now = self.claims["iat"].as_i64().expect("a number");
        let mut all = Vec::new();
        for (name, value) in [
            ("typ", json!("JWT")),
            ("typ", json!("refresh+jwt")),
            ("typ", Value::Null),
            ("crit", json!(["exp"])),
            ("b64", json!(false)),
            ("zip", json!("DEF")),
        ] {
            all.push(("kind", self.of_header(name, value)));
        }
        for (name, value) in [
            ("aud", json!("other-api")),
            ("aud", json!(["other-api"])),
            ("aud", Value::Null),
            ("iss", json!("https://evil.example")),
            ("iss", json!("sayso/")),
            ("iss", Value::Null),
            ("sub", json!("0190a5c0-0000-7000-8000-000000000000")),
            ("sub", Value::Null),
            ("sid", Value::Null),
            ("sid", json!("0190a5c0-0000-7000-8000-000000000000")),
            ("gen", json!(99)),
            ("kid", json!("other")),
            ("exp", json!(now - 1)),
            ("exp", json!(0)),
            ("exp", json!((now + 900).to_string())),
            ("exp", json!(1e300)),
            ("exp", json!(true)),
            ("exp", Value::Null),
            ("nbf", json!(now + 3600)),
            ("nbf", Value::Null),
            ("iat", json!(now + 86_400 * 365)),
            ("iat", Value::Null),
        ] {
            all.push(("claim", self.of_claim(name, value)));
        }
        all.extend(self.lookalikes());
        let twice = self.claims.to_string().replacen('{', "{\"exp\":9999999999,", 1);
        all.push(("twice", signed(&self.key, &self.header.to_string(), &twice)));
        all
    }

    /// What a reader who folds, trims or normalises takes for the right thing.
    fn lookalikes(&self) -> Vec<(&'static str, String)> {
        let issuer = self.claims["iss"].as_str().expect("a text");
        let renamed = {
            // A Cyrillic name in the place of the Latin one.
            let without = with(&self.claims, "exp", Value::Null);
            let claims = with(&without, "\u{435}\u{445}\u{440}", self.claims["exp"].clone());
            signed(&self.key, &self.header.to_string(), &claims.to_string())
        };
        let tokens = [
            self.of_header("alg", json!("\u{ff25}dDSA")),
            self.of_header("typ", json!("\u{430}t+jwt")),
            self.of_header("typ", json!("at+jwt\u{200b}")),
            self.of_claim("iss", json!(format!("{issuer}\u{301}"))),
            self.of_claim("iss", json!(format!("\u{feff}{issuer}"))),
            self.of_claim("aud", json!("s\u{430}yso-api")),
            renamed,
        ];
        tokens.into_iter().map(|token| ("lookalike", token)).collect()
    }

    /// What is no token, or spelled otherwise.
    fn mangled(&self) -> Vec<(&'static str, String)> {
        let whole = &self.token;
        let (message, signature) = whole.rsplit_once('.').expect("parts");
        let padded = STANDARD.encode(URL_SAFE_NO_PAD.decode(signature).expect("base64"));
        [
            String::from("."),
            "..".into(),
            "a.b.c".into(),
            message.into(),
            format!("{message}."),
            format!("{whole}."),
            format!("{whole}.{signature}"),
            format!("{whole}="),
            format!("{message}.{padded}"),
            whole[..whole.len() - 1].into(),
            whole.to_uppercase(),
            format!("{message}.{}", "A".repeat(86)),
            "A".repeat(5000),
            format!("{message}.{}", "A".repeat(5000)),
        ]
        .into_iter()
        .map(|token| ("mangled", token))
        .collect()
    }

    fn all(&self) -> Vec<(&'static str, String)> {
        [self.forged(), self.misused(), self.mangled()].concat()
    }
}

/// Believes the header, takes the key from the token, knows neither kinds nor
/// times nor audiences. Each of its mistakes has been somebody's.
fn weak(token: &str, public: &VerifyingKey) -> bool {
    let parts: Vec<&str> = token.split('.').collect();
    let [head, payload, signature] = parts[..] else { return false };
    let (Some(header), Some(_)) = (decode(head), decode(payload)) else { return false };
    let message = format!("{head}.{payload}");
    match header["alg"].as_str().unwrap_or_default().to_lowercase().as_str() {
        "none" | "" => true,
        "hs256" => {
            let mac = hmac_sha256(&public.to_bytes(), &[message.as_bytes()]);
            URL_SAFE_NO_PAD.encode(mac) == signature
        }
        _ => {
            let sent = header["jwk"]["x"].as_str().and_then(|x| URL_SAFE_NO_PAD.decode(x).ok());
            let sent =
                sent.and_then(|bytes| VerifyingKey::from_bytes(&bytes.try_into().ok()?).ok());
            let key = sent.unwrap_or(*public);
            let bytes = URL_SAFE_NO_PAD.decode(signature).ok();
            let signature =
                bytes.and_then(|bytes| ed25519_dalek::Signature::from_slice(&bytes).ok());
            signature.is_some_and(|signature| key.verify(message.as_bytes(), &signature).is_ok())
        }
    }
}

/// How a refusal to connect begins, when the token is why.
const REFUSED: &str = "44{\"message\":\"auth.";

/// What the server says to a socket that comes with the token.
async fn knock(url: &str, token: &str) -> String {
    let nobody = Client::anonymous(url);
    let path = "/socket.io/?EIO=4&transport=polling";
    let opened = nobody.get(path).await;
    let opened: Value = serde_json::from_str(&opened.text[1..]).unwrap();
    let path = format!("{path}&sid={}", opened["sid"].as_str().unwrap());
    let hello = format!("40{}", json!({ "token": token }));
    read(nobody.request(Method::POST, &path).body(hello)).await.unwrap();
    let mut told = nobody.get(&path).await.text;
    if told == "2" {
        // A ping may come before the answer.
        told = nobody.get(&path).await.text;
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn no_attack_comes_in_and_a_careless_verifier_would_let_many() {
    let database = TestDatabase::new().await;
    let company = Company::found(ProcessSetup::on(&database)).await;
    let url = company.server.url();
    let good = company.ann.login["accessToken"].as_str().unwrap();
    let attacker = Attacker::new(good);
    let me = async |token: &str| {
        let request = Client::anonymous(&url).request(Method::GET, "/api/auth/me");
        read(request.bearer_auth(token)).await.unwrap()
    };
    assert_eq!(me(good).await.status, 200);
    assert!(knock(&url, good).await.contains("\"sid\""));

    let (mut believed, attacks) = (Map::new(), attacker.all());
    for (kind, token) in &attacks {
        let reply = me(token).await;
        assert_eq!(reply.status, 401, "{kind}: {token}: {}", reply.text);
        let told = knock(&url, token).await;
        let refusal = told.split('\u{1e}').any(|said| said.starts_with(REFUSED));
        assert!(refusal && !told.contains("40{"), "{kind}: {token}: {told}");
        if weak(token, &attacker.key.verifying_key()) {
            let count = believed.get(*kind).and_then(Value::as_i64).unwrap_or(0);
            believed.insert((*kind).to_owned(), json!(count + 1));
        }
    }

    assert!(attacks.len() >= 60, "{}", attacks.len());
    for kind in ["none", "confused", "own key", "kid", "kind", "claim", "lookalike", "twice"] {
        assert!(believed.contains_key(kind), "{kind} is no attack: {believed:?}");
    }
    assert_eq!(me(good).await.status, 200, "and the good one still is");
}
