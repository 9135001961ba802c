//! Rate limits.

use crate::section::section;

section! {
    /// Rate limits.
    Limits in "limits" {
        /// Whether callers are limited. Off only for measurements.
        enabled: bool = true, "true or false";
        /// Reads of a person, or of an address where no person is known. All
        /// of them may come at once; they come back evenly.
        read_per_minute: u32 = 3_000, "requests a minute", in 1..=1_000_000;
        /// The same of writes.
        write_per_minute: u32 = 1_200, "requests a minute", in 1..=1_000_000;
        /// The same of searches.
        search_per_minute: u32 = 300, "requests a minute", in 1..=1_000_000;
        /// The same of logins and whatever else proves who somebody is. An
        /// office comes in from one address.
        login_per_minute: u32 = 300, "requests a minute", in 1..=1_000_000;
        /// The same of requests in which a person who is known gives their
        /// password once more: whoever holds a stolen token guesses no faster.
        proof_per_minute: u32 = 20, "requests a minute", in 1..=1_000_000;
        /// The same of exports.
        export_per_minute: u32 = 10, "requests a minute", in 1..=1_000_000;
        /// Wrong passwords for one e-mail from one address within
        /// `limits.password_window_secs`; then only a device from which the
        /// e-mail has come in before gets through, with the right one.
        password_tries: u32 = 10, "tries", in 1..=100_000;
        /// Wrong passwords from one address within that time, whatever the
        /// e-mail.
        password_tries_per_address: u32 = 600, "tries", in 1..=1_000_000;
        /// Wrong passwords for one e-mail from anywhere within that time. Past
        /// it tries from devices that are not known take two seconds longer;
        /// none is refused for it.
        password_tries_per_email: u32 = 100, "tries", in 1..=1_000_000;
        /// The time in which wrong passwords are counted.
        password_window_secs: u64 = 600, "seconds", in 1..=86_400;
        /// Callers that are kept count of at once. Past it those go first who
        /// have taken least.
        tracked_max: usize = 100_000, "callers", in 1_000..=10_000_000;
    }
}
