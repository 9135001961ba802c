//! What a walk does, one step after the other: a plan is its seed and its
//! length.
//!
//! A fault and its end are steps of their own. What is away stays away for some
//! steps, in which everybody goes on; a node that is killed is alone in that,
//! but Redis may be away with it.

use sayso_kernel::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Write,
    Edit,
    Withdraw,
    /// A task is made,
    Make,
    /// has another title or is further on,
    Work,
    /// and is deleted.
    Drop,
    /// A channel has another name.
    Rename,
    LetIn,
    Remove,
    Leave,
    Return,
    /// One of the two nodes, while it is at work.
    KillNode(usize),
    /// It begins to start, and nobody waits for it.
    StartNode(usize),
    /// It is ready, and people use it again.
    UseNode(usize),
    KillRedis,
    StartRedis,
    HangRedis,
    WakeRedis,
    EmptyRedis,
    Pause,
}

/// A step that is due, and since when.
type Due = (usize, Step);

/// However short a walk is, it meets each fault, the first time from this step
/// on; others come after all of these. The first node to die dies without Redis.
const CERTAIN: [Due; 6] = [
    (6, Step::Leave),
    (10, Step::KillRedis),
    (12, Step::KillNode(0)),
    (28, Step::EmptyRedis),
    (30, Step::HangRedis),
    (33, Step::KillNode(1)),
];

pub fn plan(seed: u64, steps: usize) -> Vec<Step> {
    let random = Random::seeded(seed);
    let (mut due, mut certain) = (Vec::<Due>::new(), CERTAIN.iter().peekable());
    let mut plan = Vec::new();
    for n in 0..steps {
        let drawn = draw(&random);
        let step = if let Some(place) = due.iter().position(|(at, _)| *at <= n) {
            due.remove(place).1
        } else if let Some((_, step)) = certain.next_if(|(at, step)| *at <= n && may(*step, &due)) {
            *step
        } else if is_fault(drawn) && (certain.peek().is_some() || !may(drawn, &due)) {
            Step::Write
        } else {
            drawn
        };
        come_back(n, step, &random, &mut due);
        plan.push(step);
    }
    plan
}

/// Most of what happens is work.
fn draw(random: &Random) -> Step {
    match random.below(100) {
        0..28 => Step::Write,
        28..39 => Step::Edit,
        39..44 => Step::Withdraw,
        44..52 => Step::Make,
        52..60 => Step::Work,
        60..63 => Step::Drop,
        63..66 => Step::Rename,
        66..73 => Step::LetIn,
        73..80 => Step::Remove,
        80..85 => Step::Leave,
        85..90 => Step::Return,
        90 => Step::KillNode(0),
        91 => Step::KillNode(1),
        92..94 => Step::KillRedis,
        94..96 => Step::HangRedis,
        96..98 => Step::EmptyRedis,
        _ => Step::Pause,
    }
}

const fn is_fault(step: Step) -> bool {
    is_of_a_node(step) || is_of_redis(step)
}

const fn is_of_a_node(step: Step) -> bool {
    matches!(step, Step::KillNode(_) | Step::StartNode(_) | Step::UseNode(_))
}

const fn is_of_redis(step: Step) -> bool {
    matches!(
        step,
        Step::KillRedis | Step::StartRedis | Step::HangRedis | Step::WakeRedis | Step::EmptyRedis
    )
}

/// Whether what a step needs is there: Redis, or both nodes.
fn may(step: Step, due: &[Due]) -> bool {
    let mut away = due.iter().map(|(_, back)| *back);
    match step {
        _ if is_of_a_node(step) => !away.any(is_of_a_node),
        _ if is_of_redis(step) => !away.any(is_of_redis),
        _ => true,
    }
}

/// Notes how and when what is away after a step comes back.
fn come_back(n: usize, step: Step, random: &Random, due: &mut Vec<Due>) {
    let later = |least: usize| n + least + usize::try_from(random.below(6)).unwrap();
    match step {
        Step::KillNode(node) => {
            let started = later(4);
            due.push((started, Step::StartNode(node)));
            due.push((started + 3, Step::UseNode(node)));
        }
        Step::KillRedis => due.push((later(4), Step::StartRedis)),
        Step::HangRedis => due.push((later(4), Step::WakeRedis)),
        _ => {}
    }
}

#[test]
fn a_plan_is_its_seed_and_a_shorter_one_begins_alike() {
    assert_eq!(plan(7, 60), plan(7, 60));
    assert_ne!(plan(7, 60), plan(8, 60));
    assert!(plan(7, 600).starts_with(&plan(7, 60)));
}

/// What is wrong with a plan, in words.
#[cfg(test)]
fn wrong(plan: &[Step]) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut node, mut redis) = (None, None);
    for (n, step) in plan.iter().enumerate() {
        let is_right = match *step {
            Step::KillNode(which) => node.replace((which, n)).is_none(),
            Step::StartNode(which) => node.is_some_and(|(away, at)| away == which && n >= at + 4),
            Step::UseNode(which) => {
                node.take().is_some_and(|(away, at)| away == which && n > at + 4)
            }
            Step::KillRedis | Step::HangRedis => redis.replace((*step, n)).is_none(),
            Step::StartRedis => {
                redis.take().is_some_and(|(how, at)| how == Step::KillRedis && n >= at + 4)
            }
            Step::WakeRedis => {
                redis.take().is_some_and(|(how, at)| how == Step::HangRedis && n >= at + 4)
            }
            Step::EmptyRedis => redis.is_none(),
            _ => true,
        };
        if !is_right {
            wrong.push(format!("step {n}, {step:?}"));
        }
    }
    let met = |fault: Step| plan.contains(&fault);
    wrong.extend(CERTAIN.iter().filter(|(_, it)| !met(*it)).map(|(_, it)| format!("no {it:?}")));
    wrong
}

#[test]
fn whatever_is_away_stays_away_for_some_steps_and_comes_back() {
    for seed in 1..=20 {
        assert_eq!(wrong(&plan(seed, 60)), [""; 0], "{seed}");
        assert_eq!(wrong(&plan(seed, 600)), [""; 0], "{seed}");
        let redis_is_away = |plan: &[Step]| {
            let last = plan.iter().rev().find(|step| is_of_redis(**step));
            matches!(last, Some(Step::KillRedis))
        };
        let plan = plan(seed, 60);
        let died = plan.iter().position(|step| *step == Step::KillNode(0)).unwrap();
        assert!(redis_is_away(&plan[..died]), "{seed}: a node died while Redis was there");
    }
}

#[test]
fn plans_in_which_nothing_goes_on_beside_a_fault_are_found() {
    let plan = plan(7, 60);
    let without = |is_left_out: fn(&Step) -> bool| -> Vec<Step> {
        plan.iter().copied().filter(|step| !is_left_out(step)).collect()
    };

    let is_return = |step: &Step| matches!(step, Step::StartNode(_) | Step::UseNode(_));
    assert_ne!(wrong(&without(is_return)), [""; 0]);
    assert_ne!(wrong(&without(|step| *step == Step::StartRedis)), [""; 0]);
    assert_ne!(wrong(&without(|step| *step == Step::EmptyRedis)), [""; 0]);
    assert_ne!(wrong(&without(|step| !is_fault(*step))), [""; 0]);
}
