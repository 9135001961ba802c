//! The macro that declares a section: one place for a field's type, default,
//! unit, bounds and documentation, so that code and reference cannot differ.

/// One line of the settings reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingDoc {
    /// `section.key`, as in the file and in faults.
    pub key: String,
    /// The variable of the environment.
    pub env: String,
    /// Other variables that are read for it; the one above is stronger.
    pub aliases: Vec<String>,
    /// The default; empty where there is none.
    pub default: String,
    /// The unit or form of the value.
    pub unit: String,
    /// What it does.
    pub doc: String,
    /// The least and the greatest value, where it is bounded.
    pub bounds: Option<(u64, u64)>,
    /// Its form in the settings file.
    pub kind: crate::value::Kind,
    /// Whether it is never shown, and may stand in a file named by
    /// `<key>_file`.
    pub is_secret: bool,
}

/// The variable of the environment for `section.key`.
pub(crate) fn variable(key: &str) -> String {
    format!("SAYSO_{}", key.replace('.', "__").to_uppercase())
}

/// Declares a section: `field: Type = default, "unit", in least..=greatest;`.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        $name:ident in $section:literal {
            $(
                $(#[doc = $doc:literal])*
                $field:ident : $ty:ty = $default:expr, $unit:literal $(, in $bounds:expr)? ;
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub struct $name {
            $(
                $(#[doc = $doc])*
                #[doc = concat!("\n\nUnit: ", $unit, ".")]
                pub $field: $ty,
            )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// Takes this section's values out of the layers.
            pub(crate) fn take(layers: &mut $crate::layer::Layers) -> Self {
                Self {
                    $($field: layers.take(
                        concat!($section, ".", stringify!($field)),
                        $default,
                        $crate::section::bounds(None $(.or(Some($bounds)))?),
                    ),)*
                }
            }

            /// The reference of this section.
            pub(crate) fn reference() -> Vec<$crate::section::SettingDoc> {
                let default = Self::default();
                vec![$($crate::section::describe(
                    concat!($section, ".", stringify!($field)),
                    &default.$field,
                    $unit,
                    &[$($doc),*],
                    $crate::section::bounds(None $(.or(Some($bounds)))?),
                ),)*]
            }
        }
    };
}

pub(crate) use section;

/// Bounds as a pair, as they are kept.
pub(crate) fn bounds(range: Option<std::ops::RangeInclusive<u64>>) -> Option<(u64, u64)> {
    range.map(std::ops::RangeInclusive::into_inner)
}

/// One line of the reference.
pub(crate) fn describe<T: crate::value::Setting>(
    key: &str,
    default: &T,
    unit: &str,
    doc: &[&str],
    bounds: Option<(u64, u64)>,
) -> SettingDoc {
    let env = variable(key);
    let mut aliases: Vec<String> =
        crate::layer::aliases_of(key).map(|alias| alias.to_owned()).collect();
    if T::SECRET {
        let files: Vec<String> =
            std::iter::once(&env).chain(&aliases).map(|n| format!("{n}_FILE")).collect();
        aliases.extend(files);
    }
    SettingDoc {
        key: key.to_owned(),
        env,
        aliases,
        default: default.show(),
        unit: unit.to_owned(),
        doc: doc.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" "),
        bounds,
        kind: T::KIND,
        is_secret: T::SECRET,
    }
}
