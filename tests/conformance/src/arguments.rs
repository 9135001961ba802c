//! All arguments of an event, whatever they are, attachments among them.

use std::fmt::{Formatter, Result as Written};

use rmpv::Value;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeTupleStruct, Serializer};
use serde::{Deserialize, Serialize};

/// The arguments. A tuple to serde: the crate spreads nothing else.
#[derive(Debug)]
pub struct Arguments(Vec<Value>);

const NAME: &str = "Arguments";

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut tuple = serializer.serialize_tuple_struct(NAME, self.0.len())?;
        for argument in &self.0 {
            tuple.serialize_field(argument)?;
        }
        tuple.end()
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple_struct(NAME, usize::MAX, All)
    }
}

struct All;

impl<'de> Visitor<'de> for All {
    type Value = Arguments;

    fn expecting(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str("arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Arguments, A::Error> {
        let mut all = Vec::new();
        while let Some(argument) = seq.next_element()? {
            all.push(argument);
        }
        Ok(Arguments(all))
    }
}
