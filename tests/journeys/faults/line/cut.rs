//! Lines to two nodes that are cut in the middle of what they carry.

use sayso_kernel::Random;
use sayso_testkit::{Weather, until};

use super::scene::{Scene, Stage};
use super::{SOON, rounds};

/// The line to one node after the other is cut somewhere.
async fn cut(scene: &Scene, round: usize, random: &Random) {
    let line = &scene.lines[round % 2];
    let before = line.fired();
    line.set(Weather::CutAfter(200 + u64::from(random.below(8_000))));
    let is_cut = async || (line.fired() > before).then_some(());
    until(&format!("cut {round}"), SOON, is_cut).await;
}

/// Again and again, also while somebody is just coming back.
async fn cut_at_any_time(scene: &Scene) {
    let random = Random::seeded(27);
    for round in 0..rounds(8, 200) {
        cut(scene, round, &random).await;
    }
}

/// So often, and whoever lost their line comes back before the next time: a
/// client of Python whose handshake is cut may never try again.
async fn cut_and_wait(scene: &Scene, count: usize) {
    let random = Random::seeded(16);
    for round in 0..count {
        cut(scene, round, &random).await;
        scene.until_here().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_and_polls_that_are_cut_in_the_middle_lose_nothing() {
    let scene = Scene::set(&Stage { python: 0, ..Stage::default() }).await;

    let verdict = scene.judged("lines cut at any time", 27, cut_at_any_time).await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_to_two_nodes_are_cut_in_the_middle_and_no_client_of_either_library_loses_anything() {
    let (js, python) = (rounds(8, 24), rounds(4, 8));
    let scene = Scene::set(&Stage { js, python, settings: &[], ..Stage::default() }).await;

    let verdict = scene
        .judged("lines cut in the middle", 15, async |scene| {
            cut_and_wait(scene, rounds(12, 120)).await;
        })
        .await;

    assert!(verdict.is_clean(), "{verdict:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_do_not_replay_are_convicted_when_their_lines_are_cut() {
    let stage = Stage { js: 8, python: 4, settings: &[], is_broken: true, ..Stage::default() };
    let scene = Scene::set(&stage).await;

    let verdict =
        scene.judged("lines cut, no replay", 15, async |scene| cut_and_wait(scene, 16).await).await;

    assert!(verdict.lost_events > 0, "{verdict:#?}");
    assert_eq!(verdict.lost_writes, 0, "{verdict:#?}");
}
