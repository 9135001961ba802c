//! What is told over sockets, as documents show it: a message with its name
//! and the schemas of what it carries, derived from the types that are sent;
//! and the shapes that events of several domains share.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

/// The data of an event about what its reader no longer sees, or what is no
/// more: nothing of its state.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Gone {
    /// What it was.
    pub id: Uuid,
}

/// The `change` of an edit.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = ChangedFields)]
pub struct Fields<'a> {
    /// The names of the fields that differ.
    pub fields: &'a [&'a str],
}

/// The schema of a type, with all those that it refers to.
#[derive(Clone, Debug)]
pub struct Shown {
    /// A reference to the type's own.
    pub reference: Value,
    /// All of them, by name.
    pub components: BTreeMap<String, Value>,
}

impl Shown {
    /// Of this type.
    #[must_use]
    pub fn of<T: ToSchema>() -> Self {
        let mut all = Vec::new();
        T::schemas(&mut all);
        all.push((T::name().into_owned(), T::schema()));
        let shown = |schema| serde_json::to_value(schema).expect("a schema is plain JSON");
        let components = all.into_iter().map(|(name, schema)| (name, shown(schema))).collect();
        let reference = json!({ "$ref": format!("#/components/schemas/{}", T::name()) });
        Self { reference, components }
    }
}

/// A message over a socket.
#[derive(Clone, Debug)]
pub struct Told {
    /// The event's name.
    pub name: &'static str,
    /// When it is said, in a sentence.
    pub summary: &'static str,
    /// What it carries.
    pub payload: Shown,
    /// What it is acknowledged with, in `data`.
    pub answer: Option<Shown>,
}

impl Told {
    /// A message that carries a `T`.
    #[must_use]
    pub fn of<T: ToSchema>(name: &'static str, summary: &'static str) -> Self {
        Self { name, summary, payload: Shown::of::<T>(), answer: None }
    }

    /// It is acknowledged with an `A`.
    #[must_use]
    pub fn answered<A: ToSchema>(self) -> Self {
        Self { answer: Some(Shown::of::<A>()), ..self }
    }
}
