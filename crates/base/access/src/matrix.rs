//! The table of roles and permissions: who may what, before conditions.
//!
//! A `policy.rs` asks [`crate::Ctx::granted`] first, which is this table with
//! what was granted to the person, or denied, beside it; and adds the
//! conditions that depend on the resource. To change who may do something,
//! change a cell here and read the diff of the golden matrix.

use serde::{Deserialize, Serialize};

use crate::Role;

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
    /// Change a channel's members.
    #[serde(rename = "channel.manage_members")]
    ChannelManageMembers,
    /// Read and send messages.
    #[serde(rename = "message.send")]
    MessageSend,
    /// Create a task, in a channel or of one's own.
    #[serde(rename = "task.create")]
    TaskCreate,
    /// See a task.
    #[serde(rename = "task.view")]
    TaskView,
    /// Change a task and its assignees.
    #[serde(rename = "task.update")]
    TaskUpdate,
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
            Self::ChannelManageMembers => "channel.manage_members",
            Self::MessageSend => "message.send",
            Self::TaskCreate => "task.create",
            Self::TaskView => "task.view",
            Self::TaskUpdate => "task.update",
            Self::AuditRead => "audit.read",
        }
    }

    /// Reads the name back.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        TABLE.iter().map(|(listed, _)| *listed).find(|listed| listed.as_str() == name)
    }

    /// Whether it can be granted to one person, or denied. What hangs on the
    /// resource cannot: its policy asks more than this table. Who may set roles
    /// and grants is for the role alone to say, or rights could be passed on
    /// until somebody raises their own.
    #[must_use]
    pub fn can_be_given(self) -> bool {
        self != Self::UserManage && Role::ALL.iter().all(|role| by_role(*role, self) != Grant::When)
    }
}

/// One cell of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Always.
    Yes,
    /// Never.
    No,
    /// When the resource allows it; the policy of its domain says when.
    When,
}

/// The table. Columns: CEO, manager, staff.
pub const TABLE: &[(Permission, [Grant; 3])] = {
    use Grant::{No, When, Yes};
    use Permission as P;
    &[
        //                         CEO   Manager Staff
        (P::UserCreate, [Yes, No, No]),
        (P::UserList, [Yes, Yes, Yes]),
        (P::UserUpdate, [Yes, No, No]),
        (P::UserDelete, [Yes, No, No]),
        (P::UserManage, [Yes, No, No]),
        (P::ChannelCreate, [Yes, Yes, No]),
        (P::CategoryManage, [Yes, Yes, No]),
        (P::ChannelCreateDirect, [Yes, Yes, Yes]),
        (P::ChannelView, [When, When, When]),
        (P::ChannelManageMembers, [When, When, When]),
        (P::MessageSend, [When, When, When]),
        (P::TaskCreate, [When, When, When]),
        (P::TaskView, [When, When, When]),
        (P::TaskUpdate, [When, When, When]),
        (P::AuditRead, [Yes, No, No]),
    ]
};

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
    fn rights_over_rights_and_conditions_cannot_be_given_to_one_person() {
        assert!(Permission::ChannelCreate.can_be_given());
        assert!(Permission::UserCreate.can_be_given());
        assert!(!Permission::UserManage.can_be_given());
        assert!(!Permission::TaskUpdate.can_be_given());
    }
}
