//! What can go wrong with channels.

use sayso_kernel::{Code, Kind};

/// Another channel has this name.
pub const NAME_TAKEN: Code =
    Code::new("channel.name_taken", Kind::Conflict, "Another channel has this name");
/// A channel keeps at least one owner.
pub const LAST_OWNER: Code =
    Code::new("channel.last_owner", Kind::Conflict, "The last owner cannot leave or step down");
/// The people of a direct channel do not change.
pub const DIRECT_IS_FIXED: Code = Code::new(
    "channel.direct_is_fixed",
    Kind::Conflict,
    "The people of a direct channel do not change: open another one",
);
/// Reading and sending is for members.
pub const NOT_A_MEMBER: Code =
    Code::new("channel.not_a_member", Kind::Forbidden, "Join the channel first");

/// Another category below the same parent has this name.
pub const CATEGORY_NAME_TAKEN: Code = Code::new(
    "category.name_taken",
    Kind::Conflict,
    "Another category in the same place has this name",
);
/// A category cannot stand below itself.
pub const CATEGORY_CIRCLE: Code =
    Code::new("category.circle", Kind::Conflict, "A category cannot be put below itself");
/// A category with categories in it stays.
pub const CATEGORY_HAS_CHILDREN: Code = Code::new(
    "category.has_children",
    Kind::Conflict,
    "There are categories in it: move or delete them first",
);

/// The codes declared here.
pub const CODES: &[&Code] = &[
    &NAME_TAKEN,
    &LAST_OWNER,
    &DIRECT_IS_FIXED,
    &NOT_A_MEMBER,
    &CATEGORY_NAME_TAKEN,
    &CATEGORY_CIRCLE,
    &CATEGORY_HAS_CHILDREN,
];
