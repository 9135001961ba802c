//! Who hears that a task waits, and that it can go on.

use sayso_access::Role;
use sayso_notifications::Notification;
use sayso_notifications::model::Topic;
use sayso_tasks::status::Status;

use crate::company::Company;

/// What somebody was told of flips, the first first.
fn flips(told: &[Notification]) -> Vec<(Topic, &str)> {
    let is_flip = |it: &&Notification| matches!(it.topic, Topic::Blocked | Topic::Unblocked);
    let flips = told.iter().rev().filter(is_flip);
    flips.map(|it| (it.topic, it.body.as_str())).collect()
}

#[tokio::test]
async fn the_people_of_a_task_hear_that_it_waits_and_that_it_can_go_on_but_not_who_did_it() {
    let company = Company::new().await;
    let ada = company.person("ada", Role::Ceo).await;
    let bob = company.person("bob", Role::Staff).await;
    let cat = company.person("cat", Role::Staff).await;
    let cake = company.task(&bob, "Eat the cake", &[&cat, &ada], None).await;
    let order = company.task(&ada, "Order the cake", &[], None).await;
    let bake = company.task(&ada, "Bake the cake", &[], None).await;
    let step = async || {
        company.stage.advance(std::time::Duration::from_secs(1));
        company.work().await;
    };

    company.wait_for(&ada, cake, &[order], true).await;
    step().await;
    // One more changes nothing.
    company.wait_for(&ada, cake, &[bake], true).await;
    step().await;
    company.wait_for(&ada, cake, &[order], false).await;
    step().await;
    company.wait_for(&ada, cake, &[bake], false).await;
    step().await;
    // What it waits for is finished, and opened again.
    company.wait_for(&ada, cake, &[order], true).await;
    step().await;
    company.turn(&ada, order, Status::Done).await;
    step().await;
    company.turn(&ada, order, Status::Todo).await;
    step().await;

    let expected =
        [Topic::Blocked, Topic::Unblocked, Topic::Blocked, Topic::Unblocked, Topic::Blocked];
    let expected = expected.map(|topic| (topic, "Eat the cake"));
    for person in [&bob, &cat] {
        let told = company.told(person).await;
        assert_eq!(flips(&told), expected);
        let resource = told[0].resource.as_ref().map(|to| (to.kind.as_str(), to.id));
        assert_eq!(resource, Some(("task", cake.0)));
    }
    assert_eq!(company.told(&bob).await[0].title, "A task of yours waits for another one");
    assert_eq!(flips(&company.told(&ada).await), [], "she did it, and her other tasks do not wait");
    company.end().await;
}
