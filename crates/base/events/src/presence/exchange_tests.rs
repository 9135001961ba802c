//! Two nodes that tell each other who is there, over a line that loses.

use sayso_access::UserId;
use sayso_kernel::Timestamp;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::exchange::{ASK_EVERY, BEAT_EVERY, GONE_AFTER, NodeId, Word};
use super::{News, Presence, Status};

const ANN: UserId = UserId(Uuid::from_u128(1));
const HERE: NodeId = Uuid::from_u128(100);
const THERE: NodeId = Uuid::from_u128(200);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).expect("it is a time")
}

/// Two nodes, and the line from the second to the first.
struct Two {
    here: Presence,
    there: Presence,
    line: mpsc::Receiver<Word>,
    /// The stream that tells of whoever is at the second.
    circle: &'static str,
}

impl Two {
    fn new() -> Self {
        let (here, there) = (Presence::default(), Presence::default());
        let line = there.outgoing();
        let _unheard = here.outgoing();
        let mut two = Self { here, there, line, circle: "channel:1" };
        two.talk(0);
        two
    }

    /// Lets the second say what it has to say, and answer what it is asked.
    fn talk(&mut self, now: i64) {
        for _ in 0..2 {
            self.there.exchange(at(now), |_| Some(vec![self.circle.to_owned()]));
            while let Ok(word) = self.line.try_recv() {
                if let Some(asked) = self.here.hear(HERE, THERE, word, at(now)) {
                    self.there.hear(THERE, HERE, asked, at(now));
                }
            }
        }
    }

    fn news(&self) -> Vec<(Status, Status)> {
        let news = self.here.news(|user| self.here.circle_elsewhere(user).is_some());
        news.iter().map(|News { was, is, .. }| (*was, is.status)).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_is_online_while_a_device_is_connected_to_any_node() {
    let mut two = Two::new();

    two.there.connected(ANN, 1, at(1));
    two.talk(1);
    assert_eq!(two.news(), [(Status::Offline, Status::Online)]);
    assert_eq!(two.here.circle_elsewhere(ANN), Some(vec!["channel:1".to_owned()]));
    two.here.connected(ANN, 7, at(2));
    two.there.disconnected(ANN, 1, at(3));
    two.talk(3);
    assert_eq!(two.news(), []);
    two.here.disconnected(ANN, 7, at(4));

    assert_eq!(two.news(), [(Status::Online, Status::Offline)]);
}

#[tokio::test(start_paused = true)]
async fn whoever_moves_while_connected_is_told_of_on_the_new_streams_elsewhere() {
    let mut two = Two::new();
    two.there.connected(ANN, 1, at(1));
    two.talk(1);
    two.news();

    two.circle = "channel:2";
    two.talk(2);
    assert_eq!(two.here.circle_elsewhere(ANN), Some(vec!["channel:1".to_owned()]));
    two.there.moved(ANN);
    two.talk(3);

    assert_eq!(two.here.circle_elsewhere(ANN), Some(vec!["channel:2".to_owned()]));
    // It was no news of how she is.
    assert_eq!(two.news(), []);
}

#[tokio::test(start_paused = true)]
async fn what_was_said_last_counts_wherever_it_was_said() {
    let mut two = Two::new();
    two.here.connected(ANN, 7, at(1));
    two.there.connected(ANN, 1, at(1));

    two.there.say(ANN, Status::Busy, at(2));
    two.talk(2);
    assert_eq!(two.here.seen(ANN).status, Status::Busy);
    two.here.say(ANN, Status::Online, at(3));

    assert_eq!(two.here.seen(ANN).status, Status::Online);
}

#[tokio::test(start_paused = true)]
async fn what_was_lost_on_the_way_is_asked_for() {
    let mut two = Two::new();
    two.there.connected(ANN, 1, at(1));
    two.there.exchange(at(1), |_| Some(Vec::new()));
    while two.line.try_recv().is_ok() {}
    assert!(!two.here.is_online(ANN));

    tokio::time::advance(BEAT_EVERY).await;
    two.talk(3);
    tokio::time::advance(ASK_EVERY).await;
    two.talk(4);

    assert!(two.here.is_online(ANN));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_only_just_coming_in_is_told_of_when_it_is_known_to_whom() {
    let mut two = Two::new();
    two.there.connected(ANN, 1, at(1));
    tokio::time::advance(ASK_EVERY).await;
    two.there.hear(THERE, HERE, Word::Ask { of: THERE }, at(1));

    two.there.exchange(at(1), |_| None);
    two.talk(2);

    assert_eq!(two.here.circle_elsewhere(ANN), Some(vec!["channel:1".to_owned()]));
    assert_eq!(two.news(), [(Status::Offline, Status::Online)]);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_just_coming_back_while_everything_is_told_anew_is_not_left_out_for_ever() {
    let mut two = Two::new();
    two.there.connected(ANN, 1, at(1));
    two.talk(1);
    assert!(two.here.is_online(ANN));
    // Another device, before anybody knows to whom that is told.
    two.there.disconnected(ANN, 1, at(2));
    two.there.connected(ANN, 2, at(2));
    tokio::time::advance(ASK_EVERY).await;
    two.there.hear(THERE, HERE, Word::Ask { of: THERE }, at(2));
    two.there.exchange(at(2), |_| None);

    two.talk(3);

    assert!(two.here.is_online(ANN));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_away_for_the_moment_in_which_everything_is_told_is_told_of_when_they_are_back()
{
    let mut two = Two::new();
    two.there.connected(ANN, 1, at(1));
    two.talk(1);
    two.there.disconnected(ANN, 1, at(2));
    tokio::time::advance(ASK_EVERY).await;
    two.there.hear(THERE, HERE, Word::Ask { of: THERE }, at(2));
    two.there.exchange(at(2), |_| None);
    // As she was before: of that alone nobody would have to be told.
    two.there.connected(ANN, 2, at(3));

    two.talk(3);

    assert!(two.here.is_online(ANN));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_heard_any_more_takes_its_people_with_it() {
    let mut two = Two::new();
    two.there.connected(ANN, 1, at(1));
    two.talk(1);
    assert_eq!(two.news().len(), 1);

    tokio::time::advance(GONE_AFTER - BEAT_EVERY).await;
    two.here.exchange(at(8), |_| None);
    assert!(two.here.is_online(ANN));
    tokio::time::advance(BEAT_EVERY * 2).await;
    two.here.exchange(at(10), |_| None);

    assert_eq!(two.news(), [(Status::Online, Status::Offline)]);
}
