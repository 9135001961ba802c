//! What they say: short conversations, told again with other words in the
//! braces. The number of a line says who of the channel speaks; `@1` names
//! the second of them.

/// Words for `{part}`, `{customer}` and `{place}`.
pub(super) const PARTS: &[&str] = &[
    "the pairing screen",
    "the watering plan",
    "the moisture graph",
    "the weekly letter",
    "the frost alarm",
    "the plant library",
    "the sign-up page",
    "the firmware update",
    "the battery gauge",
    "the spreadsheet export",
];
pub(super) const CUSTOMERS: &[&str] = &[
    "Gärtnerei Blum",
    "Jardins d’Été",
    "Kew Allotments",
    "Huerta Peña",
    "緑園",
    "Ogród Zielony",
    "Bahçe Evi",
    "Viveiros São Roque",
    "Hagen & Sønn",
    "Green Lane School",
];
pub(super) const PLACES: &[&str] = &[
    "Lisboa",
    "Kraków",
    "Malmö",
    "Århus",
    "Bilbao",
    "京都",
    "Graz",
    "Galway",
    "Zürich",
    "Timișoara",
];

/// A conversation of a channel.
pub(super) struct Talk {
    pub(super) channel: &'static str,
    pub(super) lines: &'static [(usize, &'static str)],
}

macro_rules! talks {
    ($($channel:literal: [$($who:literal $line:literal)+])+) => {
        &[$(Talk { channel: $channel, lines: &[$(($who, $line)),+] }),+]
    };
}

pub(super) const TALKS: &[Talk] = talks![
    "everybody": [
        0 "{customer} has signed for another year. Well done, all who answered their letters."
        1 "Wonderful! They were not easy to keep."
        2 "Cake is in the kitchen 🎂"
    ]
    "everybody": [
        0 "A reminder: the office in {place} is closed on Friday."
        1 "Noted. I will take the calls from home."
    ]
    "everybody": [
        0 "This month’s letter is out. In short: {n} new gardens, fewer returns, and {part} is what people like most."
        1 "Who would have thought that of {part}…"
        2 "I would have!"
    ]
    "everybody": [
        0 "The all-hands is at two. Questions go here, please."
        1 "Will we be at the fair in {place}?"
        0 "Yes, with a stand of our own this time."
    ]
    "kitchen": [
        0 "Somebody left a green umbrella by the door."
        1 "Mine! Thank you, it is my grandmother’s."
    ]
    "kitchen": [
        0 "Soup today, or the noodles around the corner?"
        1 "Noodles."
        2 "Noodles, but quick: I have a call with {place} at one."
        0 "Noodles it is 🍜"
    ]
    "kitchen": [
        0 "The coffee machine blinks again."
        1 "Turn it off, count to ten, turn it on."
        0 "Counted to ten. It works. You are a wizard."
    ]
    "kitchen": [
        0 "There are {n} tomatoes from our test bed on the table. Help yourselves."
        1 "Sensor-approved tomatoes taste better, I swear."
    ]
    "engineering": [
        0 "{part} is slow on old phones. I measured {n} ms for the first paint."
        1 "Is that with the new list?"
        0 "Yes. Without it, a third of that."
        1 "Then I know what it is. @0 give me until tomorrow."
    ]
    "engineering": [
        0 "Could somebody look at my change to {part}? It is small, promised."
        1 "Looking."
        1 "Two questions, otherwise fine. I like how little is left of the old code."
    ]
    "engineering": [
        0 "The nightly tests failed on {part}."
        1 "That was me: I changed how hours are rounded. Fixed in a minute."
        2 "Please add a case for the day the clocks change, while you are there."
        1 "Good idea, done."
    ]
    "engineering": [
        0 "We got {n} crash reports from {customer} last night, all the same line."
        1 "Empty garden, no sensor paired yet?"
        0 "Exactly that. How did you know?"
        1 "Because I forgot it last year too 🙈"
    ]
    "engineering": [
        0 "Proposal: we stop supporting the protocol of 2019. {n} sensors still speak it."
        1 "Who has them?"
        0 "{customer}, mostly."
        2 "I would rather ask them first than surprise them."
    ]
    "releases": [
        0 "3.{n} goes out on Tuesday: {part}, and a dozen small things."
        1 "Release notes are in the tasks. @0 please read them once more."
        0 "Read. One typo, otherwise good."
        2 "We are ready for the letters."
    ]
    "releases": [
        0 "I am stopping the rollout of 3.{n} at ten percent: {part} loses its settings."
        1 "Ouch. Is anything gone for good?"
        0 "No, it comes back after a restart. The fix is being tested."
        2 "I will tell those who wrote to us."
    ]
    "releases": [
        0 "3.{n} is out everywhere. No surprises so far."
        1 "The best kind of release."
    ]
    "hardware": [
        0 "The new boards from {place} are here. {n} of them, all in one piece."
        1 "Even the antennas?"
        0 "Even the antennas!"
    ]
    "hardware": [
        0 "Battery test, week six: still {n} percent. At four degrees in the fridge."
        1 "So the winter promise holds."
        2 "Can I have the fridge back for my lunch then?"
        0 "In week eight."
    ]
    "hardware": [
        0 "The seal lets water in when the box stands on its head for two days."
        1 "Who stands a sensor on its head?"
        0 "{customer} did. By accident, they say."
        1 "Then it has to hold. I will try the softer ring."
    ]
    "hardware": [
        0 "The moulds for the case cost {n} more than offered."
        1 "Percent or euros?"
        0 "Percent, I am afraid."
        2 "Let me call {place} before we answer."
    ]
    "design": [
        0 "Three sketches for {part}. I like the second, but do not let that stop you."
        1 "The second. It needs no explanation."
        2 "두 번째가 제일 좋아요. 색만 조금 더 밝게."
        0 "A little brighter it is."
    ]
    "design": [
        0 "Green on green: people who see few colours cannot read {part}."
        1 "A pattern besides the colour?"
        0 "Yes, dots for dry, lines for wet. Sketch tomorrow."
    ]
    "design": [
        0 "I watched {n} people set up a sensor. Nobody found {part} at first."
        1 "Nobody at all?"
        0 "One. She had helped to build it."
    ]
    "marketing": [
        0 "The pictures from {place} are here and they are lovely."
        1 "The one with the dog goes on the front page."
        2 "It has nothing to do with plants."
        1 "It has everything to do with people."
    ]
    "marketing": [
        0 "Which word do we use: moisture, or thirst?"
        1 "Thirst. A plant has thirst."
        0 "Then {part} has to say so as well."
    ]
    "marketing": [
        0 "{n} people read the piece on {customer}. That is our best one this year."
        1 "It is honest, that is why."
    ]
    "marketing": [
        0 "The printer needs the poster by Thursday."
        1 "Wednesday evening, in three languages."
        2 "Puedo revisar el español mañana temprano."
    ]
    "customers": [
        0 "{customer} asks whether {part} will come to tablets."
        1 "Planned, not promised. What do they need it for?"
        0 "They carry one tablet through {n} greenhouses."
        1 "That is a better reason than most. I will pass it on."
    ]
    "customers": [
        0 "Call with {customer} went well. They want {n} more sensors in spring."
        1 "At the old price?"
        0 "At the old price, if we help them set up."
        2 "I can be in {place} that week."
    ]
    "customers": [
        0 "{customer} is unhappy: {part} told them of frost that never came."
        1 "Twice this month, I see it. The station nearest to them is on a hill."
        0 "Can we choose another one for them?"
        1 "Done. @0 please tell them, with my apologies."
    ]
    "customers": [
        0 "「水やりの時間がわかりやすくなった」と 緑園 さんから。嬉しいですね。"
        1 "What do they say?"
        0 "That watering time has become easy to understand. And that they are grateful."
    ]
    "care": [
        0 "{n} letters over the weekend, most of them about {part}."
        1 "Same question as last week?"
        0 "The same. We should write it into the help."
        2 "I have a draft, you will have it by noon."
    ]
    "care": [
        0 "A return from {place}: the dog ate the sensor."
        1 "Is the dog well?"
        0 "The dog is well. The sensor is not."
        1 "Send a new one, on the house."
    ]
    "care": [
        0 "Who takes the phone on Friday afternoon?"
        1 "I do, if somebody takes Monday morning."
        2 "Monday is mine then."
    ]
    "care": [
        0 "{customer} wrote a thank-you letter. By hand!"
        1 "It belongs on the wall."
    ]
    "garden-fair": [
        0 "The stand is ours: hall two, beside the seed people."
        1 "How many metres?"
        0 "Six. Enough for a bed with real tomatoes."
        2 "I will need {n} working sensors for it."
    ]
    "garden-fair": [
        0 "What do we give away?"
        1 "Seeds in a paper with our name. Plastic has to stop."
        2 "{n} of them, then. I will ask in {place}."
    ]
    "garden-fair": [
        0 "Hotel in {place} is booked for five, two nights."
        1 "Thank you! Does it take dogs?"
    ]
    "leadership": [
        0 "Numbers for the quarter: up by {n} percent, mostly through {customer}."
        1 "One customer is too much of it for my sleep."
        0 "Mine too. Let us talk on Monday."
    ]
    "leadership": [
        0 "I would like {part} to be the one thing of the next quarter."
        1 "Then the plant library waits."
        2 "I can live with that."
        3 "So can those who write to us."
    ]
    "hiring": [
        0 "Met the engineer from {place}. Quiet, thorough, asks the right questions."
        1 "I thought the same. When could they begin?"
        0 "In two months."
    ]
    "hiring": [
        0 "{n} applications for care, four of them very good."
        1 "I can talk to two of them this week."
    ]
];
