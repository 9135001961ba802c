//! Who works at the demo company, and where they talk.
//!
//! Tidal Garden makes Sprout, a sensor that tells when a plant is thirsty.

use sayso_access::Role;

/// A part of the company, led by one manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Lead,
    Engineering,
    Hardware,
    Market,
    Care,
}

use Part::{Care, Engineering, Hardware, Lead, Market};

/// A person: name, the part of the address before the @, role, part of the
/// company, time zone, and what they say of the moment.
pub(super) type Person =
    (&'static str, &'static str, Role, Part, &'static str, Option<&'static str>);

/// The CEO first, then the managers, then everybody else.
pub(super) const PEOPLE: &[Person] = &[
    ("Ada Okafor", "ada", Role::Ceo, Lead, "Europe/Lisbon", Some("Talk to me about the fair")),
    ("Björn Lindqvist", "bjorn", Role::Manager, Engineering, "Europe/Stockholm", None),
    ("Amélie Dubois", "amelie", Role::Manager, Hardware, "Europe/Paris", Some("In the workshop")),
    ("Siobhán O’Connor", "siobhan", Role::Manager, Market, "Europe/Dublin", None),
    ("田中 美咲", "misaki", Role::Manager, Care, "Asia/Tokyo", Some("朝は日本、昼から皆さんと")),
    (
        "Chiara Romano",
        "chiara",
        Role::Staff,
        Engineering,
        "Europe/Rome",
        Some("Writing release notes"),
    ),
    ("Đặng Minh", "minh", Role::Staff, Engineering, "Asia/Ho_Chi_Minh", None),
    ("Łukasz Wójcik", "lukasz", Role::Staff, Engineering, "Europe/Warsaw", None),
    (
        "Zoë van den Berg",
        "zoe",
        Role::Staff,
        Engineering,
        "Europe/Amsterdam",
        Some("Out until Monday 🌷"),
    ),
    ("Jürgen Weiß", "jurgen", Role::Staff, Engineering, "Europe/Berlin", None),
    ("Íñigo Muñoz", "inigo", Role::Staff, Engineering, "Europe/Madrid", None),
    ("김서연", "seoyeon", Role::Staff, Engineering, "Asia/Seoul", Some("디자인 검토 중")),
    ("Øyvind Håkonsen", "oyvind", Role::Staff, Engineering, "Europe/Oslo", None),
    ("Priya Raghunathan", "priya", Role::Staff, Hardware, "Asia/Kolkata", None),
    ("Mateus Gonçalves", "mateus", Role::Staff, Hardware, "Europe/Lisbon", None),
    (
        "Eszter Szőke",
        "eszter",
        Role::Staff,
        Hardware,
        "Europe/Budapest",
        Some("Soldering, back at three"),
    ),
    ("İbrahim Yılmaz", "ibrahim", Role::Staff, Hardware, "Europe/Istanbul", None),
    ("李伟", "liwei", Role::Staff, Hardware, "Asia/Shanghai", None),
    ("Noor Al-Farsi", "noor", Role::Staff, Hardware, "Asia/Dubai", None),
    ("Tomáš Dvořák", "tomas", Role::Staff, Market, "Europe/Prague", None),
    ("Fátima Benali", "fatima", Role::Staff, Market, "Africa/Casablanca", None),
    ("Ana Lucía Peña", "ana", Role::Staff, Market, "America/Bogota", Some("At the printer’s")),
    ("Γιώργος Παππάς", "giorgos", Role::Staff, Market, "Europe/Athens", None),
    ("Kwame Mensah", "kwame", Role::Staff, Market, "Africa/Accra", None),
    ("Aoife Byrne", "aoife", Role::Staff, Market, "Europe/Dublin", None),
    ("Олена Шевченко", "olena", Role::Staff, Care, "Europe/Kyiv", None),
    ("Ruth Goldberg", "ruth", Role::Staff, Care, "America/New_York", None),
    (
        "Sanna Mäkelä",
        "sanna",
        Role::Staff,
        Care,
        "Europe/Helsinki",
        Some("Answering the weekend’s letters"),
    ),
    ("João Ferreira", "joao", Role::Staff, Care, "America/Sao_Paulo", None),
    ("Ștefan Ionescu", "stefan", Role::Staff, Care, "Europe/Bucharest", None),
];

/// Those whose passwords are shown: the CEO, two managers, two of the staff.
pub(super) const LOGINS: &[usize] = &[0, 1, 2, 5, 6];

/// Who is in a channel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Members {
    Everybody,
    Parts(&'static [Part]),
    These(&'static [usize]),
}

/// A channel: name, what it is for, kind, who made it, who is in it.
pub(super) type Channel = (&'static str, &'static str, &'static str, usize, Members);

pub(super) const CHANNELS: &[Channel] = &[
    ("everybody", "News for the whole company", "public", 0, Members::Everybody),
    ("kitchen", "Lunch, cake and lost umbrellas", "public", 4, Members::Everybody),
    ("engineering", "App and server", "public", 1, Members::Parts(&[Engineering])),
    ("releases", "What goes out, and when", "public", 1, Members::Parts(&[Engineering, Care])),
    ("hardware", "Sensors, boards and boxes", "public", 2, Members::Parts(&[Hardware])),
    ("design", "How it looks and feels", "public", 1, Members::These(&[0, 5, 8, 11, 15, 21, 24])),
    ("marketing", "Words and pictures", "public", 3, Members::Parts(&[Market])),
    ("customers", "What they tell us", "public", 3, Members::Parts(&[Market, Care])),
    ("care", "Letters, calls and returns", "public", 4, Members::Parts(&[Care])),
    (
        "garden-fair",
        "Our stand in September",
        "private",
        3,
        Members::These(&[0, 2, 14, 19, 21, 24]),
    ),
    ("leadership", "The five of us", "private", 0, Members::These(&[1, 2, 3, 4])),
    ("hiring", "Who we are looking for", "private", 0, Members::These(&[1, 2, 25])),
];

/// A category: name, colour, the one it is in, and whether it is of tasks.
pub(super) type Category = (&'static str, &'static str, Option<&'static str>, &'static str);

pub(super) const CATEGORIES: &[Category] = &[
    ("Together", "#4f8f5b", None, "channel"),
    ("Making", "#3c6e91", None, "channel"),
    ("Customers", "#b8732f", None, "channel"),
    ("Product", "#3c6e91", None, "task"),
    ("App", "#5b8fb0", Some("Product"), "task"),
    ("Sensor", "#2f5570", Some("Product"), "task"),
    ("Words & pictures", "#8a5a9e", None, "task"),
    ("People we serve", "#b8732f", None, "task"),
    ("House", "#4f8f5b", None, "task"),
];

/// The category of a channel, and that of its tasks.
pub(super) fn categories_of(channel: &str) -> (&'static str, &'static str) {
    match channel {
        "engineering" | "releases" => ("Making", "App"),
        "hardware" => ("Making", "Sensor"),
        "design" => ("Making", "Product"),
        "marketing" | "garden-fair" => ("Customers", "Words & pictures"),
        "customers" | "care" => ("Customers", "People we serve"),
        _ => ("Together", "House"),
    }
}
