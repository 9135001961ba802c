//! Who may do what with messages (contract, chapter 3). Pure.

use sayso_access::Decision;
use sayso_channels::repo::Standing;

/// Sending is for members of a channel that is not put away. That the caller
/// is a member was asked of the channel before.
pub fn send(standing: Standing) -> Decision {
    Decision::allow_or_deny(!standing.archived)
}
