//! The SQL of where people stand in channels, which writes rest on.

use std::collections::BTreeMap;

use sayso_access::UserId;
use sayso_db::{DbError, Queries, Row, Sql, Tx};

use crate::model::{ChannelId, ChannelKind, MemberRole};

/// Whether one may write here rests on these two rows: they are held until the
/// write commits.
const STANDING: Sql = Sql::new(
    "channels.standing",
    "SELECT c.kind, c.archived, m.role FROM channels c
     JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $2
     WHERE c.id = $1 AND c.deleted_at IS NULL
     FOR SHARE",
);

const KIND: Sql = Sql::new(
    "channels.kind",
    "SELECT c.kind, c.archived, NULL::text FROM channels c
     WHERE c.id = $1 AND c.deleted_at IS NULL FOR SHARE",
);

/// The memberships of one person in several channels.
const STANDINGS: Sql = Sql::new(
    "channels.standings",
    "SELECT c.kind, c.archived, m.role, c.id FROM channels c
     JOIN channel_members m ON m.channel_id = c.id AND m.user_id = $2
     WHERE c.id = ANY($1) AND c.deleted_at IS NULL
     ORDER BY c.id FOR SHARE",
);

/// What several channels are, whoever asks.
const KINDS: Sql = Sql::new(
    "channels.kinds",
    "SELECT c.kind, c.archived, NULL::text, c.id FROM channels c
     WHERE c.id = ANY($1) AND c.deleted_at IS NULL ORDER BY c.id FOR SHARE",
);

/// The statements of this file.
pub(super) const ALL: &[&Sql] = &[&STANDING, &KIND, &STANDINGS, &KINDS];

/// Where a person stands in a channel.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    /// The channel's kind.
    pub kind: ChannelKind,
    /// Whether it is put away.
    pub archived: bool,
    /// The person's role, if they are a member.
    pub role: Option<MemberRole>,
}

/// Where `user` stands in a channel; held until the end of the transaction.
/// `None`: there is no such channel.
pub async fn standing(
    tx: &mut Tx,
    id: ChannelId,
    user: UserId,
) -> Result<Option<Standing>, DbError> {
    let row = match tx.row(&STANDING, &[&id, &user]).await? {
        Some(row) => Some(row),
        None => tx.row(&KIND, &[&id]).await?,
    };
    Ok(row.as_ref().map(read_standing))
}

/// The same of several channels; those that there are not are left out.
pub async fn standings(
    tx: &mut Tx,
    ids: &[ChannelId],
    user: UserId,
) -> Result<BTreeMap<ChannelId, Standing>, DbError> {
    let named = |row: &Row| (row.get(3), read_standing(row));
    let rows = tx.rows(&STANDINGS, &[&ids, &user]).await?;
    let mut all: BTreeMap<ChannelId, Standing> = rows.iter().map(named).collect();
    let others: Vec<ChannelId> = ids.iter().filter(|id| !all.contains_key(id)).copied().collect();
    if !others.is_empty() {
        all.extend(tx.rows(&KINDS, &[&others]).await?.iter().map(named));
    }
    Ok(all)
}

fn read_standing(row: &Row) -> Standing {
    Standing {
        kind: ChannelKind::parse(row.get(0)),
        archived: row.get(1),
        role: row.get::<_, Option<&str>>(2).map(MemberRole::parse),
    }
}
