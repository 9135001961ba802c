//! The order of a list, as clients name it: `title` upwards, `-title` downwards.

/// What a list can be sorted by. The default is what it is sorted by, downwards,
/// when nobody says.
pub trait SortKey: Copy + Default {
    /// Reads the name of a key.
    fn parse(name: &str) -> Option<Self>;
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort<K> {
    /// What it is sorted by.
    pub key: K,
    /// Whether the largest comes first.
    pub descending: bool,
}

impl<K: SortKey> Default for Sort<K> {
    fn default() -> Self {
        Self { key: K::default(), descending: true }
    }
}

impl<K: SortKey> Sort<K> {
    /// Reads `name` or `-name`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        K::parse(name).map(|key| Self { key, descending })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Name;

    impl SortKey for Name {
        fn parse(name: &str) -> Option<Self> {
            (name == "name").then_some(Self)
        }
    }

    #[test]
    fn an_order_is_a_key_and_a_direction() {
        assert_eq!(Sort::parse("name"), Some(Sort { key: Name, descending: false }));
        assert_eq!(Sort::parse("-name"), Some(Sort::<Name>::default()));
        for wrong in ["", "-", "--name", "Name", "name,name"] {
            assert_eq!(Sort::<Name>::parse(wrong), None, "{wrong}");
        }
    }
}
