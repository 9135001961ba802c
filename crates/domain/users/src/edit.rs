//! Editing a person.

use jiff::tz::TimeZone;
use sayso_access::{Ctx, Decision, Role, UserId};
use sayso_db::Tx;
use sayso_events::Presence;
use sayso_kernel::fault::{FORBIDDEN, NOT_FOUND, Place};
use sayso_kernel::{Fault, Patch, Timestamp, patch};
use serde_json::{Map, Value};

use crate::error::{FIELD_FORBIDDEN, REPORTING_CIRCLE, stale, unknown_manager};
use crate::model::User;
use crate::policy::{self, Field};
use crate::standing::{self, Held};
use crate::{Email, Metadata, events, repo};

/// What an edit changes. What is not sent stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// What the person is called.
    pub name: Option<String>,
    /// The address to log in with.
    pub email: Option<Email>,
    /// What the person says of the moment.
    pub status_text: Patch<String>,
    /// IANA name of the time zone.
    pub time_zone: Option<String>,
    /// A merge patch of the free data (RFC 7396).
    pub metadata: Patch<Map<String, Value>>,
    /// The role.
    pub role: Option<Role>,
    /// Whom the person reports to.
    pub manager_id: Patch<UserId>,
}

impl Edit {
    /// What of the profile the edit names.
    fn sent(&self) -> Vec<Field> {
        let fields = [
            (Field::Name, self.name.is_some()),
            (Field::Email, self.email.is_some()),
            (Field::StatusText, self.status_text.is_sent()),
            (Field::TimeZone, self.time_zone.is_some()),
            (Field::Metadata, self.metadata.is_sent()),
            (Field::Role, self.role.is_some()),
            (Field::ManagerId, self.manager_id.is_sent()),
        ];
        fields.into_iter().filter_map(|(field, is_sent)| is_sent.then_some(field)).collect()
    }

    /// Whether it touches who stands where.
    fn is_of_hierarchy(&self) -> bool {
        self.role.is_some() || self.manager_id.is_sent()
    }

    /// Whom the person is to report to.
    fn new_manager(&self) -> Option<UserId> {
        match &self.manager_id {
            Patch::Set(id) => Some(*id),
            Patch::Keep | Patch::Clear => None,
        }
    }

    /// The person after the edit, and the names of the fields that differ; 422
    /// when the free data grows too large.
    fn apply(self, before: &User, now: Timestamp) -> Result<(User, Vec<&'static str>), Fault> {
        let mut after = before.clone();
        after.name = self.name.unwrap_or(after.name);
        if let Some(email) = self.email {
            after.email = Some(email.as_str().to_owned());
        }
        after.status_text = self.status_text.apply(after.status_text);
        after.time_zone = self.time_zone.unwrap_or(after.time_zone);
        after.metadata = match self.metadata {
            Patch::Keep => after.metadata,
            Patch::Clear => Metadata::default(),
            Patch::Set(change) => {
                let mut merged = after.metadata.to_value();
                patch::merge(&mut merged, &Value::Object(change));
                let Value::Object(map) = merged else { unreachable!("an object was merged") };
                Metadata::parse(map, "#/metadata")?
            }
        };
        after.role = self.role.unwrap_or(after.role);
        after.manager_id = self.manager_id.apply(after.manager_id);
        let differing = [
            (Field::Name, before.name != after.name),
            (Field::Email, before.email != after.email),
            (Field::StatusText, before.status_text != after.status_text),
            (Field::TimeZone, before.time_zone != after.time_zone),
            (Field::Metadata, before.metadata != after.metadata),
            (Field::Role, before.role != after.role),
            (Field::ManagerId, before.manager_id != after.manager_id),
        ];
        let differing = differing.into_iter().filter(|(_, differs)| *differs);
        let fields: Vec<_> = differing.map(|(field, _)| field.as_str()).collect();
        if !fields.is_empty() {
            after.updated_at = now;
        }
        Ok((after, fields))
    }
}

/// Whether there is such a time zone.
#[must_use]
pub fn is_time_zone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

/// Edits a person from the version the caller has read.
///
/// Event and audit: `user.updated` with the names of the changed fields. An
/// edit that changes nothing leaves no trace. A change of the role ends the
/// person's sockets, which come back as who they are now.
///
/// # Errors
/// 403 that names each field the caller may not set; 404; 409
/// `user.email_taken`, `user.last_ceo`, `user.reporting_circle`; 412 with the
/// present state when the version is not the present one; 422 for a manager who
/// is nobody.
pub async fn update_in(
    tx: &mut Tx,
    ctx: &Ctx,
    presence: &Presence,
    (id, version): (UserId, i32),
    edit: Edit,
) -> Result<User, Fault> {
    if edit.is_of_hierarchy() {
        repo::lock_hierarchy(tx).await?;
    }
    let manager = edit.new_manager();
    let held = standing::hold(tx, ctx, id, manager).await?;
    let before = held.target.clone().filter(|user| user.deleted_at.is_none());
    let before = before.ok_or_else(|| Fault::new(&NOT_FOUND))?;
    if let Err(refused) = permit(&held.ctx, &before, &edit) {
        return Err(standing::hidden_or(tx, ctx, id, refused).await?);
    }
    if before.version != version {
        return Err(stale(&before, presence));
    }
    let (after, fields) = edit.apply(&before, ctx.now())?;
    if fields.is_empty() {
        return Ok(before);
    }
    check_manager(tx, &held, (&before, &after)).await?;
    if before.role != after.role {
        standing::keep_a_ceo(tx, &before).await?;
    }
    let updated = repo::update(tx, &after).await?;
    let after = updated.ok_or_else(|| stale(&before, presence))?;
    tx.emit(events::updated(&before, &after, &fields));
    Ok(after)
}

/// 403 with everything that the caller may not set.
fn permit(ctx: &Ctx, target: &User, edit: &Edit) -> Result<(), Fault> {
    let refused =
        edit.sent().into_iter().filter(|field| policy::set(ctx, target, *field) != Decision::Allow);
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() {
        return policy::update(ctx, target).require();
    }
    Err(refused.into_iter().fold(Fault::new(&FORBIDDEN), |fault, field| {
        let place = Place::Pointer(format!("#/{}", field.as_str()));
        fault.with(place, FIELD_FORBIDDEN, "is not yours to set")
    }))
}

/// A new manager may come in, and does not report to whom they lead. Nobody
/// else changes who reports to whom meanwhile.
async fn check_manager(
    tx: &mut Tx,
    held: &Held,
    (before, after): (&User, &User),
) -> Result<(), Fault> {
    let Some(id) = after.manager_id.filter(|_| before.manager_id != after.manager_id) else {
        return Ok(());
    };
    if !held.other.as_ref().is_some_and(User::may_enter) {
        return Err(unknown_manager());
    }
    if repo::stands_above(tx, id, after.id).await? {
        return Err(Fault::new(&REPORTING_CIRCLE));
    }
    Ok(())
}
