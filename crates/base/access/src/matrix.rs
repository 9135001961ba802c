//! The table of roles and permissions: who may what, and under which
//! conditions.
//!
//! A `policy.rs` finds out what ties a person to a thing, hides what they do
//! not see, and asks [`crate::Ctx::may`], which is this table with what was
//! granted to the person, or denied, beside it. To change who may do something,
//! change a cell here and read the diff of the golden matrix.

use serde::{Deserialize, Serialize};

use crate::{Role, Tie, Ties};

/// Something a person may be allowed to do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
pub enum Permission {
    /// Create a person or invite one.
    #[serde(rename = "user.create")]
    UserCreate,
    /// See the people of the company.
    #[serde(rename = "user.list")]
    UserList,
    /// Change the profile of another person.
    #[serde(rename = "user.update")]
    UserUpdate,
    /// Delete, restore, deactivate and reactivate a person.
    #[serde(rename = "user.delete")]
    UserDelete,
    /// Set roles, managers and grants.
    #[serde(rename = "user.manage")]
    UserManage,
    /// Create a public or private channel.
    #[serde(rename = "channel.create")]
    ChannelCreate,
    /// Make, change and delete categories.
    #[serde(rename = "category.manage")]
    CategoryManage,
    /// Create a direct channel.
    #[serde(rename = "channel.create_direct")]
    ChannelCreateDirect,
    /// See a channel.
    #[serde(rename = "channel.view")]
    ChannelView,
    /// Come into a channel by oneself.
    #[serde(rename = "channel.enter")]
    ChannelEnter,
    /// Change a channel, put it away, delete and restore it.
    #[serde(rename = "channel.update")]
    ChannelUpdate,
    /// Change a channel's members.
    #[serde(rename = "channel.manage_members")]
    ChannelManageMembers,
    /// Send messages and react to them.
    #[serde(rename = "message.send")]
    MessageSend,
    /// Edit a message.
    #[serde(rename = "message.edit")]
    MessageEdit,
    /// Delete a message.
    #[serde(rename = "message.delete")]
    MessageDelete,
    /// Create a task, in a channel or of one's own.
    #[serde(rename = "task.create")]
    TaskCreate,
    /// See a task.
    #[serde(rename = "task.view")]
    TaskView,
    /// Change a task.
    #[serde(rename = "task.update")]
    TaskUpdate,
    /// Change who is to do a task.
    #[serde(rename = "task.assign")]
    TaskAssign,
    /// Say something about a task.
    #[serde(rename = "task.comment")]
    TaskComment,
    /// Delete and restore a task.
    #[serde(rename = "task.delete")]
    TaskDelete,
    /// Read the audit.
    #[serde(rename = "audit.read")]
    AuditRead,
}

impl Permission {
    /// The name used on the wire and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserCreate => "user.create",
            Self::UserList => "user.list",
            Self::UserUpdate => "user.update",
            Self::UserDelete => "user.delete",
            Self::UserManage => "user.manage",
            Self::ChannelCreate => "channel.create",
            Self::CategoryManage => "category.manage",
            Self::ChannelCreateDirect => "channel.create_direct",
            Self::ChannelView => "channel.view",
            Self::ChannelEnter => "channel.enter",
            Self::ChannelUpdate => "channel.update",
            Self::ChannelManageMembers => "channel.manage_members",
            Self::MessageSend => "message.send",
            Self::MessageEdit => "message.edit",
            Self::MessageDelete => "message.delete",
            Self::TaskCreate => "task.create",
            Self::TaskView => "task.view",
            Self::TaskUpdate => "task.update",
            Self::TaskAssign => "task.assign",
            Self::TaskComment => "task.comment",
            Self::TaskDelete => "task.delete",
            Self::AuditRead => "audit.read",
        }
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|(listed, _)| *listed)
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::all().find(|listed| listed.as_str() == name)
    }

    /// Whether it can be denied to one person. What they see cannot: queries
    /// decide that, by the last column's ties alone. Who may set roles and
    /// grants is for the role alone to say, or rights could be passed on until
    /// somebody raises their own.
    #[must_use]
    pub fn can_be_denied(self) -> bool {
        !matches!(self, Self::UserManage | Self::ChannelView | Self::TaskView)
    }

    /// Whether it can be granted to one person: what can be denied, but nobody
    /// puts words into another's mouth or comes in where they see nothing.
    #[must_use]
    pub fn can_be_granted(self) -> bool {
        self.can_be_denied() && !matches!(self, Self::MessageEdit | Self::ChannelEnter)
    }
}

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Always; to what stands on its own, or to whatever they see.
    Yes,
    /// Never.
    No,
    /// When one of these ties them to the thing.
    When(&'static [Tie]),
}

impl Grant {
    /// The tie that lets them, if it takes one and they have it.
    #[must_use]
    pub fn tie(self, ties: Ties) -> Option<Tie> {
        let Self::When(sufficient) = self else { return None };
        sufficient.iter().copied().find(|tie| ties.has(*tie))
    }

    /// Whether they may, so tied to the thing.
    #[must_use]
    pub fn holds(self, ties: Ties) -> bool {
        self == Self::Yes || self.tie(ties).is_some()
    }
}

/// The table. Columns: CEO, manager, staff. What hangs on a thing is asked of
/// those who see it; who does not is answered as if there were none.
pub const TABLE: &[(Permission, [Grant; 3])] = {
    use Grant::{No, When, Yes};
    use Permission as P;
    use Tie::{Admin, Assigned, Line, Member, Own, Private, Public};
    const IN_CHANNEL: Grant = When(&[Member]);
    const RUNS_CHANNEL: Grant = When(&[Admin]);
    const SEES_CHANNEL: Grant = When(&[Member, Public]);
    const SEES_TASK: Grant = When(&[Own, Assigned, Member, Public, Line]);
    const ANSWERS_FOR_TASK: Grant = When(&[Own, Admin, Line]);
    const WORKS_ON_TASK: Grant = When(&[Own, Assigned, Admin, Line]);
    const TALKS_OF_TASK: Grant = When(&[Own, Assigned, Member, Line]);
    &[
        //                         CEO   Manager Staff
        (P::UserCreate, [Yes, No, No]),
        (P::UserList, [Yes, Yes, Yes]),
        (P::UserUpdate, [Yes, When(&[Own]), When(&[Own])]),
        (P::UserDelete, [Yes, No, No]),
        (P::UserManage, [Yes, No, No]),
        (P::ChannelCreate, [Yes, Yes, No]),
        (P::CategoryManage, [Yes, Yes, No]),
        (P::ChannelCreateDirect, [Yes, Yes, Yes]),
        (P::ChannelView, [SEES_CHANNEL; 3]),
        (P::ChannelEnter, [When(&[Public, Private]), When(&[Public]), When(&[Public])]),
        (P::ChannelUpdate, [Yes, RUNS_CHANNEL, RUNS_CHANNEL]),
        (P::ChannelManageMembers, [Yes, RUNS_CHANNEL, RUNS_CHANNEL]),
        (P::MessageSend, [IN_CHANNEL; 3]),
        (P::MessageEdit, [When(&[Own]); 3]),
        (P::MessageDelete, [When(&[Own, Admin]); 3]),
        (P::TaskCreate, [When(&[Own, Member]); 3]),
        (P::TaskView, [SEES_TASK; 3]),
        (P::TaskUpdate, [Yes, WORKS_ON_TASK, WORKS_ON_TASK]),
        (P::TaskAssign, [Yes, TALKS_OF_TASK, TALKS_OF_TASK]),
        (P::TaskComment, [Yes, TALKS_OF_TASK, TALKS_OF_TASK]),
        (P::TaskDelete, [Yes, ANSWERS_FOR_TASK, ANSWERS_FOR_TASK]),
        (P::AuditRead, [Yes, No, No]),
    ]
};

/// Whether somebody so tied to a thing sees it: for that the role is nothing,
/// and one row says the same for all.
#[must_use]
pub fn sees(permission: Permission, ties: Ties) -> bool {
    by_role(Role::Staff, permission).holds(ties)
}

/// What the table says for a role, before what one person was granted or
/// denied. A permission without a row is granted to nobody.
#[must_use]
pub fn by_role(role: Role, permission: Permission) -> Grant {
    let column = match role {
        Role::Ceo => 0,
        Role::Manager => 1,
        Role::Staff => 2,
    };
    TABLE
        .iter()
        .find(|(listed, _)| *listed == permission)
        .map_or(Grant::No, |(_, cells)| cells[column])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn staff_creates_neither_people_nor_open_channels() {
        assert_eq!(by_role(Role::Staff, Permission::UserCreate), Grant::No);
        assert_eq!(by_role(Role::Staff, Permission::ChannelCreate), Grant::No);
        assert_eq!(by_role(Role::Staff, Permission::ChannelCreateDirect), Grant::Yes);
        assert_eq!(by_role(Role::Manager, Permission::ChannelCreate), Grant::Yes);
    }

    #[test]
    fn every_permission_stands_in_the_table_once() {
        for (permission, _) in TABLE {
            assert_eq!(TABLE.iter().filter(|(other, _)| other == permission).count(), 1);
        }
    }

    #[test]
    fn a_permission_has_one_name_on_the_wire_and_in_the_database() {
        for (permission, _) in TABLE {
            let name = permission.as_str();
            assert_eq!(Permission::parse(name), Some(*permission));
            assert_eq!(serde_json::to_value(permission).ok(), Some(name.into()));
        }
        assert_eq!(Permission::parse("user.conjure"), None);
    }

    #[test]
    fn rights_over_rights_and_what_is_seen_cannot_be_given_to_one_person() {
        assert!(Permission::ChannelCreate.can_be_granted());
        assert!(Permission::TaskUpdate.can_be_granted());
        assert!(Permission::MessageEdit.can_be_denied());
        assert!(!Permission::MessageEdit.can_be_granted());
        assert!(!Permission::UserManage.can_be_denied());
        assert!(!Permission::TaskView.can_be_denied());
    }

    #[test]
    fn what_is_seen_is_the_same_for_every_role() {
        for permission in [Permission::ChannelView, Permission::TaskView] {
            let cells = Role::ALL.map(|role| by_role(role, permission));
            assert!(cells.iter().all(|cell| *cell == cells[0]), "{permission:?}");
        }
    }

    #[test]
    fn a_cell_holds_by_the_first_of_its_ties() {
        let cell = by_role(Role::Staff, Permission::TaskUpdate);
        let ties = Ties::NONE.with(Tie::Line, true).with(Tie::Assigned, true);
        assert_eq!(cell.tie(ties), Some(Tie::Assigned));
        assert!(!cell.holds(Ties::NONE.with(Tie::Member, true)));
        assert!(by_role(Role::Ceo, Permission::TaskUpdate).holds(Ties::NONE));
    }
}
