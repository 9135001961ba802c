//! What connects a person with a thing.

/// One way in which a person is tied to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// They made it, or said it, or it is they themselves.
    Own,
    /// They are to do it.
    Assigned,
    /// It was made by, or is to be done by, somebody who reports to them,
    /// directly or not, and it does not stand where they may not look.
    Line,
    /// They are a member of its channel, whatever they are there.
    Member,
    /// They are owner or admin of its channel.
    Admin,
    /// It is, or stands in, a public channel.
    Public,
    /// It is, or stands in, a private channel.
    Private,
}

/// All ways in which one person is tied to one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ties(u8);

impl Ties {
    /// A stranger to it.
    pub const NONE: Self = Self(0);

    /// The same and `tie`, where it `holds`.
    #[must_use]
    pub const fn with(self, tie: Tie, holds: bool) -> Self {
        if holds { Self(self.0 | Self::bit(tie)) } else { self }
    }

    /// Whether they are tied to it in this way.
    #[must_use]
    pub const fn has(self, tie: Tie) -> bool {
        self.0 & Self::bit(tie) != 0
    }

    const fn bit(tie: Tie) -> u8 {
        1 << tie as u8
    }
}
