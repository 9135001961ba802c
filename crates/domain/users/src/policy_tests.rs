//! Who may do what with people, as a table.

use sayso_access::{Actor, Given, Givens, SessionId};
use sayso_kernel::{Clock, Random, Timestamp};
use uuid::Uuid;

use super::*;
use crate::Metadata;

const ME: UserId = UserId(Uuid::from_u128(1));
const OTHER: UserId = UserId(Uuid::from_u128(2));

fn ctx(via: Via, role: Option<Role>) -> Ctx {
    with(via, role, &[])
}

fn with(via: Via, role: Option<Role>, given: &[(Permission, bool)]) -> Ctx {
    let ctx = Ctx::anonymous(via, Clock::manual(Timestamp::UNIX_EPOCH), Random::seeded(1));
    let Some(role) = role else { return ctx };
    let given = given.iter().map(|(permission, is_granted)| {
        let (permission, is_granted) = (*permission, *is_granted);
        Given { permission, is_granted, expires_at: None }
    });
    ctx.acting_as(Actor {
        user_id: ME,
        session_id: SessionId(Uuid::nil()),
        role,
        time_zone: "UTC".into(),
        givens: Givens::new(given.collect()),
    })
}

fn person(id: UserId, role: Role) -> User {
    User {
        id,
        email: Some("ann@example.com".into()),
        name: "Ann".into(),
        role,
        manager_id: None,
        active: true,
        status_text: None,
        time_zone: "UTC".into(),
        last_active_at: None,
        metadata: Metadata::default(),
        password_change_due: false,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        deleted_at: None,
        version: 1,
        revision: 1,
    }
}

#[test]
fn only_the_ceo_and_the_operator_create_people() {
    assert_eq!(create(&ctx(Via::Http, Some(Role::Ceo)), Role::Ceo), Decision::Allow);
    assert_eq!(create(&ctx(Via::Http, Some(Role::Manager)), Role::Staff), Decision::Deny);
    assert_eq!(create(&ctx(Via::System, Some(Role::Staff)), Role::Staff), Decision::Deny);
    assert_eq!(create(&ctx(Via::System, None), Role::Ceo), Decision::Allow);
}

#[test]
fn who_was_granted_a_right_over_people_has_it_over_nobody_above_them() {
    let given = [
        (Permission::UserCreate, true),
        (Permission::UserUpdate, true),
        (Permission::UserDelete, true),
    ];
    let manager = with(Via::Http, Some(Role::Manager), &given);
    let cases = [
        (Role::Staff, Decision::Allow),
        (Role::Manager, Decision::Allow),
        (Role::Ceo, Decision::Deny),
    ];
    for (role, decision) in cases {
        let target = person(OTHER, role);
        assert_eq!(create(&manager, role), decision, "{role:?}");
        assert_eq!(update(&manager, &target), decision, "{role:?}");
        assert_eq!(remove(&manager, &target), decision, "{role:?}");
        // A door to their own rights, or to the account of another, it is not.
        for field in [Field::Email, Field::Role, Field::ManagerId] {
            assert_eq!(set(&manager, &target, field), Decision::Deny, "{role:?} {field:?}");
        }
    }
}

#[test]
fn nobody_without_a_session_does_anything_over_http() {
    let nobody = ctx(Via::Http, None);
    let target = person(OTHER, Role::Staff);
    assert_eq!(create(&nobody, Role::Staff), Decision::Deny);
    assert_eq!(list(&nobody), Decision::Deny);
    assert_eq!(see(&nobody, OTHER), Decision::Hide);
    assert_eq!(update(&nobody, &target), Decision::Deny);
    assert_eq!(remove(&nobody, &target), Decision::Deny);
    assert_eq!(erase(&nobody), Decision::Deny);
    assert_eq!(read_grants(&nobody, OTHER), Decision::Deny);
    assert_eq!(give(&nobody, OTHER), Decision::Deny);
}

#[test]
fn everybody_sees_the_people_unless_it_was_denied_to_them() {
    for role in Role::ALL {
        assert_eq!(list(&ctx(Via::Http, Some(role))), Decision::Allow);
        let blind = with(Via::Http, Some(role), &[(Permission::UserList, false)]);
        assert_eq!(list(&blind), Decision::Deny);
        assert_eq!(see(&blind, OTHER), Decision::Hide);
        assert_eq!(see(&blind, ME), Decision::Allow);
    }
}

#[test]
fn a_profile_is_changed_by_its_person_and_by_the_ceo_and_rights_by_the_ceo_alone() {
    use Decision::{Allow, Deny};
    // Who, whose, then: name, e-mail, role.
    let cases = [
        (Role::Staff, ME, [Allow, Deny, Deny]),
        (Role::Manager, ME, [Allow, Deny, Deny]),
        (Role::Ceo, ME, [Allow, Deny, Allow]),
        (Role::Staff, OTHER, [Deny, Deny, Deny]),
        (Role::Manager, OTHER, [Deny, Deny, Deny]),
        (Role::Ceo, OTHER, [Allow, Allow, Allow]),
    ];
    for (role, whose, expected) in cases {
        let (ctx, target) = (ctx(Via::Http, Some(role)), person(whose, role));
        let found = [Field::Name, Field::Email, Field::Role].map(|field| set(&ctx, &target, field));
        assert_eq!(found, expected, "{role:?} {whose}");
        assert_eq!(set(&ctx, &target, Field::ManagerId), expected[2], "{role:?} {whose}");
    }
}

#[test]
fn people_are_removed_by_the_ceo_and_erased_by_the_operator() {
    let target = person(OTHER, Role::Staff);
    for (role, decision) in [
        (Role::Staff, Decision::Deny),
        (Role::Manager, Decision::Deny),
        (Role::Ceo, Decision::Allow),
    ] {
        let ctx = ctx(Via::Http, Some(role));
        assert_eq!(remove(&ctx, &target), decision);
        assert_eq!(remove_any(&ctx), decision);
        assert_eq!(erase(&ctx), Decision::Deny);
        assert_eq!(give(&ctx, OTHER), decision);
    }
    assert_eq!(erase(&ctx(Via::System, None)), Decision::Allow);
}

#[test]
fn nobody_grants_anything_to_themselves() {
    let ceo = ctx(Via::Http, Some(Role::Ceo));
    assert_eq!(give(&ceo, ME), Decision::Deny);
    assert_eq!(read_grants(&ceo, ME), Decision::Allow);
    assert_eq!(read_grants(&ctx(Via::Http, Some(Role::Staff)), ME), Decision::Allow);
    assert_eq!(read_grants(&ctx(Via::Http, Some(Role::Staff)), OTHER), Decision::Deny);
}
