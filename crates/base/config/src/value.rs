//! How the text of a setting becomes its type, and back into text for the
//! reference.

use std::net::SocketAddr;
use std::path::PathBuf;

use sayso_kernel::secret::Secret;

/// What a source said, before its type is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Raw {
    /// One value.
    One(String),
    /// A list of the file.
    Many(Vec<String>),
}

/// The form of a value in the settings file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text, or a number where the unit says so.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// A list of texts.
    List,
    /// A number from 0 to 1.
    Ratio,
}

/// A type that a setting can have.
pub trait Setting: Sized {
    /// Its form in the settings file.
    const KIND: Kind = Kind::Text;

    /// Whether the value must never be shown.
    const SECRET: bool = false;

    /// Reads one value; the error completes "must be …".
    fn parse(text: &str) -> Result<Self, &'static str>;

    /// Reads a value or a list; only lists take the latter.
    fn read(raw: &Raw) -> Result<Self, &'static str> {
        match raw {
            Raw::One(text) => Self::parse(text),
            Raw::Many(_) => Err("one value"),
        }
    }

    /// The value as the reference shows it.
    fn show(&self) -> String;

    /// The value as a number, where bounds can apply.
    fn magnitude(&self) -> Option<u64> {
        None
    }
}

macro_rules! number {
    ($($ty:ty),*) => {$(
        impl Setting for $ty {
            const KIND: Kind = Kind::Number;

            fn parse(text: &str) -> Result<Self, &'static str> {
                text.parse().map_err(|_| "a whole number")
            }

            fn show(&self) -> String {
                self.to_string()
            }

            fn magnitude(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        }
    )*};
}

number!(u32, u64, usize);

impl Setting for bool {
    const KIND: Kind = Kind::Flag;

    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("true or false"),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for String {
    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Setting for PathBuf {
    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(Self::from(text))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl Setting for SocketAddr {
    fn parse(text: &str) -> Result<Self, &'static str> {
        text.parse().map_err(|_| "an address with a port, like 127.0.0.1:8080 or [::]:8080")
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Vec<String> {
    const KIND: Kind = Kind::List;

    fn parse(text: &str) -> Result<Self, &'static str> {
        Ok(text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect())
    }

    fn read(raw: &Raw) -> Result<Self, &'static str> {
        match raw {
            Raw::One(text) => Self::parse(text),
            Raw::Many(list) => Ok(list.clone()),
        }
    }

    fn show(&self) -> String {
        self.join(",")
    }
}

impl<T: Setting> Setting for Secret<T> {
    const KIND: Kind = T::KIND;
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, &'static str> {
        T::parse(text).map(Self::new)
    }

    fn read(raw: &Raw) -> Result<Self, &'static str> {
        T::read(raw).map(Self::new)
    }

    fn show(&self) -> String {
        String::new()
    }
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, &'static str> {
        T::parse(text).map(Some)
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }

    fn magnitude(&self) -> Option<u64> {
        self.as_ref().and_then(T::magnitude)
    }
}
