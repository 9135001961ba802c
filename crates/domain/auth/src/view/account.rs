//! Second factors, resets and addresses as HTTP shows them.

use sayso_kernel::secret::Secret;
use sayso_kernel::{Fault, Timestamp};
use sayso_users::Email;
use sayso_users::view::parse_email;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::reset::ResetCode;
use crate::second_factor::Started;

/// What an authenticator app is set up with.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = TotpSetup)]
pub struct TotpView {
    /// The seed, in base32, to be typed.
    pub secret: String,
    /// The same to be shown as a picture.
    pub uri: String,
}

impl TotpView {
    /// What was begun.
    #[must_use]
    pub fn of(started: &Started) -> Self {
        let (secret, uri) = (started.seed.to_text(), started.seed.to_uri(&started.account));
        Self { secret, uri }
    }
}

/// What a second factor is begun with, and taken away.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Proof)]
pub struct ProofBody {
    /// The present password.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub password: Secret<String>,
}

/// A code of the app.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TotpCode)]
pub struct CodeBody {
    /// Six digits.
    #[schema(value_type = String, pattern = "^[0-9]{6}$")]
    pub code: Secret<String>,
}

/// What a person keeps for the day on which the device is lost.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RecoveryCodes)]
pub struct RecoveryCodesView {
    /// Each is good once, in place of a code of the app.
    pub recovery_codes: Vec<String>,
}

/// A code to hand over.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PasswordReset)]
pub struct ResetCodeView {
    /// Whoever holds it chooses the person's password, once.
    pub code: String,
    /// Until when it is good.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl ResetCodeView {
    /// A code as it is handed over.
    #[must_use]
    pub fn of(code: &ResetCode) -> Self {
        Self { code: code.code.expose().clone(), expires_at: code.expires_at }
    }
}

/// A reset that is done.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FinishPasswordReset)]
pub struct FinishResetBody {
    /// The code that was handed over.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub code: Secret<String>,
    /// The password to have from now on.
    #[schema(value_type = String, format = Password, min_length = 12, max_length = 256)]
    pub password: Secret<String>,
}

/// Another address.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeEmail)]
pub struct ChangeEmailBody {
    /// The present password.
    #[schema(value_type = String, format = Password, min_length = 1, max_length = 256)]
    pub password: Secret<String>,
    /// The address to log in with from now on.
    #[schema(min_length = 3, max_length = 254, pattern = r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
    pub email: String,
}

impl ChangeEmailBody {
    /// The parts; 422 for what the schema cannot say.
    pub fn into_parts(self) -> Result<(Secret<String>, Email), Fault> {
        Ok((self.password, parse_email(&self.email)?))
    }
}
