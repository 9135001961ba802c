//! The table of roles and permissions: who may what, before conditions.
//!
//! A `policy.rs` asks this table first and adds the conditions that depend on
//! the resource. To change who may do something, change a cell here and read
//! the diff of the golden matrix.

use crate::Role;

/// Something a person may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// Create a person or invite one.
    UserCreate,
    /// See the people of the company.
    UserList,
    /// Create a public or private channel.
    ChannelCreate,
    /// Make, change and delete categories.
    CategoryManage,
    /// Create a direct channel.
    ChannelCreateDirect,
    /// See a channel.
    ChannelView,
    /// Change a channel's members.
    ChannelManageMembers,
    /// Read and send messages.
    MessageSend,
    /// Create a task, in a channel or of one's own.
    TaskCreate,
    /// See a task.
    TaskView,
    /// Change a task and its assignees.
    TaskUpdate,
    /// Read the audit.
    AuditRead,
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

/// What the table says for a role. A permission without a row is granted to
/// nobody.
#[must_use]
pub fn granted(role: Role, permission: Permission) -> Grant {
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
        assert_eq!(granted(Role::Staff, Permission::UserCreate), Grant::No);
        assert_eq!(granted(Role::Staff, Permission::ChannelCreate), Grant::No);
        assert_eq!(granted(Role::Staff, Permission::ChannelCreateDirect), Grant::Yes);
        assert_eq!(granted(Role::Manager, Permission::ChannelCreate), Grant::Yes);
    }

    #[test]
    fn every_permission_stands_in_the_table_once() {
        for (permission, _) in TABLE {
            assert_eq!(TABLE.iter().filter(|(other, _)| other == permission).count(), 1);
        }
    }
}
