//! What is to be done: tasks of a channel, told again with other words in the
//! braces.

/// A task: its channel, title, description and tags.
pub(super) type Work = (&'static str, &'static str, &'static str, &'static [&'static str]);

pub(super) const WORK: &[Work] = &[
    (
        "engineering",
        "Make {part} quick on old phones",
        "It should be there within 300 ms on a phone of 2018. Measure before and after.",
        &["app", "speed"],
    ),
    (
        "engineering",
        "Remove the last of the old code behind {part}",
        "Nothing calls it any more.",
        &["clean-up"],
    ),
    (
        "engineering",
        "Test {part} across the change of clocks",
        "Spring and autumn, and in time zones that have neither.",
        &["test"],
    ),
    ("engineering", "Say in plain words what is wrong when {part} fails", "", &["app", "words"]),
    (
        "engineering",
        "Let {part} work without a connection",
        "Show what was known last, and say how old it is.",
        &["app", "offline"],
    ),
    (
        "releases",
        "Write the release notes for {part}",
        "Three sentences, no jargon.",
        &["release", "words"],
    ),
    ("releases", "Watch {part} for a day after the rollout", "", &["release"]),
    (
        "releases",
        "Prepare the way back for {part}",
        "What do we do when it has to be taken back?",
        &["release", "risk"],
    ),
    (
        "hardware",
        "Order boards for {place}",
        "Ask two makers, compare with the last price.",
        &["order"],
    ),
    (
        "hardware",
        "Test the seal for {customer}",
        "Two days on its head, then open it.",
        &["test", "seal"],
    ),
    (
        "hardware",
        "Send ten sensors to {customer}",
        "With the printed guide in their language.",
        &["order"],
    ),
    ("hardware", "Find out why sensors in {place} lose their connection", "", &["radio", "bug"]),
    ("hardware", "Repair the test bed in {place}", "The pump drips.", &["workshop"]),
    (
        "design",
        "Sketch {part} for people who see few colours",
        "Patterns besides the colours.",
        &["access"],
    ),
    (
        "design",
        "Watch five people use {part}",
        "Say nothing, write down where they stop.",
        &["research"],
    ),
    ("design", "Draw {part} anew for small screens", "", &["app"]),
    ("marketing", "Write about {customer}", "Honest, short, with one good picture.", &["words"]),
    (
        "marketing",
        "Take pictures in {place}",
        "Morning light. Ask the gardeners first.",
        &["pictures"],
    ),
    (
        "marketing",
        "Translate the page on {part} into Spanish and Japanese",
        "日本語は美咲さんに相談。",
        &["words"],
    ),
    (
        "marketing",
        "Plan the evening in {place}",
        "Thirty people, a long table, no speeches.",
        &["event"],
    ),
    ("customers", "Call {customer} about the coming year", "Ask first, offer second.", &["call"]),
    ("customers", "Visit {customer}", "Bring a spare sensor and two hours of time.", &["visit"]),
    ("customers", "Find out what {customer} needs from us in winter", "", &["research"]),
    ("care", "Answer the letters about {part}", "And add the answer to the help.", &["letters"]),
    ("care", "Write a help page for {part}", "With pictures, in simple words.", &["help", "words"]),
    ("care", "Replace the sensors of {customer}", "On the house.", &["return"]),
    ("care", "Ring {customer} back", "They asked for the morning.", &["call"]),
    ("garden-fair", "Agree with {customer} on plants for the stand", "", &["fair"]),
    (
        "garden-fair",
        "Print seed papers in {place}",
        "Recycled paper, one colour.",
        &["fair", "order"],
    ),
    ("leadership", "Decide on {part} for the next quarter", "", &["plan"]),
    ("leadership", "Look at the numbers of {place}", "Rent, people, what came in.", &["plan"]),
    ("hiring", "Talk to the applicants from {place}", "", &["people"]),
    ("everybody", "Read the new house rules for {place}", "Two pages.", &["house"]),
    ("kitchen", "Bring a plant from {place}", "For the windowsill.", &["house"]),
];

/// Tasks that belong to no channel.
pub(super) const OWN: &[&str] = &[
    "Book the train to {place}",
    "Send {customer} a card",
    "Read up on {part}",
    "Clear out my desk before moving to {place}",
];
